"""Threads that each do whole pieces of work on one core, in place of all cores sharing every small operation.

Operations on a block that stays in one core's cache need no barrier after each of them; the only one is at the end.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Result = TypeVar("Result")


@lru_cache(maxsize=4)
def _pool(workers: int, process: int) -> ThreadPoolExecutor:
    """Return the threads of a process: a forked one has its parent's objects, but not their threads."""
    pool = ThreadPoolExecutor(workers, initializer=partial(torch.set_num_threads, 1))
    for started in [pool.submit(torch.get_num_threads) for _ in range(workers)]:
        started.result()
    torch.set_num_threads(workers)  # a worker's setting is also the default of threads that start later
    return pool


def in_threads(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """Return what ``work`` makes of each piece, in order; every piece has a core of its own."""
    if len(pieces) == 1:
        return [work(pieces[0])]
    return list(_pool(torch.get_num_threads(), os.getpid()).map(work, pieces))
