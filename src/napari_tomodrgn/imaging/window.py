"""The soft circular window of real-space images."""

import torch
from torch import Tensor


def soft_circle(box: int, inner: float = 0.8, outer: float = 0.9) -> Tensor:
    """Return a (D, D) window: 1 within ``inner`` of the half-box, 0 beyond ``outer``, a cosine edge between."""
    steps = torch.arange(box, dtype=torch.float32) - box // 2
    radius = torch.hypot(steps[:, None], steps[None, :]) / (box / 2)
    return 0.5 + 0.5 * torch.cos(torch.pi * ((radius - inner) / (outer - inner)).clamp(0, 1))
