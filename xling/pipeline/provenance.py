"""What a run was made with."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "transformers",
    "datasets",
    "hydra-core",
    "numpy",
    "scipy",
)


def software() -> dict[str, str | None]:
    """Return the versions of Python, of this program (its commit, if known) and of libraries."""
    return {
        "python": platform.python_version(),
        "xling": version("xling"),
        "commit": commit(),
        **{package: version(package) for package in PACKAGES},
    }


def machine() -> dict[str, str | int | None]:
    """Return what the run was made on."""
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def commit() -> str | None:
    """Return the git commit that the program's own files stand at, if they are in a checkout."""
    here = Path(__file__).parent
    answer = subprocess.run(
        ["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    tracked = subprocess.run(
        ["git", "-C", here, "ls-files", "--error-unmatch", Path(__file__).name],
        capture_output=True,
        check=False,
    )
    return answer.stdout.strip() if answer.returncode == tracked.returncode == 0 else None
