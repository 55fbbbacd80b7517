"""Blocks of particles that lie together, within which labels that follow position are nearly exchangeable."""

import numpy as np

from napari_tomodrgn.analysis.spatial.places import Integers, Places


def blocks(places: Places, size: int) -> Integers:
    """Return (N,) the block of each particle, numbered so that those of a tomogram follow one another.

    Every tomogram is halved again and again, across its longest side between as many particles, while both halves
    keep ``size`` particles or more: a block holds ``size`` to 2 ``size`` - 1 of them, or a whole small tomogram.
    """
    block = places.tomogram.copy()
    while True:
        order = np.argsort(block, kind="stable")
        _, starts, counts = np.unique(block[order], return_index=True, return_counts=True)
        if not (counts >= 2 * size).any():
            return np.repeat(np.arange(len(counts)), counts)[np.argsort(order, kind="stable")]
        position = places.position[order]
        extent = np.maximum.reduceat(position, starts) - np.minimum.reduceat(position, starts)
        number = np.repeat(np.arange(len(counts)), counts)
        along = position[np.arange(len(position)), extent.argmax(axis=1)[number]]
        sorted_within = np.lexsort((along, number))
        rank = np.arange(len(position)) - starts[number]
        second = (counts[number] >= 2 * size) & (rank >= counts[number] // 2)
        block[order[sorted_within]] = 2 * number + second
