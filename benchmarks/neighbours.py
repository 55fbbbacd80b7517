"""Time of the neighbour statistics: a million particles in a thousand tomograms, 999 permutations.

Prints one JSON object: seconds of each part and in all, for labels that are random (dealt out within tomograms) and for
labels that follow position (within blocks, less what the classes about foretell), and peak memory.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from scipy.spatial.transform import Rotation

from measuring import machine
from napari_tomodrgn.analysis.spatial.autocorrelation import autocorrelation
from napari_tomodrgn.analysis.spatial.blocks import blocks
from napari_tomodrgn.analysis.spatial.directions import direction_test, directions, relative_angles
from napari_tomodrgn.analysis.spatial.enrichment import enrichment
from napari_tomodrgn.analysis.spatial.local_shares import ABOUT, LocalPairs
from napari_tomodrgn.analysis.spatial.nearest import nearest
from napari_tomodrgn.analysis.spatial.neighbors import BLOCK
from napari_tomodrgn.analysis.spatial.pair_correlation import pair_correlation
from napari_tomodrgn.analysis.spatial.places import Integers, Places
from napari_tomodrgn.analysis.spatial.window import hull

Result = TypeVar("Result")
BOX = (8000.0, 8000.0, 2000.0)  # Å


class Clock:
    """Seconds by part, and those of all cores together."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.of_cores: dict[str, float] = {}

    def __call__(self, name: str, work: Callable[[], Result]) -> Result:
        """Do a part and return what it gives."""
        began, cores = time.perf_counter(), time.process_time()
        result = work()
        self.seconds[name] = round(time.perf_counter() - began, 1)
        self.of_cores[name] = round(time.process_time() - cores, 1)
        print(f"{name}: {self.seconds[name]} s", file=sys.stderr, flush=True)
        return result


def scene(tomograms: int, particles: int) -> tuple[Places, dict[str, Callable[[int], Integers]]]:
    """Return particles at random places, and labels that are random or follow position."""
    generator = np.random.default_rng(0)
    count = tomograms * particles
    position = generator.uniform(0, BOX, (count, 3))
    tomogram = np.repeat(np.arange(tomograms), particles)
    turned = Rotation.random(count, random_state=generator).as_matrix()
    names = tuple(f"t{number}" for number in range(tomograms))
    ids = tuple((names[own], str(number)) for number, own in enumerate(tomogram.tolist()))

    def along(classes: int) -> Integers:
        share = 0.5 + 0.4 * np.sin(2 * np.pi * position[:, 0] / BOX[0])
        return np.where(generator.random(count) < share, 0, generator.integers(1, classes, count))

    return Places(ids, tomogram, names, position, turned), {
        "random": lambda classes: generator.integers(0, classes, count),
        "following": along,
    }


def main() -> None:
    """Make the particles, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tomograms", type=int, default=1000)
    parser.add_argument("--particles", type=int, default=1000, help="of each tomogram")
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--nearest", type=int, default=3)
    parser.add_argument("--permutations", type=int, default=999)
    given = parser.parse_args()
    places, labels = scene(given.tomograms, given.particles)
    clock, k = Clock(), given.nearest
    further = clock("neighbours", lambda: nearest(places, k + ABOUT))
    near, about = further.columns(0, k), further.columns(k, further.k)
    clock("directions, relative orientations", lambda: (directions(places, near), relative_angles(places, near)))
    clock(
        "directions, orientations exchanged",
        lambda: direction_test(places, near.columns(0, 1), permutations=given.permutations),
    )
    windows = (hull(places.position[places.rows_of(each)]) for each in range(given.tomograms))
    clock("pair correlation", lambda: pair_correlation(places, windows, 1000.0, 0.0))
    common = {"permutations": given.permutations, "replicates": 1000}
    random = labels["random"](given.classes)
    clock("Moran's I", lambda: autocorrelation(places, about, random, given.classes))
    clock("labels within tomograms", lambda: enrichment(places, near, random, given.classes, places.tomogram, **common))
    in_all = round(sum(clock.seconds.values()), 1)
    following = labels["following"](given.classes)
    local = clock("shares about particles", lambda: LocalPairs(places, near, about))
    group = clock("blocks", lambda: blocks(places, BLOCK))
    clock("labels within blocks", lambda: enrichment(places, near, following, given.classes, group, local, **common))
    result = {
        **machine(),
        "particles": len(places),
        "tomograms": given.tomograms,
        "classes": given.classes,
        "nearest": k,
        "permutations": given.permutations,
        "seconds_by_part": clock.seconds,
        "core_seconds_by_part": clock.of_cores,
        "seconds_within_tomograms": in_all,
        "seconds_in_blocks": round(sum(clock.seconds.values()) - clock.seconds["labels within tomograms"], 1),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
