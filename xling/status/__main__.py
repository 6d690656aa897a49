"""Print the state of sweeps: jobs that are finished, running or failed, and the time left."""

import argparse
import sys
from pathlib import Path

from xling.errors import UserError
from xling.sweep.records import read_jobs, state_of
from xling.sweep.terminal import state_lines, time_left


def main() -> None:
    """Print a table of the jobs of each sweep in the folders on the command line."""
    parser = argparse.ArgumentParser(prog="python -m xling.status", description=__doc__)
    parser.add_argument("folder", nargs="*", type=Path, default=[Path("multirun")],
                        help="folder of a sweep, or multirun/ for all sweeps in it")  # fmt: skip
    try:
        for folder in parser.parse_args().folder:
            for sweep in sweeps(folder):
                jobs = read_jobs(sweep)
                states = [state_of(job) for job in jobs]
                print(f"\n{sweep}", *state_lines(jobs, states), sep="\n")
                if estimate := time_left(states):
                    print(estimate)
    except UserError as error:
        sys.exit(f"xling: {error}")


def sweeps(folder: Path) -> list[Path]:
    """Return the folder itself if it is a sweep, else the sweeps below it."""
    below = [jobs.parent for jobs in sorted(folder.glob("sweeps/*/jobs"))]
    if not below and not (folder / "jobs").is_dir():
        raise UserError(
            f"{folder} has no sweep. A sweep is made by --multirun or experiment=NAME; name its "
            "folder, .../sweeps/NAME, or the one with all runs."
        )
    return below if below and not (folder / "jobs").is_dir() else [folder]


if __name__ == "__main__":
    main()
