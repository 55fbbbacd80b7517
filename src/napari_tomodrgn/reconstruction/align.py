"""Fitting one map on another by rotation, shift and hand."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation
from torch import Tensor

from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.particles.maps import Map, flip_hand

GRID = 32  # both maps are sampled on a grid of this size
FINE_BOX = 24  # and compared up to shell 11, in the coarse search up to shell 7
COARSE_BOX = 16
COARSE_ROTATIONS = 5000  # about 15 degrees apart
ROTATIONS_AT_ONCE = 200


@dataclass(frozen=True)
class Fit:
    """How well a map fits a reference: x_reference = rotation x_map + shift, about voxel D/2 of each.

    Attributes
    ----------
    score
        Mean Fourier shell correlation of the two, shells 1 to 11 of the larger one's box counting
        the same. (Plain correlation is ruled by the lowest shells, where mirror images look alike.)
    rotation
        (3, 3) on vectors x, y, z.
    shift_angstrom
        (3,) x, y, z.
    """

    score: float
    rotation: npt.NDArray[np.float64]
    shift_angstrom: npt.NDArray[np.float64]


@dataclass(frozen=True)
class HandComparison:
    """The best fit of a map as it is and of its mirror image (:func:`flip_hand`)."""

    keep: Fit
    flip: Fit

    @property
    def score_keep(self) -> float:
        """Score of the map as it is."""
        return self.keep.score

    @property
    def score_flip(self) -> float:
        """Score of the mirrored map."""
        return self.flip.score


def rotational_search(moving: Map, reference: Map) -> HandComparison:
    """Fit a map on a reference in both hands, over all rotations and shifts.

    Boxes and pixel sizes may differ (a pixel size of 0 stands for that of the other map). A coarse search on
    low-passed maps over rotations 15° apart is followed by local refinement; the shift is found by FFT each time.
    """
    pixel_size = moving.pixel_size or reference.pixel_size or 1.0
    reference_pixel_size = reference.pixel_size or pixel_size
    extent = max(moving.box * pixel_size, reference.box * reference_pixel_size)
    spacing = extent / GRID
    target = _resampled(reference.values, reference_pixel_size, spacing)
    keep, flip = (
        _best_fit(_resampled(values, pixel_size, spacing), target, spacing)
        for values in (moving.values, flip_hand(moving.values))
    )
    return HandComparison(keep, flip)


def rotation_grid(count: int) -> npt.NDArray[np.float64]:
    """Return ``count`` rotations (n, 3, 3) spread evenly (super-Fibonacci spirals; Alexa 2022, CVPR)."""
    place = np.arange(count) + 0.5
    inner, outer = np.sqrt(place / count), np.sqrt(1 - place / count)
    alpha, beta = 2 * np.pi * place / np.sqrt(2), 2 * np.pi * place / 1.533751168755204288118041
    quaternions = np.stack(
        [inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)], axis=1
    )
    matrices: npt.NDArray[np.float64] = Rotation.from_quat(quaternions).as_matrix()
    return matrices


def _resampled(values: npt.NDArray[np.float32], pixel_size: float, spacing: float) -> Tensor:
    """Return a map low-passed and sampled at ``spacing`` Å on the common grid, pivot on pivot, background 0."""
    ratio = spacing / pixel_size
    smooth = gaussian_filter(values.astype(np.float32), 0.5 * ratio) if ratio > 1 else values
    offset = values.shape[0] // 2 - ratio * (GRID // 2)
    grid = affine_transform(smooth, np.full(3, ratio), offset=offset, output_shape=(GRID,) * 3, order=3)
    # A background that is not 0 would make the box itself an object to fit.
    return torch.from_numpy(grid - np.median(grid))


class _Comparison:
    """Mean shell correlation of a rotated map with a reference in the Fourier ball of ``box``, cropped from both."""

    def __init__(self, moving: Projector, reference: Tensor, box: int) -> None:
        self.box = box
        steps = torch.fft.fftfreq(box, 1 / box)
        half = torch.arange(box // 2 + 1, dtype=torch.float32)
        grid = torch.stack(torch.meshgrid(steps, steps, half, indexing="ij"), dim=-1).flip(-1).reshape(-1, 3)
        radius = grid.norm(dim=1)
        self.inside = ((radius > 0) & (radius <= box // 2 - 0.5)).nonzero().flatten()
        self.k = grid[self.inside] / GRID
        # Planes x > 0 stand for their Friedel mates too.
        self.multiplicity = torch.where(self.k[:, 0] > 0, 2.0, 1.0)
        self.shell = torch.round(radius[self.inside]).long() - 1
        self.shells = int(self.shell.max()) + 1
        self.moving = moving
        self.target = self._levelled(pairs_to_complex(Projector(reference).pairs(self.k[None])))

    def scores(self, rotations: npt.NDArray[np.float64], oversampling: int = 1) -> tuple[Tensor, Tensor]:
        """Return for each of (n, 3, 3) rotations the best score (n,) over shifts, and the shift (n, 3) x, y, z.

        Shifts are in voxels of the grid.
        """
        best, shifts = [], []
        for part in torch.split(torch.from_numpy(rotations).float(), ROTATIONS_AT_ONCE):
            rotated = pairs_to_complex(self.moving.pairs(torch.einsum("pj,njk->npk", self.k, part)))
            surface = self._correlation(self.target * self._levelled(rotated).conj(), oversampling)
            value, place = surface.flatten(1).max(1)
            best.append(value / self.shells)
            size = surface.shape[-1]
            index = torch.stack([place % size, place // size % size, place // size**2], dim=1)
            index = torch.where(index >= size // 2, index - size, index)
            shifts.append(index * (GRID / size))
        return torch.cat(best), torch.cat(shifts)

    def score_at(self, rotation: npt.NDArray[np.float64], shift: npt.NDArray[np.float64]) -> float:
        """Return the score of one rotation (3, 3) and shift (3,), x, y, z in voxels of the grid."""
        matrix, moved = torch.from_numpy(rotation).float(), torch.from_numpy(shift).float()
        rotated = self._levelled(pairs_to_complex(self.moving.pairs((self.k @ matrix)[None])))
        phase = torch.polar(torch.ones(len(self.k)), -2 * torch.pi * self.k @ moved)
        # Planes x = 0 are kept whole, so that only planes x > 0 count twice.
        product = (self.target.conj() * rotated * phase).real
        return float((self.multiplicity * product).sum()) / self.shells

    def _levelled(self, values: Tensor) -> Tensor:
        """Return Fourier values (n, P) with a power of 1 in every shell."""
        power = torch.zeros(len(values), self.shells)
        power.index_add_(1, self.shell, self.multiplicity * values.abs() ** 2)
        return values / torch.sqrt(power.clamp(min=1e-30))[:, self.shell]

    def _correlation(self, product: Tensor, oversampling: int) -> Tensor:
        """Return the score surface (n, M, M, M) over shifts z, y, x of Fourier products (n, P)."""
        size = self.box * oversampling
        spectrum = torch.zeros(len(product), size, size, size // 2 + 1, dtype=product.dtype)
        index = torch.round(self.k * GRID).long()
        spectrum[:, index[:, 2] % size, index[:, 1] % size, index[:, 0]] = product
        surface: Tensor = torch.fft.irfftn(spectrum, s=(size,) * 3, dim=(1, 2, 3)) * size**3
        return surface


def _best_fit(moving: Tensor, reference: Tensor, spacing: float) -> Fit:
    """Return the best fit of one map (32, 32, 32) on another of the same grid."""
    projector = Projector(moving)
    coarse = _Comparison(projector, reference, COARSE_BOX)
    rotations = rotation_grid(COARSE_ROTATIONS)
    score, _ = coarse.scores(rotations)
    candidates = [rotations[each] for each in torch.topk(score, 16).indices.tolist()]
    candidates = [_refined(coarse, each, (8.0, 4.0)) for each in candidates]
    score, _ = coarse.scores(np.stack(candidates), oversampling=2)
    fine = _Comparison(projector, reference, FINE_BOX)
    finalists = [_refined(fine, candidates[each], (4.0, 2.0)) for each in torch.topk(score, 2).indices.tolist()]
    score, shift = fine.scores(np.stack(finalists), oversampling=2)
    best = int(score.argmax())
    polished, rotation, moved = _polished(fine, finalists[best], shift[best].numpy().astype(np.float64))
    return Fit(polished, rotation, moved * spacing)


def _polished(
    comparison: _Comparison, rotation: npt.NDArray[np.float64], shift: npt.NDArray[np.float64]
) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return score, rotation (3, 3) and shift (3,) in voxels of the grid at the nearest maximum of the score."""

    def turned(parameters: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        nearby: npt.NDArray[np.float64] = Rotation.from_rotvec(parameters[:3] * 10, degrees=True).as_matrix() @ rotation
        return nearby

    def lost(parameters: npt.NDArray[np.float64]) -> float:
        return -comparison.score_at(turned(parameters), shift + parameters[3:])

    start = np.concatenate([np.zeros((1, 6)), 0.2 * np.eye(6)])  # 2 degrees, 0.2 voxels
    found = minimize(
        lost,
        np.zeros(6),
        method="Nelder-Mead",
        options={"initial_simplex": start, "maxfev": 300, "xatol": 0.005, "fatol": 1e-5},
    )
    return -float(found.fun), turned(found.x), shift + found.x[3:]


def _refined(
    comparison: _Comparison, rotation: npt.NDArray[np.float64], steps_degrees: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """Return the best rotation (3, 3) among neighbours on a grid that shrinks step by step."""
    around = np.stack(np.meshgrid(*[(-1.0, 0.0, 1.0)] * 3), axis=-1).reshape(-1, 3)
    for step in steps_degrees:
        nearby = Rotation.from_rotvec(around * step, degrees=True).as_matrix() @ rotation
        score, _ = comparison.scores(nearby, oversampling=2)
        rotation = nearby[int(score.argmax())]
    return rotation
