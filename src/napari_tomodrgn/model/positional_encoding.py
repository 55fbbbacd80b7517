"""Frequencies at which the decoder sees a point of Fourier space."""

import math

import torch
from torch import Tensor

from napari_tomodrgn.model.architecture import PositionalEncoding


def frequencies(kind: PositionalEncoding, box: int, feature_sigma: float, seed: int) -> Tensor:
    """Return (3 D/2, 3) float32: vectors f whose sin f·k and cos f·k (k in cycles/px) are the decoder's input.

    Gaussian: f ~ N(0, 1) · sigma · D/2 (Tancik et al. 2020). The others stand along the axes, D/2 on each.
    """
    count = box // 2
    if kind == "gaussian":
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(3 * count, 3, generator=generator) * feature_sigma * (box / 2)
    steps = torch.arange(count, dtype=torch.float64)
    power = steps / max(count - 1, 1)
    axis = {
        "geom_ft": math.pi * box * (2 / box) ** power,
        "geom_full": math.pi * box * (1 / (math.pi * box)) ** power,
        "geom_lowf": box / 2 * (2 / box) ** power,
        "geom_nohighf": box / 2 * (4 * math.pi / box) ** power,
        "linear": steps + 1,
    }[kind]
    return torch.kron(torch.eye(3, dtype=torch.float64), axis[:, None]).float()


def encode(k3: Tensor, vectors: Tensor) -> Tensor:
    """Return the features (n, 2 F), [sin f·k, cos f·k], of points (n, 3) at vectors (F, 3)."""
    phase = k3.to(vectors.dtype) @ vectors.T
    return torch.cat([phase.sin(), phase.cos()], dim=-1)
