"""Which particles and which of their tilt images are looked at when: derived from seed, epoch and step alone.

Nothing is remembered between steps, so a run that is cut off anywhere goes on with the very same draws.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.training.options import TrainOptions

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Some particles and the tilt images of each; those of one particle are contiguous.

    Attributes
    ----------
    particles
        (B,) rows of the particles table.
    rows
        (n,) int64 rows of the tilt-image table.
    counts
        (B,) int64, n in all.
    """

    particles: Rows
    rows: Tensor
    counts: Tensor

    @classmethod
    def of(cls, particles: Sequence[int] | Rows, rows: Sequence[Rows]) -> "Batch":
        """Join the tilt images of some particles."""
        counts = torch.tensor([len(each) for each in rows], dtype=torch.int64)
        joined = torch.from_numpy(np.concatenate(rows) if rows else np.empty(0, np.int64))
        return cls(np.asarray(particles, dtype=np.int64), joined, counts)

    def __len__(self) -> int:
        return len(self.particles)

    def part(self, particles: slice) -> "Batch":
        """Return some of the particles with their tilt images, which may be none."""
        ends = torch.cat([torch.zeros(1, dtype=torch.int64), self.counts.cumsum(0)])
        begin, end, _ = particles.indices(len(self))
        return Batch(self.particles[particles], self.rows[ends[begin] : ends[end]], self.counts[particles])


@dataclass(frozen=True)
class Split:
    """What is trained on and what is measured only.

    ``training[p]`` and ``held_out[p]`` are the tilt-image rows of particle p on either side; ``particles`` are the
    particles trained on.
    """

    training: tuple[Rows, ...]
    held_out: tuple[Rows, ...]
    particles: Rows

    @property
    def is_held_out(self) -> npt.NDArray[np.bool_]:
        """(N,) whether a whole particle is held out."""
        result = np.ones(len(self.training), dtype=bool)
        result[self.particles] = False
        return result


def split_tilts(particle_set: ParticleSet, fraction: float, by: str, seed: int) -> Split:
    """Return the tilt images to train on and those held out.

    By tilt, each particle with two or more gives a share of them, at least one, and keeps at least one.

    Raises
    ------
    InputError
        Where holding out leaves no particle to train on.
    """
    first = particle_set.first_tilt
    every = tuple(np.arange(begin, end) for begin, end in pairwise(first))
    none = tuple(rows[:0] for rows in every)
    everyone = np.arange(len(every))
    if fraction == 0:
        return Split(every, none, everyone)
    generator = np.random.default_rng([seed, 1])
    if by == "particle":
        held = generator.permutation(len(every))[: max(1, round(fraction * len(every)))]
        particles = np.setdiff1d(everyone, held)
        if not len(particles):
            raise InputError(
                f"--held-out-fraction {fraction}: leaves none of the {len(every)} particles to train on; lower it"
            )
        return Split(every, tuple(every[p] if p in set(held.tolist()) else none[p] for p in everyone), particles)
    training, held_out = [], []
    for rows in every:
        share = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held_rows = np.sort(generator.permutation(rows)[:share])
        held_out.append(held_rows)
        training.append(np.setdiff1d(rows, held_rows))
    return Split(tuple(training), tuple(held_out), everyone)


class Sampler:
    """Draws the order of particles and the tilt images of each visit."""

    def __init__(self, particle_set: ParticleSet, split: Split, options: TrainOptions) -> None:
        self.split = split
        self.seed = options.seed
        self.batch_size = options.batch_size
        self.random = options.tilt_sampling == "random"
        self.concatenates = options.heterogeneous and options.pooling == "concatenate"
        self.tilts = tilts_to_use(particle_set, split, options)
        self._epoch_order: tuple[int, Rows] | None = None
        self._name_seeds = [zlib.crc32("\0".join(each).encode()) for each in particle_set.ids]

    @property
    def batches(self) -> int:
        """Number of steps in an epoch."""
        return -(-len(self.split.particles) // self.batch_size)

    def training_batch(self, epoch: int, position: int) -> Batch:
        """Return the batch at a position (from 0) of an epoch (from 1)."""
        particles = self._order(epoch)[position * self.batch_size : (position + 1) * self.batch_size]
        generator = np.random.default_rng([self.seed, 3, epoch, position])
        return Batch.of(particles, [self._draw(self.split.training[p], generator) for p in particles])

    def _order(self, epoch: int) -> Rows:
        if self._epoch_order is None or self._epoch_order[0] != epoch:
            order = np.random.default_rng([self.seed, 2, epoch]).permutation(self.split.particles)
            self._epoch_order = (epoch, order)
        return self._epoch_order[1]

    def noise(self, epoch: int, position: int) -> torch.Generator:
        """Return the generator of the latents' noise in a step."""
        seed = np.random.SeedSequence([self.seed, 4, epoch, position]).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(seed[0] >> 1))

    def _draw(self, rows: Rows, generator: np.random.Generator) -> Rows:
        if self.tilts is None or len(rows) <= self.tilts:
            return rows
        return generator.permutation(rows)[: self.tilts] if self.random else rows[: self.tilts]

    def inference_draws(self, particle: int) -> list[Rows]:
        """Return the fixed sets of a particle's training tilts that inference averages over.

        Poolings that take any number of tilts see all of them at once. With ``concatenate`` the draws are seeded by
        the particle's own name and together cover every tilt, so they depend on nothing else in the set.
        """
        rows = self.split.training[particle]
        if not self.concatenates or self.tilts is None or len(rows) == self.tilts:
            return [rows]
        if self.random:
            rows = np.random.default_rng([self.seed, 5, self._name_seeds[particle]]).permutation(rows)
        draws = -(-len(rows) // self.tilts)
        return [rows[np.arange(draw * self.tilts, (draw + 1) * self.tilts) % len(rows)] for draw in range(draws)]


def tilts_to_use(particle_set: ParticleSet, split: Split, options: TrainOptions) -> int | None:
    """Return how many tilt images of a particle are used at a visit, ``None`` for all.

    Raises
    ------
    InputError
        Where the pooling concatenates tilts and a particle has too few.
    """
    counts = np.array([len(rows) for rows in split.training])
    poorest = int(counts.argmin())
    asked = options.tilts_per_particle
    concatenates = options.heterogeneous and options.pooling == "concatenate"
    tomogram, name = particle_set.ids[poorest]
    who = f"{particle_set.source.path}: particle {name} of tomogram {tomogram}"
    if concatenates and counts[poorest] < 2:
        raise InputError(
            f"{who} has one tilt image to train on, and --pooling concatenate needs two or more; "
            "use --pooling mean or attention, or leave the particle out"
        )
    if asked == "all" and concatenates and counts.min() != counts.max():
        raise InputError(
            f"{who} has {counts.min()} tilt images and others up to {counts.max()}, but --tilts-per-particle all with "
            "--pooling concatenate needs the same number for all; use min, or --pooling mean or attention"
        )
    if isinstance(asked, int):
        if concatenates and asked > counts[poorest]:
            raise InputError(
                f"{who} has {counts[poorest]} tilt images, fewer than --tilts-per-particle {asked}; "
                f"use {counts[poorest]} or less, or --pooling mean or attention"
            )
        return asked
    if asked == "min" or concatenates:
        return int(counts[poorest])
    return None
