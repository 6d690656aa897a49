"""Configurations of the runs that a run builds on or is compared with."""

import dataclasses

from xling.config.schema import FULL, Config, Faithfulness, LeaveOut, Mixture, Recommend, Retrain


def base_run(config: Config) -> Config:
    """Return the run on all examples that fine-tunings on some of them are compared with."""
    return dataclasses.replace(
        config,
        leave_out=LeaveOut(None, "+", 1, 0),
        evaluate=None,
        mixture=Mixture(40, 3, "epochs"),
        faithfulness=Faithfulness(40, 8, ()),
        recommend=Recommend("mean", "language", "loss", None, (), 0.01, 3),
        retrain=Retrain(None, 0),
    )


def whole_model(config: Config) -> Config:
    """Return the run without subnetworks, to compare with: every head on in tuning and tests."""
    tuning = dataclasses.replace(config.tuning, name="full", strict=False)
    return dataclasses.replace(config, tuning=tuning, subnetwork=FULL)


def single_language(config: Config, language: str) -> Config:
    """Return the fine-tuning on one language only, from which its subnetwork is pruned."""
    others = tuple(other for other in config.languages if other != language)
    return dataclasses.replace(
        base_run(whole_model(config)),
        exclude=others,
        imbalance=0,
        imbalance_language=None,
        compare_full=False,
    )
