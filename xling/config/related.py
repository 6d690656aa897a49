"""The configurations of the runs that a run builds on or is compared with."""

import dataclasses

from xling.config.schema import FULL, Config, LeaveOut


def nothing_left_out(config: Config) -> Config:
    """Return the run that a fine-tuning without some examples is compared with."""
    return dataclasses.replace(config, leave_out=LeaveOut(None, "+", 1, 0))


def whole_model(config: Config) -> Config:
    """Return the run that one with subnetworks is compared with: all heads, in tuning and test."""
    tuning = dataclasses.replace(config.tuning, name="full", strict=False)
    return dataclasses.replace(config, tuning=tuning, subnetwork=FULL)


def alone(config: Config, language: str) -> Config:
    """Return the fine-tuning on a language alone, from which its subnetwork is pruned."""
    others = tuple(each for each in config.languages if each != language)
    return dataclasses.replace(
        nothing_left_out(whole_model(config)),
        exclude=others,
        imbalance=0,
        imbalance_language=None,
        compare_full=False,
    )
