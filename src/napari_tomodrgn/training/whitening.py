"""Noise that is not white: how strong images are at each resolution, tilt by tilt, and the weights that follow.

Least squares is the most likely estimate where every value is weighted by one over the variance of its noise. Images
are mostly noise, so that variance is taken to be their mean power in a shell of Fourier space, over the images that
are alike: those of one tomogram taken at one dose. The signal is in that power as well: where it is the stronger part,
which it may be at the lowest resolutions, a frequency counts for less than it could.

Noise that was attenuated with its signal is measured as it was before, as the weights' exposure and tilt are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.particles.particle_set import ParticleSet

if TYPE_CHECKING:
    from napari_tomodrgn.training.feeding import ImageSource
    from napari_tomodrgn.training.points import Weighting

MOST_IMAGES = 10_000  # that are looked at, always the same ones
FEWEST_IMAGES = 20  # that a spectrum is taken from
VALUES_AT_ONCE = 1 << 22
DOSES_APART = 0.01  # e/Å²
LEAST_POWER = 0.01  # of the median shell's: filtered images are empty somewhere, and would count without end there

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NoiseSpectra:
    """What loss weights are multiplied by: one over the power of groups of images.

    Attributes
    ----------
    factor
        (groups, D/2 + 1) float32, at |k| = 0, 1/D … 1/2; the group of an image is its ``TiltImages.noise_group``.
    level
        Power times factor, the same for all groups and shells: what noise has for a variance where its weight is 1.
    """

    factor: Tensor
    level: float

    def factors(self, tilts: TiltImages, lattice: Lattice) -> Tensor:
        """Return (n, P): what the loss weights of images are multiplied by."""
        assert tilts.noise_group is not None
        own = self.factor.to(tilts.noise_group.device)[tilts.noise_group]
        position = lattice.k.norm(dim=1) * lattice.box
        low = position.long()
        upper = position - low
        result: Tensor = own[:, low] * (1 - upper) + own[:, (low + 1).clamp(max=lattice.box // 2)] * upper
        return result

    def whitening(self, tilts: TiltImages, lattice: Lattice) -> Tensor:
        """Return (n, P): what makes the power of images 1 at every resolution, for the encoder to see."""
        return (self.factors(tilts, lattice) / self.level).sqrt()


def shells(lattice: Lattice) -> Tensor:
    """Return the shell (P,) of each point, 1 … D/2."""
    result: Tensor = (lattice.k.norm(dim=1) * lattice.box).round().long()
    return result


def with_noise_spectra(
    particle_set: ParticleSet,
    source: "ImageSource",
    tilts: TiltImages,
    lattice: Lattice,
    weighting: "Weighting",
    kept: npt.NDArray[np.int64],  # (M,) points of each image that count
    standard_deviation: float,
    device: torch.device,
) -> tuple[TiltImages, "Weighting"]:
    """Return parameters that say which group each image belongs to, and a weighting with the spectra, on a device.

    Their factors leave the mean weight of points that count as it was. All on the CPU and in float64, from images that
    are drawn with one seed, so that every process finds the same, whenever it asks.
    """
    sample = np.arange(len(tilts))
    if len(sample) > MOST_IMAGES:
        sample = np.sort(np.random.default_rng(0).choice(len(sample), MOST_IMAGES, replace=False))
    blocks = list(_blocks(sample, lattice))
    power = np.concatenate([_shell_means(_squares(source, rows), lattice) for rows in blocks])
    passed = np.concatenate(
        [_shell_means(tilts[torch.from_numpy(rows)].attenuation(lattice).double() ** 2, lattice) for rows in blocks]
    )
    group, spectra = _grouped(_labels(particle_set, tilts), sample, power, passed)

    tilts = replace(tilts, noise_group=torch.from_numpy(group))
    measured = NoiseSpectra(torch.from_numpy(np.concatenate([spectra[:, :1], spectra], axis=1) ** -1).float(), 1.0)
    before = after = 0.0
    counted = torch.from_numpy(kept)
    for rows in map(torch.from_numpy, blocks):
        inside = torch.arange(lattice.pairs) < counted[rows][:, None]
        weight = weighting.within_mask(tilts[rows], lattice).double() * inside
        before += float(weight.sum())
        after += float((weight * measured.factors(tilts[rows], lattice)).sum())
    level = before / after if after > 0 else 1.0
    scale = (source.standard_deviation / standard_deviation) ** 2  # of images as they are trained on
    return tilts, replace(weighting, spectra=NoiseSpectra((measured.factor * level).to(device), level * scale))


def _blocks(rows: npt.NDArray[np.int64], lattice: Lattice) -> Iterator[npt.NDArray[np.int64]]:
    """Yield so many rows at a time as are worked on at once."""
    size = max(1, VALUES_AT_ONCE // lattice.coordinates)
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]


def _squares(source: "ImageSource", rows: npt.NDArray[np.int64]) -> Tensor:
    """Return the power (n, P) of the images at ``rows``, the mean of both points of a pair."""
    return source.take(torch.from_numpy(rows)).cpu().double().square().mean(dim=1)


def _shell_means(values: Tensor, lattice: Lattice) -> Array:
    """Return the mean (n, D/2) over each shell of values (n, P), which are ordered by it."""
    shell = shells(lattice).numpy()
    first = np.flatnonzero(np.diff(shell, prepend=0))
    sums: Array = np.add.reduceat(values.numpy(), first, axis=1)
    return sums / np.diff(np.append(first, len(shell)))


def _labels(particle_set: ParticleSet, tilts: TiltImages) -> list[npt.NDArray[np.int64]]:
    """Return which images (M,) are alike: those of a tomogram and a dose, those of a dose, all of them."""
    owner = particle_set.tilt_images["particle"].to_numpy()
    tomogram = np.unique(particle_set.particles["tomogram"].to_numpy(str), return_inverse=True)[1][owner]
    dose = np.unique(np.rint(tilts.dose.numpy() / DOSES_APART), return_inverse=True)[1]
    both = np.unique(tomogram.astype(np.int64) * (int(dose.max()) + 1) + dose, return_inverse=True)[1]
    return [both, dose, np.zeros(len(dose), np.int64)]


def _grouped(
    labels: list[npt.NDArray[np.int64]], sample: npt.NDArray[np.int64], power: Array, passed: Array
) -> tuple[npt.NDArray[np.int64], Array]:
    """Return the group (M,) of every image, and the noise power (groups, D/2) of every group.

    An image's group is the first of its labels that enough images were drawn of.
    """
    group = np.full(len(labels[0]), -1)
    spectra: list[Array] = []
    for label in labels:
        drawn = label[sample]
        numbers = np.bincount(drawn, minlength=int(label.max()) + 1)
        enough = numbers >= (1 if label is labels[-1] else FEWEST_IMAGES)
        sums = np.zeros((2, len(numbers), power.shape[1]))
        for total, values in zip(sums, (power, passed), strict=True):
            np.add.at(total, drawn, values)
        number = len(spectra) + np.cumsum(enough) - 1
        fits = (group < 0) & enough[label]
        group[fits] = number[label][fits]
        spectra += [_smooth(own / np.maximum(there, 1e-12)) for own, there in zip(*sums[:, enough], strict=True)]
    return group, np.stack(spectra)


def _smooth(spectrum: Array) -> Array:
    """Return a spectrum (D/2,) whose shells are geometric means with their neighbours, and none next to empty."""
    least = LEAST_POWER * float(np.median(spectrum))
    logarithm = np.log(np.maximum(spectrum, least if least > 0 else 1.0))
    window = np.ones(3)
    result: Array = np.exp(
        np.convolve(logarithm, window, "same") / np.convolve(np.ones_like(logarithm), window, "same")
    )
    return result
