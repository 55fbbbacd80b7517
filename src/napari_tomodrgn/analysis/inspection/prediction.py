"""How well one half of the particles predicts the images of the other, under a hypothesis about image formation.

An image is taken to be X = T·slice(V) + noise of variance s·M, where T is everything the signal went through and M
what the extraction program did to the noise. V comes from the particles of the other half by least squares; the scale
of the prediction, which also says how far V can be trusted, and the level s of the noise are fitted in each shell, and
s also gets a factor for each tomogram. What is returned is the logarithm of the Gaussian likelihood, so a hypothesis
gains by predicting the signal and by knowing where the noise is low.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.analysis.inspection.evidence import Evidence, FloatArray, Slices, grid_shells, sum_by
from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.imaging.window import soft_circle
from napari_tomodrgn.particles.forward_model import ForwardModel

FLOOR = 0.1  # of a shell's mean weight, added to every voxel's
LEAST_NOISE = 1e-3  # of the mean: what rounding and interpolation leave in the zeros of the CTF
ROUNDS = 3


@dataclass(frozen=True)
class Hypothesis:
    """What signal and noise went through: ``transfer`` T and ``noise`` M, (n, P) each."""

    transfer: FloatArray
    noise: FloatArray


@dataclass(frozen=True)
class Prediction:
    """What a hypothesis achieves.

    Attributes
    ----------
    score
        (N,) log-likelihood of each particle's images.
    fsc
        (D/2 + 1,) Fourier shell correlation of the two halves' maps.
    """

    score: npt.NDArray[np.float64]
    fsc: npt.NDArray[np.float64]


def hypothesis(evidence: Evidence, tilts: TiltImages | None = None, **fields: object) -> Hypothesis:
    """Return what the set's forward model means, with ``fields`` of it replaced and other tilt parameters if given.

    Radiation damage and thickness weaken the signal in every case; what an extraction program multiplied in comes on
    top, and weakens the noise too.
    """
    tilts = evidence.tilts if tilts is None else tilts
    model: ForwardModel = tilts.forward_model.override(**fields)
    damage = tilts.exposure(evidence.lattice) * tilts.tilt_cosine[:, None]
    transfer = damage * replace(tilts, forward_model=model).transfer(evidence.lattice)
    return Hypothesis(transfer.numpy(), _noise(evidence, replace(tilts, forward_model=model)).numpy())


def _noise(evidence: Evidence, tilts: TiltImages) -> Tensor:
    """Return the power (n, P) that white noise has left, smeared by the images' window.

    A window w multiplies the noise's autocorrelation by that of w, which fills the zeros of the CTF.
    """
    if tilts.forward_model.ctf_power != 2 and tilts.forward_model.attenuation == "none":
        return torch.ones(len(tilts), evidence.lattice.pairs)
    plane = _plane(evidence.lattice.box)
    applied = tilts.attenuation(plane) ** 2
    if tilts.forward_model.ctf_power == 2:
        applied = applied * tilts.ctf(plane) ** 2
    box = evidence.lattice.box
    window = torch.fft.fft2(soft_circle(box)).abs() ** 2
    autocorrelation = torch.fft.ifft2(window).real
    power = torch.fft.ifft2(applied.reshape(-1, box, box)) * (autocorrelation / autocorrelation[0, 0])
    smeared = torch.fft.fft2(power).real.flatten(1)
    x, y = (evidence.lattice.k * box).round().long().T % box
    result: Tensor = smeared[:, y * box + x]
    return result.clamp(min=LEAST_NOISE * float(result.mean()))


@lru_cache(maxsize=4)
def _plane(box: int) -> Lattice:
    """Return all D x D points of the transform, row by row, DC first."""
    steps = torch.fft.fftfreq(box)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    every = torch.arange(box * box)
    return Lattice(box, torch.stack([x.flatten(), y.flatten()], dim=1), every, every)


def predict(evidence: Evidence, slices: tuple[Slices, Slices], given: Hypothesis) -> Prediction:
    """Predict each half's images from the other half's map."""
    grids = tuple(_map(evidence, half, given) for half in slices)
    predicted = np.empty_like(evidence.values)
    for half, other in zip(slices, grids[::-1], strict=True):
        predicted[half.rows] = half.read(other) * given.transfer[half.rows]
    return Prediction(score(evidence, predicted, given), _fsc(evidence, *grids))


def score(evidence: Evidence, predicted: npt.NDArray[np.complex64], given: Hypothesis) -> npt.NDArray[np.float64]:
    """Return the log-likelihood (N,) of the particles' images, their predictions (n, P) scaled shell by shell."""
    shells = _indicator(evidence.shell)
    product = (evidence.values.conj() * predicted).real / given.noise
    power = np.abs(predicted) ** 2 / given.noise
    gain = np.clip((product.sum(0) @ shells) / np.maximum(power.sum(0) @ shells, 1e-30), 0, None)
    residual = np.abs(evidence.values - gain[evidence.shell].astype(np.float32) * predicted) ** 2 / given.noise
    count = shells.sum(0)
    per_shell = (residual @ shells).astype(np.float64)  # (n, shells)
    log_noise = (np.log(given.noise) @ shells).sum(1)
    return _gaussian(evidence, per_shell, log_noise, count)


def _gaussian(
    evidence: Evidence,
    per_shell: npt.NDArray[np.float64],
    log_noise: npt.NDArray[np.float64],
    count: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return (N,) likelihoods of residuals summed over shells (n, shells) of ``count`` points each."""
    used = count > 0
    mean = per_shell[:, used] / count[used]
    group = evidence.noise_group
    factor = np.ones(group.max() + 1)
    for _ in range(ROUNDS):
        level = (mean / factor[group, None]).mean(0)
        ratio = (mean / level) @ count[used] / count.sum()
        factor = sum_by(group, ratio) / np.bincount(group)
    variance = level * factor[group, None]
    image_score = -((np.log(variance) + mean / variance) @ count[used]) - log_noise
    return sum_by(evidence.particle, image_score, len(evidence.particle_set))


def _map(evidence: Evidence, half: Slices, given: Hypothesis) -> FloatArray:
    """Return the least-squares map of one half on the grid (voxels, 2)."""
    transfer, noise = given.transfer[half.rows], given.noise[half.rows]
    weight = transfer / noise
    sums, total = half.insert(weight * evidence.values[half.rows], weight * transfer)
    shells = grid_shells(evidence.lattice.box)
    mean = sum_by(shells, total) / np.maximum(sum_by(shells, (total > 0).astype(np.float32)), 1)
    regularised = total + (FLOOR * mean)[shells] + 1e-20
    values: FloatArray = (sums / regularised[:, None]).astype(np.float32)
    return values


def _fsc(evidence: Evidence, first: FloatArray, second: FloatArray) -> npt.NDArray[np.float64]:
    shells = grid_shells(evidence.lattice.box)
    count = evidence.lattice.box // 2 + 1

    def summed(values: FloatArray) -> npt.NDArray[np.float64]:
        return sum_by(shells, values.sum(1))[:count]

    norm = np.sqrt(summed(first**2) * summed(second**2))
    curve = np.divide(summed(first * second), norm, out=np.zeros(count), where=norm > 0)
    curve[0] = 1.0
    return curve


def _indicator(shell: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return (P, shells): 1 where a point lies in a shell."""
    indicator: FloatArray = (shell[:, None] == np.arange(shell.max() + 1)).astype(np.float32)
    return indicator
