"""Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere, silence on request."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
log = logging.getLogger("napari_tomodrgn")

_SECONDS_BETWEEN_LINES = 15.0
_quiet = False


def set_quiet(quiet: bool) -> None:
    """Show plain lines instead of bars from now on, as on a non-terminal."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Return whether plain lines were asked for."""
    return _quiet


def track(items: Iterable[Item], description: str, *, total: int | None = None, unit: str = "it") -> Iterator[Item]:
    """Yield ``items`` and show how far the work is, on stderr."""
    total = len(items) if total is None and isinstance(items, Sized) else total
    if sys.stderr.isatty() and not _quiet:
        yield from tqdm(items, desc=description, total=total, unit=f" {unit}", leave=False)
        return
    begin = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            rate = done / (now - begin)
            left = f", {(total - done) / rate:.0f} s left" if total else ""
            log.info("%s: %d%s %s, %.3g/s%s", description, done, f" of {total}" if total else "", unit, rate, left)
            last = now
