"""The images as the network sees them: preprocessed once, standardised, then taken by row."""

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

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

BYTES_PER_READ = 32 << 20
IMAGES_FOR_DEVIATION = 10_000


class ImageStore:
    """Standardised Hartley pairs of all tilt images of a set, in memory."""

    def __init__(self, pairs: Tensor, standard_deviation: float) -> None:
        self._pairs = pairs  # (M, 2, P) float32
        self.standard_deviation = standard_deviation

    def __len__(self) -> int:
        return len(self._pairs)

    def take(self, rows: Tensor) -> Tensor:
        """Return the pairs (n, 2, P) float32 of the images at ``rows`` (n,), on the CPU."""
        return self._pairs[rows]


def store_bytes(particle_set: ParticleSet) -> int:
    """Return the memory that the store of a set takes."""
    return len(particle_set.tilt_images) * lattice(particle_set.box).coordinates * 4


def build_store(
    particle_set: ParticleSet,
    *,
    window: bool = True,
    standard_deviation: float | None = None,
    seed: int = 0,
    workers: int = 1,
    stop: StopRequest | None = None,
) -> ImageStore:
    """Read and preprocess every tilt image of a set.

    Parameters
    ----------
    particle_set
        Whose images.
    window
        Whether images are multiplied by a soft circle.
    standard_deviation
        What values are divided by; measured on at most 10,000 images drawn with ``seed`` where it is ``None``.
    workers
        Threads that read and transform.
    stop
        Looked at between reads.

    Raises
    ------
    InputError
        Where a stack is missing, truncated or holds NaN, or all images are 0.
    InterruptedWorkError
        Where a stop was asked for.
    """
    stacks = ImageStacks(particle_set)
    half_plane = lattice(particle_set.box)
    images = len(particle_set.tilt_images)
    pairs = torch.empty(images, 2, half_plane.pairs)
    shifts = torch.from_numpy(
        particle_set.tilt_images[["shift_x", "shift_y"]].to_numpy(np.float32) / particle_set.pixel_size
    )
    contrast = particle_set.forward_model.contrast

    one_reader = threading.Lock()

    def fill(rows: npt.NDArray[np.int64]) -> int:
        with one_reader:
            read = torch.from_numpy(stacks.read(rows))
        pairs[rows[0] : rows[-1] + 1] = preprocess(
            read, shifts[rows[0] : rows[-1] + 1], half_plane, contrast=contrast, window=window
        )
        return len(rows)

    size = max(1, BYTES_PER_READ // (4 * particle_set.box**2))
    chunks = [np.arange(begin, min(begin + size, images)) for begin in range(0, images, size)]
    for _ in track(_filled(fill, chunks, workers), "reading images", total=len(chunks), unit="blocks"):
        if stop is not None and stop.signal is not None:
            raise InterruptedWorkError("stopped while reading images; nothing was trained yet", stop.signal)
    if standard_deviation is None:
        standard_deviation = measure_deviation(pairs, seed)
        if not standard_deviation > 0:
            raise InputError(f"{particle_set.source.path}: all images are 0 inside the circle; check the stacks")
    pairs /= standard_deviation
    return ImageStore(pairs, standard_deviation)


def _filled(
    fill: Callable[[npt.NDArray[np.int64]], int], chunks: list[npt.NDArray[np.int64]], workers: int
) -> Iterator[int]:
    if workers == 1:
        yield from map(fill, chunks)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(fill, chunks)


def measure_deviation(pairs: Tensor, seed: int) -> float:
    """Return the standard deviation about 0 of Hartley pairs (M, 2, P), of at most 10,000 images drawn with a seed."""
    drawn = np.arange(len(pairs))
    if len(pairs) > IMAGES_FOR_DEVIATION:
        drawn = np.sort(np.random.default_rng(seed).choice(len(pairs), IMAGES_FOR_DEVIATION, replace=False))
    blocks = torch.split(pairs[torch.from_numpy(drawn)], 512)
    total = math.fsum(float(block.double().square().sum()) for block in blocks)
    return float(np.sqrt(total / (len(drawn) * pairs.shape[1] * pairs.shape[2])))
