"""The start of a run: its first line is printed before anything heavy is imported."""

from xling.cli.console import say
from xling.cli.messages import opening
from xling.config import Config


def start(config: Config, command: str) -> None:
    """Do what one configuration asks for.

    Args:
        command: what the user wrote, for the record.
    """
    if not config.has_base:
        say(opening(config))
    from xling.pipeline.run import job  # only now: torch and transformers take seconds to import

    job(config, command)
