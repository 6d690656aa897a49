"""The attribution methods that an evaluation compares, by the names of their files in conf/."""

import dataclasses
from collections.abc import Sequence
from functools import cache
from typing import Any

from xling.cli.compose import compose_config, conf_folder, resolved
from xling.config import Config, Influence, checked
from xling.errors import UserError, nearest

SCORED = ("similarity", "weights", "damping", "moments", "fit_examples")
"""Settings of a single method, which its scores depend on."""


def influences(config: Config) -> dict[str, Influence]:
    """Return the settings of each method in `faithfulness.methods`, by the name of its file.

    Those of its file, but for what the run itself says: of which part of the model all gradients
    are (`influence.parameters`); and the settings of the run's own method, if one file has it.

    Raises:
        UserError: there is no such file, or no method at all.
    """
    known = [file.stem for file in sorted((conf_folder() / "influence").glob("*.yaml"))]
    if not config.faithfulness.methods:
        raise UserError(f"faithfulness.methods=[]: write one or more of {', '.join(known)}.")
    found = {}
    for name in config.faithfulness.methods:
        if name not in known:
            raise UserError(
                f"faithfulness.methods: there is no influence={name}; there are "
                f"{', '.join(known)}.{nearest(name, known)}"
            )
        found[name] = _as_told(_composed(name), config.influence, known)
    return found


def _as_told(of_file: Influence, own: Influence, known: Sequence[str]) -> Influence:
    """Return the settings of a file with those that the run has for it."""
    told: dict[str, Any] = {"memory_gb": own.memory_gb}
    if "parameters" in of_file.uses:
        told["parameters"] = own.parameters
    mine = of_file.method == own.method
    if mine and [_composed(name).method for name in known].count(own.method) == 1:
        told |= {key: getattr(own, key) for key in SCORED if key in of_file.uses}
    return dataclasses.replace(of_file, **told)


@cache
def _composed(name: str) -> Influence:
    """Return the settings of a file, which takes a tenth of a second to compose."""
    return checked(resolved(compose_config([f"influence={name}"]))).influence
