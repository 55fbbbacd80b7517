"""By how many nats maps explain particles' images better than no particle does."""

from collections.abc import Iterable, Iterator, Sequence

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
FloatMap = npt.NDArray[np.float32]

MOST_ASKED_FOR_NOISE = 2000  # particles


def projectors(maps: Iterable[FloatMap], standard_deviation: float) -> list[Projector]:
    """Return what projects maps (D, D, D), in the units of the images' densities, to standardised images."""
    return [Projector(torch.from_numpy(each / np.float32(standard_deviation))) for each in maps]


@torch.no_grad()
def noise_variance(images: Images, rows: Sequence[Rows], consensus: Projector, seed: int) -> Tensor:
    """Return the variance (S,) of the noise in every Fourier shell, for images of weight 1: what a map leaves of them.

    At most 2000 particles are asked, drawn at random. It counts the particles' own differences as noise, which makes
    likelihoods too cautious rather than too sure.
    """
    lattice = images.lattice
    shell = shells(lattice)
    asked = np.flatnonzero([len(each) > 0 for each in rows])
    if len(asked) > MOST_ASKED_FOR_NOISE:
        drawn = np.random.default_rng([seed, 31]).choice(asked, MOST_ASKED_FOR_NOISE, replace=False)
        asked = np.sort(drawn)
    total, count = torch.zeros((2, lattice.box // 2 + 1), dtype=torch.float64)
    for batch in grouped(asked.tolist(), [rows[row] for row in asked.tolist()]):
        own = images.of(batch)
        weight = images.weighting.weights(own.tilts, lattice)
        expected = pairs_to_complex(consensus.pairs(own.tilts.k3(lattice))) * own.tilts.transfer(lattice)
        squares = weight * (pairs_to_complex(own.pairs) - expected).abs() ** 2
        total.index_add_(0, shell, squares.double().sum(dim=0))
        count.index_add_(0, shell, (weight > 0).double().sum(dim=0))
    return torch.where(total > 0, total / count.clamp(min=1), torch.inf)


@torch.no_grad()
def likelihood_gains(
    images: Images, rows: Sequence[Rows], maps: Sequence[Projector], variance: Tensor
) -> Iterator[int | Array]:
    """Yield how many particles are done, from time to time, and at the end gains (N, K) in nats.

    For images X, transfers T, weights w, noise variance s² and a map V the log-likelihood is -sum of w |X - T V|² / s²
    up to a constant, over one of each ±k pair. A gain is that of the map less that of an empty one.

    Parameters
    ----------
    rows
        The tilt images of each of N particles that are asked, none for some.
    maps
        K of them.
    variance
        (S,) of every shell.
    """
    lattice = images.lattice
    precision = (1 / variance)[shells(lattice)].float()
    gains = np.zeros((len(rows), len(maps)))
    asked = np.flatnonzero([len(each) > 0 for each in rows])
    for batch in grouped(asked.tolist(), [rows[row] for row in asked.tolist()]):
        own = images.of(batch)
        weight = images.weighting.weights(own.tilts, lattice) * precision
        transfer, k3 = own.tilts.transfer(lattice), own.tilts.k3(lattice)
        seen = pairs_to_complex(own.pairs)
        owner = torch.repeat_interleave(batch.counts)
        for number, each in enumerate(maps):
            expected = pairs_to_complex(each.pairs(k3)) * transfer
            gain = (weight * (2 * (expected.conj() * seen).real - expected.abs() ** 2)).double().sum(dim=1)
            summed = torch.zeros(len(batch.counts), dtype=torch.float64).index_add_(0, owner, gain)
            gains[batch.particles, number] = summed.numpy()
        yield int(batch.particles[-1]) + 1
    yield gains


def shells(lattice: Lattice) -> Tensor:
    """Return the Fourier shell (P,) of each point."""
    return torch.round(lattice.k.norm(dim=1) * lattice.box).long().clamp(max=lattice.box // 2)
