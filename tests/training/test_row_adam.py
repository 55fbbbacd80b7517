"""Adam on the rows that a step sees, against PyTorch's Adam on every row alone."""

import torch
from torch import nn

from napari_tomodrgn.training.row_adam import RowAdam


def test_every_row_moves_as_if_it_were_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    table = nn.Parameter(torch.randn(5, 3, generator=generator))
    alone = [nn.Parameter(table.detach()[row].clone()) for row in range(5)]
    theirs = [torch.optim.Adam([row], lr=0.1) for row in alone]
    ours = RowAdam([table], 0.1)
    for step in range(40):
        rows = torch.randperm(5, generator=generator)[: 1 + step % 3]
        table.grad = torch.randn(5, 3, generator=generator)
        for row in rows.tolist():
            alone[row].grad = table.grad[row].clone()
            theirs[row].step()
        if step == 20:  # taken up from a checkpoint
            other = RowAdam([table], 0.1)
            other.restore(ours.state())
            ours = other
        ours.step(rows)
    torch.testing.assert_close(table.detach(), torch.stack([row.detach() for row in alone]))
    assert len(set(ours.steps.tolist())) > 1
