"""Positions that nothing depends on: padding, and all but the classified one in the last layer.

What is left out is not taken on trust: its gradient must turn out to be zero.
"""

from collections import Counter

import torch
from torch import Tensor

from xling.sketch.calls import ActiveRows, Call, EmbeddingLookup, Linear, any_nonzero


class IdlePositions:
    """The positions of one batch that are assumed to be idle, and whether the assumption held.

    Args:
        first_only: uses of weights of which only the first position affects the losses; a batch of
            one adds those that it discovers. None: compute every position.
        batch: number of examples.
    """

    def __init__(self, first_only: set[str] | None, batch: int) -> None:
        self.first_only, self.batch = first_only, batch
        self._nonzero: list[Tensor] = []  # one flag per call that left positions out
        self._uses: Counter[str] = Counter()
        # The shape of the token ids, and the rows that are not padding.
        self._tokens: tuple[torch.Size, ActiveRows | None] | None = None

    def narrow(self, call: Call, x: Tensor, weight: str | None) -> str | None:
        """Set the positions that a call leaves out, if any; return the name of this use."""
        if isinstance(call, EmbeddingLookup):
            if self._tokens is None and call.padding is not None and x.dim() == 2:
                self._tokens = x.shape, ActiveRows.from_mask(x != call.padding)
            return None
        if self.first_only is None or not isinstance(call, Linear) or x.dim() != 3:
            return None
        if weight is None:
            return None
        self._uses[weight] += 1
        use = f"{weight} {self._uses[weight]}"
        if self.batch > 1:
            if use in self.first_only:
                positions = torch.arange(x.shape[1], device=x.device)
                first = (positions == 0).expand(x.shape[:2])
                call.active_rows = ActiveRows.from_mask(first, even=True)
            elif self._tokens and self._tokens[0] == x.shape[:2]:
                call.active_rows = self._tokens[1]
        return use

    def verify(self, call: Call, gradient: Tensor, use: str | None) -> None:
        """Check that what a call left out has no gradient; learn from a batch of one."""
        if use is None or self.first_only is None or not isinstance(call, Linear):
            return
        rows = gradient.reshape(-1, gradient.shape[-1])
        if call.active_rows is not None:
            self._nonzero.append(any_nonzero(rows.index_select(0, call.active_rows.outside)))
        elif self.batch == 1 and len(rows) > 1 and not any_nonzero(rows[1:]):
            self.first_only.add(use)

    def assumption_failed(self) -> bool:
        """Tell whether a position that was left out had a gradient: then nothing here holds."""
        return bool(self._nonzero) and bool(torch.stack(self._nonzero).any())
