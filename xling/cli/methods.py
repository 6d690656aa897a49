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
    are (`influence.parameters`); and the settings of the run's own method, in place of those of the
    file that differs least from them.

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
        found[name] = _as_told(name, config.influence, known)
    return found


def _as_told(name: str, own: Influence, known: Sequence[str]) -> Influence:
    """Return the settings of a file with those that the run has for it."""
    of_file = _composed(name)
    told: dict[str, Any] = {"memory_gb": own.memory_gb}
    if "parameters" in of_file.uses:
        told["parameters"] = own.parameters
    if name == _nearest_file(own, known):
        told |= {key: getattr(own, key) for key in SCORED if key in of_file.uses}
    return dataclasses.replace(of_file, **told)


def _nearest_file(own: Influence, known: Sequence[str]) -> str | None:
    """Return which file of the run's own method differs least from its settings, the first of two.

    None if it has no file.
    """

    def differing(name: str) -> int:
        of_file = _composed(name)
        return sum(getattr(of_file, key) != getattr(own, key) for key in of_file.uses)

    files = [name for name in known if _composed(name).method == own.method]
    return min(files, key=differing, default=None)


@cache
def _composed(name: str) -> Influence:
    """Return the settings of a file, which takes a tenth of a second to compose."""
    return checked(resolved(compose_config([f"influence={name}"]))).influence
