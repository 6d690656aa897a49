"""`python -m xling.status FOLDER ...` tells how sweeps stand: done, running, failed, time left."""

import argparse
import sys
from pathlib import Path

from xling.errors import UserError
from xling.sweep.records import read_jobs, state_of
from xling.sweep.terminal import table, time_left


def main() -> None:
    """Print a table of the jobs of each folder given, or of every sweep below it."""
    parser = argparse.ArgumentParser(prog="python -m xling.status", description=__doc__)
    parser.add_argument("folder", nargs="*", type=Path, default=[Path("multirun")],
                        help="folder of a sweep, or multirun/ for all of its sweeps")  # fmt: skip
    try:
        for folder in parser.parse_args().folder:
            for sweep in sweeps(folder):
                jobs = read_jobs(sweep)
                states = [state_of(job) for job in jobs]
                print(f"\n{sweep}", *table(jobs, states), sep="\n")
                if left := time_left(states):
                    print(left)
    except UserError as error:
        sys.exit(f"xling: {error}")


def sweeps(folder: Path) -> list[Path]:
    """Return the folder itself if it is a sweep's, else the sweeps in it."""
    below = [each.parent for each in sorted(folder.glob("sweeps/*/jobs"))]
    return below if below and not (folder / "jobs").is_dir() else [folder]


if __name__ == "__main__":
    main()
