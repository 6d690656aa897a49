"""Positions that nothing depends on: padding, and all but the classified one in the last layer.

What is left out is not taken on trust: its gradient must turn out to be zero.
"""

from collections import Counter

import torch
from torch import Tensor

from xling.sketch.calls import ActiveRows, Call, Embedding, Linear, any_nonzero


class Idle:
    """What is known of one batch's idle positions, and whether it proved right.

    Args:
        firsts: uses of weights on whose first position alone the losses depend; a batch of one
            adds those that it finds. None: compute every position.
        batch: number of examples.
    """

    def __init__(self, firsts: set[str] | None, batch: int) -> None:
        self.firsts, self.batch = firsts, batch
        self._astray: list[Tensor] = []
        self._uses: Counter[str] = Counter()
        self._tokens: tuple[torch.Size, ActiveRows | None] | None = (
            None  # shape, all but the padding
        )

    def narrow(self, call: Call, x: Tensor, weight: str | None) -> str | None:
        """Tell a call which positions to leave out, if it can; return what to call this use."""
        if isinstance(call, Embedding):
            if self._tokens is None and call.padding is not None and x.dim() == 2:
                self._tokens = x.shape, ActiveRows.of(x != call.padding)
            return None
        if self.firsts is None or not isinstance(call, Linear) or x.dim() != 3:
            return None
        self._uses[weight] += 1
        use = f"{weight} {self._uses[weight]}"
        if self.batch > 1:
            if use in self.firsts:
                positions = torch.arange(x.shape[1], device=x.device)
                call.reach = ActiveRows.of((positions == 0).expand(x.shape[:2]), even=True)
            elif self._tokens and self._tokens[0] == x.shape[:2]:
                call.reach = self._tokens[1]
        return use

    def verify(self, call: Call, gradient: Tensor, use: str | None) -> None:
        """Check that what a call left out has no gradient; learn from a batch of one."""
        if use is None:
            return
        rows = gradient.reshape(-1, gradient.shape[-1])
        if call.reach is not None:
            self._astray.append(any_nonzero(rows.index_select(0, call.reach.outside)))
        elif self.batch == 1 and len(rows) > 1 and not any_nonzero(rows[1:]):
            self.firsts.add(use)

    def assumption_failed(self) -> bool:
        """Tell whether a position that was left out had a gradient: then nothing here holds."""
        return bool(self._astray) and bool(torch.stack(self._astray).any())
