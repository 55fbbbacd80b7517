"""The evidence for a particle, and for a selection, as curves."""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.particle_evidence import Order, ParticleEvidence
from napari_tomodrgn.analysis.selection_maps import HALF_MAPS_AT, SelectionMaps
from napari_tomodrgn.viewer.curves import BLUE, GREEN, GREY, ORANGE, Curves, Series

Coordinates = npt.NDArray[np.float32]


def loss_curves(evidence: ParticleEvidence, by: Order) -> Curves:
    """Return the loss of every tilt image with the particle's own volume."""
    x, name = evidence.against(by)
    order, held = evidence.order(by), ~evidence.trained
    series = [Series("loss", x[order], evidence.loss[order], BLUE, hollow=held[order])]
    return Curves((name, "loss"), tuple(series), message="rings: held out" if held.any() else "", numbered=True)


def gain_curves(evidence: ParticleEvidence, by: Order) -> Curves:
    """Return by how much the loss of every tilt image is lower with the particle's own volume than with the mean's."""
    x, name = evidence.against(by)
    order, held = evidence.order(by), ~evidence.trained
    gain = evidence.mean_loss - evidence.loss
    if not gain.any():
        return Curves(("", ""), message="The particle's volume is the mean volume")
    series = Series("mean volume's loss − own", x[order], gain[order], ORANGE, hollow=held[order])
    return Curves((name, "gain"), (series,), ((0.0, ""),), y=(0.0, 0.0), numbered=True)


def weight_curves(evidence: ParticleEvidence, by: Order) -> Curves:
    """Return the mean loss weight of every tilt image, and the share of its frequencies that count."""
    x, name = evidence.against(by)
    order, points = evidence.order(by), evidence.weights.shape[1]
    series = (
        Series("within dose mask", x[order], evidence.kept[order] / points, GREY),
        Series("mean weight", x[order], evidence.weight[order], GREEN),
    )
    return Curves((name, "share"), series, y=(0.0, 1.0), numbered=True)


def latent_curves(
    evidence: ParticleEvidence,
    by: Order,
    everyone: Coordinates,  # (N, C)
    own: Coordinates,  # (C,)
    tilts: Coordinates,  # (m, C), of the first m tilt images in the file's order
    message: str = "",
) -> Curves:
    """Return what each tilt image alone says of the latent, beside what all say, along two principal components."""
    if not everyone.shape[1]:
        return Curves(("", ""), message=message)

    def plane(values: Coordinates) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        x = values[:, 0].astype(np.float64)
        return x, values[:, 1].astype(np.float64) if values.shape[1] > 1 else np.zeros_like(x)

    series = [Series("all particles", *plane(everyone), GREY, line=False, cloud=True)]
    known = [tilt for tilt in evidence.order(by) if tilt < len(tilts)]
    if len(tilts) == len(evidence):
        series.append(Series("each tilt alone", *plane(tilts[known]), BLUE, line=False))
    elif len(tilts):
        series.append(Series(f"{len(tilts)} of {len(evidence)} tilts", *plane(tilts), BLUE, line=False))
    series.append(Series("this particle", *plane(own[None]), ORANGE, line=False))
    names = ("PC 1", "PC 2" if everyone.shape[1] > 1 else "")
    return Curves(names, tuple(series), message=message, numbered=len(tilts) == len(evidence))


def fsc_curves(maps: SelectionMaps) -> Curves:
    """Return both correlations over the spatial frequency."""
    series = (
        Series("half-maps", maps.frequencies[1:], maps.half_maps[1:], BLUE, marks=False),
        Series("map to map", maps.frequencies[1:], maps.between[1:], ORANGE, marks=False),
    )
    levels = ((HALF_MAPS_AT, str(HALF_MAPS_AT)), (0.0, ""))
    return Curves(("spatial frequency (1/Å)", "FSC"), series, levels, x=(0.0, 0.0), y=(-0.1, 1.0))
