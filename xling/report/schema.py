"""What a table is documented by, and the words that several tables share."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Schema:
    """A table's purpose and its columns with what they hold; `gaps` may lack values."""

    about: str
    columns: dict[str, str]
    required: bool = True
    gaps: tuple[str, ...] = ()


EPOCH = "epoch, from 1; 0 is the sum over the checkpoints"
INTERVAL = "end of the 95% bootstrap interval over test examples"
SIGN = "+ for the most positive, - for the most negative training examples"
