"""What particles' images say of a difference between two maps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.training.batches import Rows
from napari_tomodrgn.training.inference import Images, grouped

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """Of every particle and shell, what is needed to fit an amplitude to its images.

    Sums over a particle's points, for images X, transfers T and weights w, a map V and a difference D to it.

    Attributes
    ----------
    product
        (N, D/2 + 1): w T D · (X - T V).
    power
        (N, D/2 + 1): w |T D|².
    """

    product: Array
    power: Array

    @property
    def products(self) -> Array:
        """(N,) the products of all shells."""
        return np.asarray(self.product.sum(axis=1))

    @property
    def powers(self) -> Array:
        """(N,) the powers of all shells."""
        return np.asarray(self.power.sum(axis=1))

    def gains(self) -> Array:
        """Return (N,) by how many nats baseline + difference explains each particle's images better than baseline.

        The variance of the noise is taken from how the particles scatter about their common amplitude, which is right
        whatever the noise's colour, and too cautious where particles differ.
        """
        products, powers = self.products, self.powers
        common = products.sum() / max(powers.sum(), 1e-300)
        noise = ((products - common * powers) ** 2).sum() / max(powers.sum(), 1e-300)
        return np.asarray((products - powers / 2) / max(noise, 1e-300))


@torch.no_grad()
def measure_evidence(
    images: Images,
    rows: Sequence[Rows],
    difference: npt.NDArray[np.float32],
    baseline: npt.NDArray[np.float32],
) -> Iterator[int | Evidence]:
    """Yield how many of the N particles were looked at, from time to time, and the evidence at the end.

    Parameters
    ----------
    images
        The images of the set, divided by their standard deviation.
    rows
        The tilt images of each particle that are looked at.
    difference, baseline
        (D, D, D) maps in the units of the images' densities, in the frame of the poses.
    """
    lattice, deviation = images.lattice, images.standard_deviation
    predicted, common = (Projector(torch.from_numpy(each / np.float32(deviation))) for each in (difference, baseline))
    shell = torch.round(lattice.k.norm(dim=1) * lattice.box).long().clamp(max=lattice.box // 2)
    sums = np.zeros((2, len(rows), lattice.box // 2 + 1))
    for batch in grouped(range(len(rows)), rows):
        own = images.of(batch)
        weight, transfer = images.weighting.weights(own.tilts, lattice), own.tilts.transfer(lattice)
        k3 = own.tilts.k3(lattice)
        signal = pairs_to_complex(predicted.pairs(k3)) * transfer
        residual = pairs_to_complex(own.pairs) - pairs_to_complex(common.pairs(k3)) * transfer
        products, powers = weight * (signal.conj() * residual).real, weight * signal.abs() ** 2
        for kind, values in enumerate((products, powers)):
            sums[kind, batch.particles] = _by_particle_and_shell(values, batch.counts, shell, lattice)
        yield int(batch.particles[-1]) + 1
    yield Evidence(sums[0], sums[1])


def _by_particle_and_shell(values: Tensor, counts: Tensor, shell: Tensor, lattice: Lattice) -> Array:
    """Return the sums (B, D/2 + 1) over the images of particles, and over shells, of values (n, P)."""
    shells = torch.zeros(len(values), lattice.box // 2 + 1).index_add_(1, shell, values)
    owner = torch.repeat_interleave(counts)
    return torch.zeros(len(counts), shells.shape[1]).index_add_(0, owner, shells).double().numpy()
