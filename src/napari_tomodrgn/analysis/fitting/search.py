"""Where a model lies in a map: over all rotations and shifts, in both hands, then refined."""

from dataclasses import dataclass

import numpy as np

from napari_tomodrgn.analysis.fitting.placement import Hand, Placement
from napari_tomodrgn.analysis.fitting.refine import FINEST, SAMPLES_PER_RESOLUTION, Correlation, model_density, refined
from napari_tomodrgn.particles.atoms import Atoms
from napari_tomodrgn.particles.maps import Map, flip_hand
from napari_tomodrgn.reconstruction.align import Fit, rotational_search

HANDS: tuple[Hand, Hand] = ("keep", "flip")


@dataclass(frozen=True)
class HandFit:
    """The best fit in one hand of the map.

    Attributes
    ----------
    shells
        Mean Fourier shell correlation over the shells of the search; NaN where there was none.
    correlation
        Of the model's density and the map, where the model is.
    """

    placement: Placement
    shells: float
    correlation: float


def fit_model(atoms: Atoms, target: Map, *, resolution: float | None = None, search: bool = True) -> list[HandFit]:
    """Return the best fit of a model in a map as it is, and in its mirror image.

    Parameters
    ----------
    target
        Protein bright; its pixel size has to be right.
    resolution
        Å, at which model and map are compared; by default 2 pixels, or 10 Å where pixels are small.
    search
        Over all rotations and shifts; otherwise from where the model is, in the frame of the map.
    """
    resolution = max(2 * target.pixel_size, FINEST) if resolution is None else resolution
    model = model_density(atoms, resolution, resolution / SAMPLES_PER_RESOLUTION)
    if search:
        # the model is the reference, so that the map is what is mirrored
        both = rotational_search(target, model.density)
        starts = [
            (_inverted(fit, hand, model.centre), fit.score)
            for hand, fit in zip(HANDS, (both.keep, both.flip), strict=True)
        ]
    else:
        pivot = target.box // 2 * target.pixel_size
        starts = [(Placement(np.eye(3), np.full(3, -pivot), hand), float("nan")) for hand in HANDS]
    found = []
    for start, shells in starts:
        values = target.values if start.hand == "keep" else flip_hand(target.values)
        placement, score = refined(Correlation(model, Map(values, target.pixel_size)), model, start)
        found.append(HandFit(placement, shells, score))
    return found


def _inverted(fit: Fit, hand: Hand, centre: np.ndarray) -> Placement:
    """Return how the model lies in the map, from how the map was laid on the model about its centre.

    x_model - centre = R x_map + s, so x_map = Rᵀ x_model - Rᵀ (centre + s).
    """
    back = fit.rotation.T
    return Placement(back, -back @ (centre + fit.shift_angstrom), hand)
