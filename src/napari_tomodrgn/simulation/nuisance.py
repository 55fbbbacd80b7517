"""What differs between tomograms without any difference between the particles: noise, dose, missing tilts."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.simulation.options import SimulateOptions

_STREAM = 5  # of random numbers, beside those of plan and image formation


@dataclass(frozen=True)
class Nuisance:
    """One value a tomogram.

    Attributes
    ----------
    noise_factor
        (tomograms,) what both noise levels are multiplied by.
    dose_per_tilt
        (tomograms,) e/Å².
    shown
        (tomograms, T) which tilt images there are.
    """

    noise_factor: npt.NDArray[np.float64]
    dose_per_tilt: npt.NDArray[np.float64]
    shown: npt.NDArray[np.bool_]

    def ordered(self, order: npt.NDArray[np.int64]) -> "Nuisance":
        """Return the same with the tilts in another order."""
        return replace(self, shown=self.shown[:, order])


def draw_nuisance(options: SimulateOptions, tilts: int) -> Nuisance:
    """Spread noise, dose and missing tilts evenly over the tomograms, each in a random order of its own.

    Missing tilts are any tilts of the series: that is how bad images are left out of real ones, and their dose counts
    for the images taken after them.
    """
    generator = np.random.default_rng([options.seed, _STREAM])
    count = options.tomograms
    missing = generator.permutation(np.linspace(0, options.missing_tilts, count).round().astype(int))
    shown = np.ones((count, tilts), dtype=bool)
    for tomogram, lacking in enumerate(missing):
        shown[tomogram, generator.choice(tilts, lacking, replace=False)] = False
    return Nuisance(
        noise_factor=generator.permutation(np.linspace(1, options.noise_spread, count)),
        dose_per_tilt=options.dose_per_tilt * generator.permutation(np.linspace(1, 1 / options.dose_spread, count)),
        shown=shown,
    )
