"""`python -m xling.report FOLDER ...` makes the report and the figures of finished runs again."""

import argparse
import sys
from pathlib import Path

from xling.errors import UserError
from xling.report import figures, write


def main() -> None:
    """Write report.html and figures/ of each folder given and print where they are."""
    parser = argparse.ArgumentParser(prog="python -m xling.report", description=__doc__)
    parser.add_argument("folder", nargs="+", type=Path, help="folder of a finished run")
    for folder in parser.parse_args().folder:
        try:
            print(write(folder))
            print(*figures(folder), sep="\n")
        except UserError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
