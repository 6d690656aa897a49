"""`python -m architecture_table FILE` in this folder writes the documentation's table."""

import re
import sys
from pathlib import Path

import torch
import transformers
from architectures import LENGTHS, NOT_BUILT, names, outcome


def table() -> str:
    """Return the page of the documentation, with what was measured here."""
    rows, refused = [], []
    for name in sorted({*names()} - NOT_BUILT.keys()):
        made = [outcome(name, lengths) for lengths in LENGTHS.values()]
        if any(one.refused for one in made):
            refused.append(f"- `{name}`: {made[0].refused}")
            continue
        worst = max(made, key=lambda one: one.difference)
        apart = next((one.apart for one in made if one.apart), "")
        apart = re.sub(r" \(.*|the gradient of [\w.]+ in", lambda m: _shorter(m[0]), apart)
        precision = "" if worst.dtype == torch.float64 else " (single)"
        rows.append(
            f"| `{name}` | {worst.difference:.0e}{precision} | {len(worst.unreached) or ''} "
            f"| {apart} |"
        )
    return PAGE.format(
        version=transformers.__version__,
        rows="\n".join(rows),
        refused="\n".join(refused),
        untested="\n".join(f"- `{name}`: {why}" for name, why in NOT_BUILT.items()),
        count=len(rows),
    )


def _shorter(text: str) -> str:
    return "the gradient of a parameter in" if text.startswith("the gradient") else ""


PAGE = """# Architectures

Written by `python -m architecture_table ../docs/architectures.md` in the folder of the tests, with
transformers {version}; `pytest -m slow tests/test_architectures.py` makes the same comparison.

Each of the {count} architectures of the first table was built small, with random weights of which
none has a special value. The gradient of every parameter, of every example, sketched without
projection in batches with padding whose size divides the length, equals it, or does neither, was
compared with autograd's on that example alone. "Difference" is the largest relative difference of
any parameter, in double precision with rows stored in single precision, or in single precision
where the model works in no other; "unreached" the number of parameters that no gradient reaches,
which count as zero; the last column says why examples are sketched one at a time, where they are.
All others are sketched in batches.

| architecture | difference | unreached | one at a time, because |
|---|---|---|---|
{rows}

Of an encoder–decoder the encoder is taken, of a model with images the text model.

## Refused

{refused}

## Not tested

{untested}
"""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(table(), encoding="utf-8")
