"""Measurements, run by hand: `python -m benchmarks.NAME`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def show(results: Mapping[str, Any], file: Path | None) -> None:
    """Print results, a line each, and write them to a file if there is one to be."""
    for name, value in results.items():
        print(f"{name:<28} {value:,.2f}" if isinstance(value, float) else f"{name:<28} {value}")
    if file:
        file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
