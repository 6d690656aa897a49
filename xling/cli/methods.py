"""The attribution methods that an evaluation compares, by the names of their files in conf/."""

import dataclasses
from functools import cache

from xling.cli.compose import compose_config, conf_folder, resolved
from xling.config import Config, Influence, checked
from xling.errors import UserError, nearest


def influences(config: Config) -> dict[str, Influence]:
    """Return the settings of each method in `faithfulness.methods`, by the name of its file.

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
        found[name] = dataclasses.replace(_composed(name), memory_gb=config.influence.memory_gb)
    return found


@cache
def _composed(name: str) -> Influence:
    """Return the settings of a file, which takes a tenth of a second to compose."""
    return checked(resolved(compose_config([f"influence={name}"]))).influence
