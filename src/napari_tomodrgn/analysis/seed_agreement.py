"""Whether the same classes come back from other seeds, at several numbers of classes."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.clusters import SeededMethod, ari, cluster
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open

MOST_PARTICLES = 20_000  # that are clustered anew; of more, as many are drawn
COLUMNS = ("classes", "particles", "seed", "other_seed", "ari")
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SeedAgreement:
    """How alike the classes of S seeds are, at one number of classes.

    Attributes
    ----------
    classes, particles
        How many.
    seeds
        (S,) each used once, from one start.
    pairwise
        (S (S - 1)/2,) adjusted Rand index of every two seeds, in the order of ``itertools.combinations``.
    with_kept
        (S,) adjusted Rand index with the classes that are kept; ``None`` at another number of classes than theirs.
    """

    classes: int
    particles: int
    seeds: tuple[int, ...]
    pairwise: npt.NDArray[np.float64]
    with_kept: npt.NDArray[np.float64] | None


def numbers_about(clusters: int, different: int) -> list[int]:
    """Return half, once and twice a number of classes, those that ``different`` latents can be divided into."""
    return [number for number in sorted({clusters // 2, clusters, 2 * clusters}) if 2 <= number <= different]


def seed_agreements(
    z: npt.NDArray[np.floating],  # (N, z)
    kept: IntArray,  # (N,)
    clusters: int,
    seeds: int,
    *,
    method: SeededMethod = "kmeans",
    seed: int = 0,
) -> Iterator[SeedAgreement | None]:
    """Find classes anew from ``seeds`` other seeds, one start each, at half, once and twice as many classes.

    Yields ``None`` after every clustering and what was found after every number of classes. Of more than 20,000
    particles as many are drawn, the same for every seed.
    """
    generator = np.random.default_rng(seed)
    rows = np.arange(len(z))
    if len(z) > MOST_PARTICLES:
        rows = np.sort(generator.choice(len(z), MOST_PARTICLES, replace=False))
    values = np.asarray(z, dtype=np.float64)[rows]
    used = tuple(range(seed + 1, seed + 1 + seeds))
    for number in numbers_about(clusters, len(np.unique(values, axis=0))):
        found = []
        for each in used:
            found.append(cluster(values, number, method=method, seed=each, starts=1).labels)
            yield None
        pairwise = np.array([ari(one, other) for one, other in combinations(found, 2)])
        with_kept = np.array([ari(one, kept[rows]) for one in found]) if number == clusters else None
        yield SeedAgreement(number, len(rows), used, pairwise, with_kept)


def write_agreements(path: Path, agreements: list[SeedAgreement]) -> None:
    """Write a row a pair: classes, particles, seed, other_seed (empty for the classes that are kept), ari."""
    with atomic_open(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        for own in agreements:
            for (one, other), value in zip(combinations(own.seeds, 2), own.pairwise, strict=True):
                table.writerow([own.classes, own.particles, one, other, f"{value:.6f}"])
            for one, value in zip(own.seeds, own.with_kept if own.with_kept is not None else (), strict=False):
                table.writerow([own.classes, own.particles, one, "", f"{value:.6f}"])


def read_agreements(path: Path) -> list[SeedAgreement]:
    """Return what :func:`write_agreements` wrote.

    Raises
    ------
    InputError
        Where it can't be read.
    """
    try:
        table = pd.read_csv(path)
        result = []
        for classes in sorted(set(table["classes"].astype(int))):
            own = table[table["classes"] == classes]
            particles = int(own["particles"].iloc[0])
            kept = own["other_seed"].isna()
            seeds = tuple(dict.fromkeys([*own["seed"], *own["other_seed"][~kept].astype(int)]))
            with_kept = own["ari"][kept].to_numpy(float) if kept.any() else None
            result.append(SeedAgreement(classes, particles, seeds, own["ari"][~kept].to_numpy(float), with_kept))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: could not be read ({error}); run `napari-tomodrgn analyze --overwrite`") from error
    return result
