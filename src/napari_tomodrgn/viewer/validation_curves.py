"""A validation's correlations, and how much of its difference the images show, as curves."""

import numpy as np

from napari_tomodrgn.analysis.validation.maps import BACKPROJECTION, DECODER_ONLY, HALF_MAPS, VAE
from napari_tomodrgn.analysis.validation.significance import INTERVAL
from napari_tomodrgn.analysis.validation.stored import StoredValidation
from napari_tomodrgn.viewer.curves import BLUE, GREEN, GREY, ORANGE, Curves, Series

SHORT = {VAE: "VAE", DECODER_ONLY: "decoder-only", BACKPROJECTION: "averaged"}
FREQUENCY = "spatial frequency (1/Å)"
WIDEST = 3.0  # 95 % interval of a shell that is shown


def pair_in_words(pair: str) -> str:
    """Return ``vae-backprojection`` as a person would say it."""
    return " – ".join(SHORT.get(way, way) for way in pair.split("-"))


def fsc_curves(found: StoredValidation) -> Curves:
    """Return the correlation of every two maps of the selection, and of its half-maps, over the spatial frequency."""
    frequency, colours = found.frequency, iter((BLUE, ORANGE, GREEN))
    series = [
        Series(pair_in_words(pair), frequency[1:], found.curves[pair].to_numpy()[1:], next(colours), marks=False)
        for pair in found.document["maps"]["correlation"]
    ]
    halves = found.curves["half_maps_corrected"].to_numpy()
    series.append(Series("half-maps", frequency[1:], halves[1:], GREY, marks=False))
    levels = ((HALF_MAPS, str(HALF_MAPS)), (0.0, ""))
    return Curves((FREQUENCY, "FSC"), tuple(series), levels, x=(0.0, 0.0), y=(-0.1, 1.0))


def amplitude_curves(found: StoredValidation) -> Curves:
    """Return how much of the decoded difference the images show in each shell, with the ends of its 95 % interval."""
    value, reach = found.curves["amplitude"].to_numpy(), INTERVAL * found.curves["amplitude_error"].to_numpy()
    shown = np.flatnonzero(np.isfinite(value) & np.isfinite(reach) & (reach < WIDEST))
    x = found.frequency[shown]
    if not len(shown):
        return Curves((FREQUENCY, "amplitude"), message="No shell can be told from nothing: too few images")
    series = (
        Series("95 %", x, (value - reach)[shown], GREY, marks=False),
        Series("", x, (value + reach)[shown], GREY, marks=False),
        Series("share of the difference in the images", x, value[shown], BLUE),
    )
    return Curves((FREQUENCY, "amplitude"), series, ((1.0, "all"), (0.0, "nothing")), x=(0.0, 0.0), y=(-0.5, 1.5))


def numbers_in_words(found: StoredValidation) -> str:
    """Return how far maps and differences agree, and the resolution of the only map that has one."""
    maps = found.document["maps"]
    lines = [
        f"{what}: " + ", ".join(f"{pair_in_words(pair)} {value:.2f}" for pair, value in maps[name].items())
        for name, what in (("correlation", "CC of maps"), ("correlation_of_differences", "of differences"))
    ]
    resolution = found.document["resolution_of_backprojection_angstrom"]
    half = "correlate nowhere above" if resolution is None else f"correlate to {resolution:.1f} Å at"
    lines.append(f"The half-maps of the backprojection {half} {HALF_MAPS}; decoded maps have no resolution.")
    return "\n".join(lines)
