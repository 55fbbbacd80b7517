"""Two runs, two epochs of one, or two labellings, compared on the particles that both have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.analyze import check_finite
from napari_tomodrgn.analysis.class_names import NOISE, class_names, noise_of
from napari_tomodrgn.analysis.clusters import SeededMethod, cluster
from napari_tomodrgn.analysis.folder import AnalysisFolder, method_of, read_labels
from napari_tomodrgn.analysis.label_agreement import (
    NO_PARTNER,
    Agreement,
    IntArray,
    Spread,
    agreement,
    ari_between,
    ari_over_tomograms,
    ari_within,
)
from napari_tomodrgn.analysis.latent_alignment import Alignment, align
from napari_tomodrgn.analysis.loss_comparison import Losses, compare_losses
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.runs.run import Run

NO_CLASS = -1
REPLICATES = 1000


@dataclass(frozen=True)
class Labelling:
    """Classes of a side's particles.

    Attributes
    ----------
    name
        As ``kmeans-4``, or that of a file.
    codes
        (N,) the class of each particle, from 0; -1 where it has none.
    names
        A name for each class.
    method
        How the classes are found again with another seed; ``None`` where they were not found in the latents.
    """

    name: str
    codes: IntArray
    names: tuple[str, ...]
    method: SeededMethod | None = None


@dataclass(frozen=True)
class Side:
    """What is compared: an epoch of a run, and one labelling of its particles.

    Attributes
    ----------
    ids
        N particle ids.
    z
        (N, |z|) their latents, ``None`` for a decoder alone.
    labelling
        Their classes, ``None`` where none are compared.
    """

    run: Run
    epoch: int | None
    ids: tuple[ParticleId, ...]
    z: npt.NDArray[np.float32] | None
    labelling: Labelling | None = None


@dataclass(frozen=True)
class SeedSpread:
    """The adjusted Rand index where the classes of either side are found anew with other seeds, in the same latents.

    Attributes
    ----------
    between
        Of every clustering of A with every one of B.
    within_a, within_b
        Of clusterings of one side with each other: what no other run can be expected to exceed. ``None`` for a side
        whose labels were not found in its latents, which keeps them as they are.
    """

    between: Spread
    within_a: Spread | None
    within_b: Spread | None


@dataclass(frozen=True)
class RunComparison:
    """Two sides on the n particles that both have.

    Attributes
    ----------
    rows_a, rows_b
        (n,) rows of the shared particles on either side, in the order of A.
    labelled
        (m,) which of the n have a class on both sides; ``agreement`` is of these.
    tomograms
        How many tomograms these are in.
    over_tomograms, over_seeds
        How far the adjusted Rand index hangs on the tomograms that were imaged, and on the seeds of the clusterings.
    """

    a: Side
    b: Side
    rows_a: IntArray
    rows_b: IntArray
    labelled: IntArray
    agreement: Agreement | None
    over_tomograms: Spread | None
    alignment: Alignment | None
    losses: Losses
    tomograms: int = 0
    over_seeds: SeedSpread | None = None

    @property
    def shared(self) -> int:
        """How many particles both sides have."""
        return len(self.rows_a)

    @property
    def names(self) -> tuple[str, str]:
        """What tells the sides apart: runs, epochs, or labellings."""
        a, b = self.a.run.path.resolve(), self.b.run.path.resolve()
        if a != b:
            parents = (f"{a.parent.name}/{a.name}", f"{b.parent.name}/{b.name}")
            return (a.name, b.name) if a.name != b.name else parents if parents[0] != parents[1] else (str(a), str(b))
        if self.a.epoch != self.b.epoch:
            return f"epoch {self.a.epoch}", f"epoch {self.b.epoch}"
        labellings = [side.labelling.name if side.labelling else "" for side in (self.a, self.b)]
        return (labellings[0], labellings[1]) if labellings[0] != labellings[1] else ("A", "B")

    @property
    def found_by_seed(self) -> tuple[bool, bool]:
        """Whether the classes of either side were found in its latents, so that another seed may find others."""
        if self.agreement is None:
            return False, False
        a, b = (side.labelling is not None and side.labelling.method is not None for side in (self.a, self.b))
        return a, b

    @property
    def without_class(self) -> tuple[int, int]:
        """How many of the shared particles have no class on either side, where there are classes."""
        sides = ((self.a.labelling, self.rows_a), (self.b.labelling, self.rows_b))
        a, b = (0 if own is None else int((own.codes[rows] == NO_CLASS).sum()) for own, rows in sides)
        return a, b

    def coloured_as(self) -> IntArray:
        """Return (B,) the class of A whose colour each of B has: its partner, -1 without; noise is of its own."""
        assert self.agreement is not None
        assert self.a.labelling is not None
        assert self.b.labelling is not None
        partner = self.agreement.partner_of_second
        a, b = (np.array(each.names) == NOISE for each in (self.a.labelling, self.b.labelling))
        return np.where(a[partner] == b, partner, NO_PARTNER)

    def classes(self) -> tuple[IntArray, IntArray]:
        """Return the classes (m,) on either side of the particles that have one on both."""
        assert self.a.labelling is not None
        assert self.b.labelling is not None
        a, b = self.rows_a[self.labelled], self.rows_b[self.labelled]
        return self.a.labelling.codes[a], self.b.labelling.codes[b]

    def changed(self) -> IntArray:
        """Return the rows in A of the particles whose class changed, under the best matching of classes."""
        if self.agreement is None:
            return np.zeros(0, np.int64)
        return self.rows_a[self.labelled[self.agreement.changed]]


def read_side(path: Path, epoch: int | None = None, labels: Path | None = None) -> Side:
    """Read an epoch of a run (default: the chosen one), with the classes of a labels table where one is given.

    Raises
    ------
    InputError
        Where there is no such run, epoch or table, its latents are not finite, or the table labels none of the run's
        particles.
    """
    run = Run.open(path)
    if not run.latent_dim:
        side = Side(run, epoch or (run.chosen_epoch if run.epochs else None), tuple(run.particle_set().ids), None)
    else:
        latents = run.latents(epoch)
        check_finite(latents, run.path)
        side = Side(run, run.chosen_epoch if epoch is None else epoch, latents.ids, latents.z_mean)
    return side if labels is None else replace(side, labelling=_read_labelling(side, labels))


def _read_labelling(side: Side, path: Path) -> Labelling:
    label_of = read_labels(path)
    codes = np.array([label_of.get(particle, NO_CLASS) for particle in side.ids], dtype=np.int64)
    if (codes == NO_CLASS).all():
        raise InputError(f"{path}: labels none of the {len(codes)} particles of {side.run.path}; give its own labels")
    folder = AnalysisFolder(side.run.path, side.epoch or 0)
    own = next((name for name in folder.labellings() if folder.labels(name).resolve() == path.resolve()), None)
    names = class_names(int(codes.max()) + 1, noise_of(path))
    return Labelling(own or path.stem, codes, names, method_of(own) if own else None)


def compare_sides(a: Side, b: Side, *, replicates: int = REPLICATES, seed: int = 0) -> RunComparison:
    """Compare two sides on the particles that both have; their classes where both have some.

    Parameters
    ----------
    replicates
        How often the tomograms are drawn for the interval of the adjusted Rand index.
    seed
        Of these draws and of the shuffles that say what chance gives.

    Raises
    ------
    InputError
        Where they have no particle in common.
    """
    rows_a, rows_b = _shared(a, b)
    labelled, found, over_tomograms, tomograms = np.zeros(0, np.int64), None, None, 0
    if a.labelling is not None and b.labelling is not None:
        first, second = a.labelling.codes[rows_a], b.labelling.codes[rows_b]
        labelled = np.flatnonzero((first != NO_CLASS) & (second != NO_CLASS))
        if len(labelled):
            first, second = first[labelled], second[labelled]
            found = agreement(first, second, (len(a.labelling.names), len(b.labelling.names)))
            of_particle = _tomograms([a.ids[row] for row in rows_a[labelled]])
            over_tomograms = ari_over_tomograms(first, second, of_particle, replicates=replicates, seed=seed)
            tomograms = int(of_particle.max()) + 1
    alignment = None if a.z is None or b.z is None else align(a.z[rows_a], b.z[rows_b], seed=seed)
    losses = compare_losses(a.run, b.run, (a.epoch, b.epoch))
    return RunComparison(a, b, rows_a, rows_b, labelled, found, over_tomograms, alignment, losses, tomograms)


def _shared(a: Side, b: Side) -> tuple[IntArray, IntArray]:
    row_in_b = {particle: row for row, particle in enumerate(b.ids)}
    pairs = [(row, row_in_b[particle]) for row, particle in enumerate(a.ids) if particle in row_in_b]
    if not pairs:
        first, second = (" in ".join(reversed(side.ids[0])) for side in (a, b))
        raise InputError(
            f"{a.run.path} and {b.run.path}: have no particle in common (the first ones are {first} and {second}); "
            "compare runs on the same particles, or on selections of them"
        )
    rows = np.array(pairs, dtype=np.int64)
    return rows[:, 0], rows[:, 1]


def _tomograms(ids: Sequence[ParticleId]) -> IntArray:
    return pd.factorize(np.array([tomogram for tomogram, _ in ids], dtype=object))[0].astype(np.int64)


def with_seeds(comparison: RunComparison, seeds: int) -> Iterator[tuple[int, int] | RunComparison]:
    """Find the classes of both sides anew with other seeds: yield how many of how many are done, then the comparison.

    No seed is used on both sides: the same one on the same latents would agree with itself. Nothing is yielded where
    no side's classes were found in its latents, or no seeds are asked for.
    """
    sides = (comparison.a, comparison.b)
    again = comparison.found_by_seed
    if seeds < 1 or not any(again):
        return
    total, done = seeds * sum(again), 0
    found: list[list[IntArray]] = [[], []]
    for number, (side, rows) in enumerate(zip(sides, (comparison.rows_a, comparison.rows_b), strict=True)):
        own = rows[comparison.labelled]
        assert side.labelling is not None
        if not again[number]:
            found[number] = [side.labelling.codes[own]]
            continue
        for seed in range(number * seeds, (number + 1) * seeds):
            yield done, total
            found[number].append(_found_again(side, seed)[own])
            done += 1
    within = [ari_within(each) for each in found]
    yield replace(comparison, over_seeds=SeedSpread(ari_between(*found), within[0], within[1]))


def _found_again(side: Side, seed: int) -> IntArray:
    """Return the classes (N,) of all of a side's particles, found as they were, but with another seed."""
    labelling = side.labelling
    assert labelling is not None
    assert labelling.method is not None
    assert side.z is not None
    return cluster(side.z, len(labelling.names), method=labelling.method, seed=seed).labels
