"""`python -m xling.report FOLDER ...` makes the reports of finished runs and of sweeps again."""

import argparse
import sys
from pathlib import Path

from xling.errors import UserError
from xling.report import write_report
from xling.report.sweep_page import write_sweep
from xling.sweep.records import sweep_jobs


def main() -> None:
    """Write report.html and figures/ of each folder given and print where they are."""
    parser = argparse.ArgumentParser(prog="python -m xling.report", description=__doc__)
    parser.add_argument("folder", nargs="+", type=Path, help="folder of a finished run or sweep")
    for folder in parser.parse_args().folder:
        try:
            if (folder / "jobs").is_dir():
                print(write_sweep(folder, sweep_jobs(folder)))
            else:
                print(*write_report(folder), sep="\n")
        except UserError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
