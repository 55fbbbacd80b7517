"""The soft round windows of real-space images and maps."""

import torch
from torch import Tensor


def soft_circle(box: int, inner: float = 0.8, outer: float = 0.9) -> Tensor:
    """Return a (D, D) window: 1 within ``inner`` of the half-box, 0 beyond ``outer``, a cosine edge between."""
    return _soft_ball(box, 2, inner, outer)


def soft_sphere(box: int, inner: float = 0.8, outer: float = 0.9) -> Tensor:
    """Return a (D, D, D) window: 1 within ``inner`` of the half-box, 0 beyond ``outer``, a cosine edge between."""
    return _soft_ball(box, 3, inner, outer)


def _soft_ball(box: int, dimensions: int, inner: float, outer: float) -> Tensor:
    steps = torch.arange(box, dtype=torch.float32) - box // 2
    squared = sum(axis**2 for axis in torch.meshgrid([steps] * dimensions, indexing="ij"))
    radius = torch.sqrt(torch.as_tensor(squared)) / (box / 2)
    return 0.5 + 0.5 * torch.cos(torch.pi * ((radius - inner) / (outer - inner)).clamp(0, 1))
