"""Whether the pixels are as expected, and how many tilt images the particles have."""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.inspection.check import Check
from napari_tomodrgn.particles.particle_set import ParticleSet

FLAT = 1e-6  # of the usual standard deviation
WIDEST = 100.0  # times the median
POOR = 0.5  # of the median number of tilt images


def check_images(
    deviation: npt.NDArray[np.floating],  # (n,) standard deviation of each image looked at
    mean: npt.NDArray[np.floating],  # (n,) and mean
) -> Check:
    """Look for images that are flat or out of scale; pixels that are no numbers are refused when they are read."""
    usual = float(np.median(deviation))
    flat = int(np.sum(deviation <= FLAT * usual)) if usual > 0 else len(deviation)
    wild = int(np.sum(deviation > WIDEST * usual))
    spread = float(np.std(deviation) / usual) if usual > 0 else float("inf")
    found = f"standard deviation {usual:.4g} (varies by {100 * spread:.2g} %), mean {float(np.median(mean)):.4g}"
    expected = "finite, none flat"
    if flat or wild:
        text = f"{flat} of {len(deviation)} images are flat and {wild} are {WIDEST:.0f} times stronger than usual"
        return Check("images", "warn", found, expected, None, f"{text}; leave them out or extract them again")
    text = f"{len(deviation)} images looked at: all finite, none flat; {found}"
    return Check("images", "ok", found, expected, None, text)


def check_tilts(particle_set: ParticleSet) -> Check:
    """Compare the numbers of tilt images of the particles; concatenating pooling uses as many as the poorest has."""
    count = particle_set.tilts_per_particle
    found = {"min": int(count.min()), "median": float(np.median(count)), "max": int(count.max())}
    expected = "about as many for every particle"
    text = f"{found['min']} to {found['max']} tilt images a particle, median {found['median']:.4g}"
    if found["min"] == found["max"]:
        text = f"{found['min']} tilt images a particle"
    poor = int(np.sum(count < POOR * np.median(count)))
    if poor:
        text = f"{text}; {poor} particles have less than half of that: leave them out, or pool over all tilts"
        return Check("tilts", "warn", found, expected, None, text)
    return Check("tilts", "ok", found, expected, None, text)
