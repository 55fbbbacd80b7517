"""Adam for tables of which a step sees a few rows: each row is treated as if it were alone.

An optimiser of whole tensors would go on moving the rows that a step does not see, by the momentum that they have.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

BETAS, EPSILON = (0.9, 0.999), 1e-8


class RowAdam:
    """Adam (Kingma and Ba 2015) on the rows of tables (N, …), each with moments and a count of steps of its own."""

    def __init__(self, tables: Sequence[nn.Parameter], learning_rate: float) -> None:
        self.tables, self.learning_rate = list(tables), learning_rate
        self.moments = [(torch.zeros_like(each.data), torch.zeros_like(each.data)) for each in self.tables]
        self.steps = torch.zeros(len(self.tables[0]), dtype=torch.int64, device=self.tables[0].device)

    @torch.no_grad()
    def step(self, rows: Tensor, scale: float = 1.0) -> None:
        """Move some rows (n,), none of them twice, by the gradient that their tables hold, multiplied by ``scale``.

        Of a gradient that is not finite, as happens where a scale is too large for fp16, nothing is taken.
        """
        self.steps[rows] += 1
        steps = self.steps[rows].float()[:, None]
        for table, (first, second) in zip(self.tables, self.moments, strict=True):
            if table.grad is None:
                continue
            gradient = (table.grad[rows] / scale).nan_to_num(0, 0, 0)
            first[rows] = BETAS[0] * first[rows] + (1 - BETAS[0]) * gradient
            second[rows] = BETAS[1] * second[rows] + (1 - BETAS[1]) * gradient**2
            mean, power = first[rows] / (1 - BETAS[0] ** steps), second[rows] / (1 - BETAS[1] ** steps)
            table[rows] -= self.learning_rate * mean / (power.sqrt() + EPSILON)

    def state(self) -> dict[str, Any]:
        """Return what changes, for a checkpoint."""
        return {"steps": self.steps, "moments": [list(each) for each in self.moments]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state` returned."""
        self.steps.copy_(state["steps"])
        for own, saved in zip(self.moments, state["moments"], strict=True):
            for mine, theirs in zip(own, saved, strict=True):
                mine.copy_(theirs)
