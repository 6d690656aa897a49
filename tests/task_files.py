"""Compose the configuration of a task from the text of its file, as --config-dir does."""

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from xling.cli.compose import conf_folder, resolved


def compose_task(folder: Path, task: str, *overrides: str) -> dict[str, Any]:
    """Return composed values.

    Args:
        folder: where the task's file is written.
        task: the text of the file, or the name of a task in conf/.
    """
    name = task
    if "\n" in task:
        name = "mine"
        (folder / "task").mkdir(parents=True, exist_ok=True)
        (folder / "task" / "mine.yaml").write_text(task, "utf-8")
    search = f"hydra.searchpath=[file://{folder}]" if "\n" in task else "seed=0"
    with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        return resolved(compose("config", [f"task={name}", *overrides, search]))
