"""From maps and a plan to tilt images, in the order of the paper's recipe."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.transfer import Transfer

SAMPLED_PARTICLES = 200
_STRUCTURAL, _SHOT, _SAMPLE = 1, 2, 3  # streams of random numbers beside the plan's


@dataclass(frozen=True)
class NoiseLevels:
    """Standard deviations of the noise: one value each for the whole data set, or a class would show in its noise."""

    structural: float
    shot: float


class ImageFormation:
    """Forms the tilt images of one particle after another, each alone.

    Parameters
    ----------
    volumes
        (S, D, D, D), axes z, y, x, protein positive: of the states, or of the steps of a motion.
    plan
        What to simulate.
    """

    def __init__(self, volumes: npt.NDArray[np.floating], plan: Plan) -> None:
        self.plan = plan
        self.box = int(volumes.shape[-1])
        self._projectors = [Projector(torch.from_numpy(np.array(each, dtype=np.float32))) for each in volumes]
        # Projectors leave the mean out. Without it the corners of an image would tell how heavy its particle is.
        self._means = [float(each.sum()) / self.box**2 for each in volumes]
        self._transfer = Transfer(plan.options, plan.forward_model, self.box)
        self.noise = self._measure() if plan.options.noise else NoiseLevels(0.0, 0.0)

    def particles(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the images (T or fewer, D, D) of every particle, as they are written."""
        for row in range(len(self.plan)):
            yield self.images(row).numpy()

    def images(self, row: int) -> Tensor:
        """Return the images (T, D, D) of one particle, those that are not there left out."""
        factor = float(self.plan.nuisance.noise_factor[self.plan.tomogram[row]])
        specimen = self._specimen(row) + self._random(_STRUCTURAL, row, factor * self.noise.structural)
        microscope = self._through_microscope(specimen, row) + self._random(_SHOT, row, factor * self.noise.shot)
        extracted = self._transfer.extracted(microscope, self._dose(row), self._cosine(), self._defocus(row))
        return extracted[torch.from_numpy(self.plan.shown[row])]

    def _specimen(self, row: int) -> Tensor:
        """Return damped projections (T, D, D), 0 where there is nothing."""
        plan = self.plan
        rotation = torch.from_numpy(plan.rotations[row]).float()
        shift = torch.from_numpy(plan.displacement[row]).float()
        clean = torch.zeros(len(rotation), self.box, self.box)
        for number, share in plan.maps_of(row):
            clean += share * (self._projectors[number].images(rotation, lattice(self.box), shift) + self._means[number])
        return self._transfer.damped(clean, self._dose(row))

    def _through_microscope(self, specimen: Tensor, row: int) -> Tensor:
        return self._transfer.detected(specimen, self._cosine(), self._defocus(row))

    def _measure(self) -> NoiseLevels:
        """Return the noise levels that give the set the ratios of variances asked for, from a sample of particles."""
        plan, options = self.plan, self.plan.options
        generator = np.random.default_rng([options.seed, _SAMPLE])
        count = min(SAMPLED_PARTICLES, len(plan))
        rows = np.sort(generator.choice(len(plan), count, replace=False))
        specimens = [self._specimen(row) for row in rows]
        structural = _deviation(specimens) / np.sqrt(options.structural_snr)
        blurred = [
            self._through_microscope(specimen + self._random(_STRUCTURAL, row, structural), row)
            for row, specimen in zip(rows, specimens, strict=True)
        ]
        return NoiseLevels(structural, _deviation(blurred) / float(np.sqrt(options.shot_snr)))

    def _random(self, stream: int, row: int, deviation: float) -> Tensor:
        """Return noise (T, D, D) that depends on the seed, the particle and when an image was taken alone."""
        shape = (len(self.plan.tilts), self.box, self.box)
        if deviation == 0:
            return torch.zeros(shape)
        generator = np.random.default_rng([self.plan.options.seed, stream, row])
        values = generator.standard_normal(shape, dtype=np.float32)[self.plan.acquired]
        return torch.from_numpy(values) * deviation

    def _dose(self, row: int) -> Tensor:
        return torch.from_numpy(self.plan.dose[self.plan.tomogram[row]]).float()

    def _defocus(self, row: int) -> Tensor:
        return torch.from_numpy(self.plan.defocus[row]).float()

    def _cosine(self) -> Tensor:
        return torch.from_numpy(self.plan.tilt_cosine).float()


def _deviation(images: list[Tensor]) -> float:
    """Return the standard deviation of all pixels, each image's mean left out."""
    return float(np.sqrt(np.mean([each.var(dim=(-2, -1), correction=0).mean().item() for each in images])))
