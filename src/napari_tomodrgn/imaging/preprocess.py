"""From tilt images as stored to what the network is compared with."""

import torch
from torch import Tensor

from napari_tomodrgn.imaging.hartley import hartley2, pairs_of_plane, shift_pairs
from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.imaging.window import soft_circle


def preprocess(
    images: Tensor,  # (n, D, D), any real type
    shift_px: Tensor,  # (n, 2) x, y
    lattice: Lattice,
    *,
    contrast: str = "bright",
    window: bool = True,
    window_radii: tuple[float, float] = (0.8, 0.9),
) -> Tensor:
    """Return Hartley pairs (n, 2, P) float32 of centred images whose particles are positive; not yet standardised.

    Window, Hartley transform, sign, symmetrise, shift, in this order. ``shift_px`` moves the content.
    """
    images = images.to(torch.float32)
    if window:
        images = images * soft_circle(lattice.box, *window_radii).to(images)
    pairs = pairs_of_plane(hartley2(images), lattice)
    if contrast == "dark":
        pairs = -pairs
    return shift_pairs(pairs, shift_px, lattice)
