"""The images as the network sees them: preprocessed, standardised, and taken by row."""

import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.preprocess import preprocess
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.progress import track
from napari_tomodrgn.stopping import InterruptedWorkError, StopRequest

BYTES_PER_READ = 2 << 20  # a worker's images; their transforms take about ten times as much
IMAGES_FOR_DEVIATION = 10_000
Item = TypeVar("Item")
Result = TypeVar("Result")


class Preprocessing:
    """Reads tilt images of a set and makes Hartley pairs of them, not yet standardised. For any number of threads."""

    def __init__(self, particle_set: ParticleSet, *, window: bool = True) -> None:
        self.particle_set, self.window = particle_set, window
        self.lattice = lattice(particle_set.box)
        self._stacks = ImageStacks(particle_set)
        shifts = particle_set.tilt_images[["shift_x", "shift_y"]].to_numpy(np.float32)
        self._shifts = torch.from_numpy(shifts / particle_set.pixel_size)
        self._one_reader = threading.Lock()

    def __len__(self) -> int:
        return len(self._shifts)

    def __call__(self, rows: npt.NDArray[np.int64]) -> Tensor:
        """Return the Hartley pairs (n, 2, P) float32 of the images at ``rows``.

        Raises :class:`InputError` where an image holds NaN.
        """
        with self._one_reader:
            images = torch.from_numpy(self._stacks.read(rows))
        contrast = self.particle_set.forward_model.contrast
        return preprocess(images, self._shifts[rows], self.lattice, contrast=contrast, window=self.window)

    def blocks(self, rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """Cut rows into blocks that a worker reads at once."""
        size = max(1, BYTES_PER_READ // (4 * self.particle_set.box**2))
        return [rows[begin : begin + size] for begin in range(0, len(rows), size)]

    def standard_deviation(self, workers: int = 1, stop: StopRequest | None = None) -> float:
        """Return the standard deviation about 0 of the Hartley pairs of at most 10,000 images, always the same ones.

        Raises
        ------
        InputError
            Where all images are 0.
        """
        drawn = np.arange(len(self))
        if len(drawn) > IMAGES_FOR_DEVIATION:
            drawn = np.sort(np.random.default_rng(0).choice(len(drawn), IMAGES_FOR_DEVIATION, replace=False))

        def power(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
            pairs = self(rows).flatten(1).numpy()
            result: npt.NDArray[np.float64] = np.einsum("ij,ij->i", pairs, pairs, dtype=np.float64)
            return result

        found = list(worked(power, self.blocks(drawn), workers, "measuring images", stop))
        # a sum that is rounded once, so that the number of threads or blocks does not show
        result = math.sqrt(math.fsum(np.concatenate(found)) / (len(drawn) * self.lattice.coordinates))
        if not result > 0:
            source = self.particle_set.source.path
            raise InputError(f"{source}: all images are 0 inside the circle; check the stacks")
        return result


class DirectImages:
    """Standardised Hartley pairs that are made anew whenever they are asked for: nothing is kept."""

    def __init__(
        self, particle_set: ParticleSet, *, window: bool = True, standard_deviation: float | None = None
    ) -> None:
        """Take a set; its standard deviation is measured where it is not given."""
        self._pairs = Preprocessing(particle_set, window=window)
        self.standard_deviation = standard_deviation or self._pairs.standard_deviation()

    def __len__(self) -> int:
        return len(self._pairs)

    def take(self, rows: Tensor) -> Tensor:
        """Return the pairs (n, 2, P) float32 of the images at ``rows`` (n,)."""
        return self._pairs(rows.numpy()) / self.standard_deviation


def worked(
    work: Callable[[Item], Result],
    items: list[Item],
    workers: int,
    description: str,
    stop: StopRequest | None = None,
    unit: str = "blocks",
) -> Iterator[Result]:
    """Yield what ``work`` makes of each item, in order, by threads that have a core each, and show how far it is.

    Raises
    ------
    InterruptedWorkError
        Where a stop was asked for.
    """
    threads = torch.get_num_threads()
    pool = None if workers == 1 else ThreadPoolExecutor(workers, initializer=partial(torch.set_num_threads, 1))
    try:
        results = map(work, items) if pool is None else _few_ahead(pool, work, items, 2 * workers)
        for result in track(results, description, total=len(items), unit=unit):
            if stop is not None and stop.signal is not None:
                raise InterruptedWorkError(f"stopped while {description}; nothing was trained yet", stop.signal)
            yield result
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)


def _few_ahead(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: list[Item], ahead: int
) -> Iterator[Result]:
    """Yield results in order, with no more than ``ahead`` begun that were not taken yet: they are in memory."""
    begun = [pool.submit(work, item) for item in items[:ahead]]
    for item in items[ahead:]:
        yield begun.pop(0).result()
        begun.append(pool.submit(work, item))
    for each in begun:
        yield each.result()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
