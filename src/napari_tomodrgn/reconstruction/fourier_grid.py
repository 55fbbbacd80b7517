"""Sums of weighted Fourier values on a regular grid, and the map they make."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.imaging.project import gridding_correction
from napari_tomodrgn.reconstruction.fsc import shell_numbers

FLAT_FRACTION = 1.0  # of a shell's mean denominator, added where no FSC tells the signal-to-noise ratio
POINTS_AT_ONCE = 1 << 16  # whose steps on the way to the grid stay in a core's cache


class FourierGrid:
    """Numerator and denominator of a Wiener estimate on the half-space x >= 0 of a map's transform.

    A value is spread over the eight grid points around it (trilinear), and its Friedel mate with it.
    """

    def __init__(self, box: int, padding: int = 2) -> None:
        self.box = box
        self.size = padding * box
        # One more plane than the half-space: what falls beyond x = M/2 with weight 0.
        points = self.size * self.size * (self.size // 2 + 2)
        self.numerator = torch.zeros(points, dtype=torch.complex64)
        self.denominator = torch.zeros(points)

    def __add__(self, other: "FourierGrid") -> "FourierGrid":
        total = FourierGrid(self.box, self.size // self.box)
        total.numerator = self.numerator + other.numerator
        total.denominator = self.denominator + other.denominator
        return total

    def insert(self, k3: Tensor, numerator: Tensor, denominator: Tensor) -> None:
        """Add complex numerators (n, P) and real denominators (n, P) at ``k3`` (n, P, 3), x, y, z in cycles/px.

        A numerator whose denominator is 0 says nothing of the map and does not count.
        """
        counted = torch.where(denominator > 0, numerator, 0)
        parts = zip(
            torch.split(k3.reshape(-1, 3), POINTS_AT_ONCE),
            torch.split(counted.flatten(), POINTS_AT_ONCE),
            torch.split(denominator.flatten(), POINTS_AT_ONCE),
            strict=True,
        )
        for part in parts:
            self._insert(*part)

    def _insert(self, k3: Tensor, numerator: Tensor, denominator: Tensor) -> None:
        size, half = self.size, self.size // 2 + 2
        mate = k3[:, 0] < 0
        numerator = torch.where(mate, numerator.conj(), numerator)
        position = torch.where(mate[:, None], -k3, k3).T.contiguous() * size
        low = position.floor()
        upper = position - low
        lower = 1 - upper
        x, y, z = low.to(torch.int64)
        columns = (y % size * half, (y + 1) % size * half)
        for step_z, weight_z in enumerate((lower[2], upper[2])):
            plane = (z + step_z) % size * (size * half) + x
            for column, weight_y in zip(columns, (lower[1], upper[1]), strict=True):
                weight = weight_z * weight_y
                line = plane + column
                for total, value in ((self.numerator, numerator), (self.denominator, denominator)):
                    weighted = value * weight
                    beyond = weighted * upper[0]
                    total.scatter_add_(0, line, weighted - beyond)
                    total.scatter_add_(0, line + 1, beyond)

    def reconstruct(self, curve: npt.NDArray[np.float64] | None = None) -> npt.NDArray[np.float32]:
        """Return the map (D, D, D), axes z, y, x.

        ``curve`` (D/2 + 1,) is the FSC of two halves of the data: the denominator gains its shell's mean divided by
        the signal-to-noise ratio of the whole, 2 FSC/(1 - FSC). Without it, the mean itself.
        """
        numerator = self._completed(self.numerator)
        denominator = self._completed(self.denominator)
        regularised = denominator + self._regularisation(denominator, curve)
        transform = numerator / regularised.clamp(min=torch.finfo(torch.float32).tiny)
        padded = torch.fft.fftshift(torch.fft.irfftn(transform, s=(self.size,) * 3))
        begin = (self.size - self.box) // 2
        inside = slice(begin, begin + self.box)
        result: npt.NDArray[np.float32] = (
            padded[inside, inside, inside] / gridding_correction(self.box, self.size)
        ).numpy()
        return result

    def _completed(self, sums: Tensor) -> Tensor:
        """Return sums as (M, M, M/2 + 1), planes x = 0 and x = M/2 completed by their Friedel mates."""
        sums = sums.reshape(self.size, self.size, self.size // 2 + 2)[..., :-1].clone()
        for plane in (0, self.size // 2):
            sums[..., plane] += sums[..., plane].flip(0, 1).roll((1, 1), (0, 1)).conj()
        return sums

    def _regularisation(self, denominator: Tensor, curve: npt.NDArray[np.float64] | None) -> Tensor:
        """Return what is added to the denominator (M, M, M/2 + 1), the same within a shell."""
        shells = torch.from_numpy(shell_numbers(self.size)).flatten()
        filled = (denominator > 0).flatten().float()
        total = torch.bincount(shells, weights=denominator.flatten())
        mean = total / torch.bincount(shells, weights=filled).clamp(min=1)
        if curve is None:
            fraction = torch.full_like(mean, FLAT_FRACTION)
        else:
            correlation = np.clip(np.asarray(curve), 1e-3, 0.999)
            noise_to_signal = (1 - correlation) / (2 * correlation)
            place = np.arange(len(mean)) * self.box / self.size
            fraction = torch.from_numpy(np.interp(place, np.arange(len(correlation)), noise_to_signal)).to(mean)
        return (fraction * mean)[shells].reshape(denominator.shape)
