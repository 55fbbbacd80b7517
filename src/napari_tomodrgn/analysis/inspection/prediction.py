"""How well one half of the particles predicts the images of the other, under a hypothesis about image formation.

An image is taken to be X = T·slice(V) + noise of variance s·M, where T is everything the signal went through and M
what the extraction program did to the noise. V comes from the particles of the other half by least squares; the scale
of the prediction, which also says how far V can be trusted, and the level s of the noise are fitted in each shell, and
s also gets a factor for each tomogram. Structure that V lacks (neighbours, ice, other conformations) went through T
like the signal, so that the residual's variance is s·M + u·T², with a u for each shell. What is returned is the
logarithm of the Gaussian likelihood, so a hypothesis gains by predicting the signal and by knowing where the noise is
low.
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
LEAST_LEVEL = 0.05  # of the variance in a shell is noise
SAME_PATTERN = 1e-4  # 1 - cos² of the angle between two patterns that can't be told apart
LEAST_NOISE = 1e-3  # of the mean: what rounding and interpolation leave in the zeros of the CTF
ROUNDS = 3

FloatArray64 = npt.NDArray[np.float64]


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
    """

    score: npt.NDArray[np.float64]


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
    return Prediction(score(evidence, predicted, given))


def score(evidence: Evidence, predicted: npt.NDArray[np.complex64], given: Hypothesis) -> npt.NDArray[np.float64]:
    """Return the log-likelihood (N,) of the particles' images, their predictions (n, P) scaled shell by shell."""
    shells = _indicator(evidence.shell)
    product = (evidence.values.conj() * predicted).real / given.noise
    power = np.abs(predicted) ** 2 / given.noise
    gain = np.clip((product.sum(0) @ shells) / np.maximum(power.sum(0) @ shells, 1e-30), 0, None)
    residual = np.abs(evidence.values - gain[evidence.shell].astype(np.float32) * predicted) ** 2
    variance = _variance(evidence, residual, given)
    image_score = -(np.log(variance) + residual / variance).sum(1, dtype=np.float64)
    return sum_by(evidence.particle, image_score, len(evidence.particle_set))


def _variance(evidence: Evidence, residual: FloatArray, given: Hypothesis) -> FloatArray:
    """Return the variance (n, P) that explains squared residuals best: f s M + u T².

    Levels s of noise and u of structure are those of each shell, factors f those of each noise group. They are found
    by Fisher's scoring: least squares, weighted with the inverse square of the last round's variance.
    """
    shell, group = evidence.shell, evidence.noise_group
    indicator = _indicator(shell)
    structure = given.transfer**2
    factor = np.ones(group.max() + 1)

    def sums(values: FloatArray) -> FloatArray64:
        result: FloatArray64 = values.sum(0, dtype=np.float64) @ indicator
        return result

    level = _ratio(sums(residual / given.noise), sums(np.ones_like(residual)))
    variance: FloatArray = given.noise * level[shell].astype(np.float32)
    for _ in range(ROUNDS):
        noise = given.noise * factor[group, None].astype(np.float32)
        by_noise, by_structure = noise / variance**2, structure / variance**2
        level, unexplained = _levels(
            sums(by_noise * noise),
            sums(by_noise * structure),
            sums(by_structure * structure),
            sums(by_noise * residual),
            sums(by_structure * residual),
        )
        noise = noise * level[shell].astype(np.float32)
        variance = noise + structure * unexplained[shell].astype(np.float32)
        share = noise / variance
        seen = (share * residual / variance).sum(1, dtype=np.float64)
        factor = factor * sum_by(group, seen) / sum_by(group, share.sum(1, dtype=np.float64))
    return variance


def _levels(
    nn: FloatArray64,
    ns: FloatArray64,
    ss: FloatArray64,
    nr: FloatArray64,
    sr: FloatArray64,
) -> tuple[FloatArray64, FloatArray64]:
    """Return the levels (shells,) of noise n and structure s that add up to r, from their weighted products.

    Structure is 0 or more, noise at least ``LEAST_LEVEL`` of what it is alone. Where both have the same pattern, all
    is noise.
    """
    alone = _ratio(nr, nn)
    determinant = nn * ss - ns**2
    apart = determinant > SAME_PATTERN * nn * ss
    level = np.where(apart, _ratio(nr * ss - sr * ns, determinant), alone)
    level = np.clip(level, LEAST_LEVEL * alone, alone)
    unexplained = np.where(apart, np.clip(_ratio(sr - level * ns, ss), 0, None), 0.0)
    return level, unexplained


def _ratio(above: FloatArray64, below: FloatArray64) -> FloatArray64:
    """Return the ratio, 0 where nothing is below."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


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


def _indicator(shell: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return (P, shells): 1 where a point lies in a shell."""
    indicator: FloatArray = (shell[:, None] == np.arange(shell.max() + 1)).astype(np.float32)
    return indicator
