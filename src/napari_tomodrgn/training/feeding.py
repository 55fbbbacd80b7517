"""Images on their way to a device: all of them at once where they fit, else a batch ahead of the one in training."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from napari_tomodrgn.training.packed import PackedImages

RESIDENT_SHARE = 0.5  # of a GPU's free memory that images may take
Item = TypeVar("Item")
Result = TypeVar("Result")


class ImageSource(Protocol):
    """Where preprocessed images come from."""

    @property
    def standard_deviation(self) -> float:
        """What they were divided by."""

    def take(self, rows: Tensor) -> Tensor:
        """Return the Hartley pairs (n, 2, P) of the images at ``rows`` (n,), in any floating-point type."""


class ResidentImages:
    """The packed images of a set in the memory of a device."""

    def __init__(self, images: PackedImages, device: torch.device) -> None:
        self.standard_deviation = images.standard_deviation
        self._pairs = images.everything().to(device)

    def take(self, rows: Tensor) -> Tensor:
        """Return the pairs (n, 2, P) of the images at ``rows`` (n,), on the device."""
        return self._pairs[rows.to(self._pairs.device, non_blocking=True)]


def nearest_source(images: PackedImages, device: torch.device) -> ImageSource:
    """Return the images in a GPU's own memory where they fit there, and as they are elsewhere."""
    if device.type != "cuda":
        return images
    free, _ = torch.cuda.mem_get_info(device)
    return ResidentImages(images, device) if images.data_bytes < RESIDENT_SHARE * free else images


def on_device(pairs: Tensor, device: torch.device) -> Tensor:
    """Return pairs on a device; the host waits for no copy to a GPU."""
    if device.type == "cuda" and pairs.device.type == "cpu":
        pairs = pairs.pin_memory()
    return pairs.to(device, non_blocking=True)


def one_ahead(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result]]:
    """Yield each item and what ``work`` makes of it, which a thread does for the next while the last is in use."""
    if not items:
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(work, items[0])
        for number, item in enumerate(items):
            result = coming.result()
            if number + 1 < len(items):
                coming = pool.submit(work, items[number + 1])
            yield item, result
