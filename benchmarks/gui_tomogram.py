"""Time and memory of opening a tomogram of 10 GB, in fresh processes: by the reader, and as a layer of napari.

Prints one JSON object: seconds (medians of the runs) until the reader has given the layer's data with its contrast,
until napari has made the layer, and until it has one slice; peak resident memory in GB less that before. The file is
sparse: it takes no space on disk, and no time of the disk is in the numbers.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SHAPE = (1000, 1600, 1600)  # px, float32: 10.24 GB


def write_sparse(path: Path, shape: tuple[int, int, int], order: str) -> None:
    """Write the header of a tomogram in float32 with 10 Å/px, and make the file as long as it says."""
    sides = np.array(shape[::-1])
    words = np.zeros(256, dtype=f"{order}i4")
    words[0:3], words[3], words[7:10], words[16:19] = sides, 2, sides, (1, 2, 3)
    words[10:13] = (10.0 * sides).astype(f"{order}f4").view(f"{order}i4")
    with open(path, "wb") as stream:
        stream.write(words.tobytes())
        stream.truncate(1024 + 4 * int(np.prod(shape)))


def peak_gb() -> float:
    """Return the peak resident memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def open_once(path: Path) -> dict[str, float]:
    """Open the file and return the seconds and the memory it took; imports are not counted."""
    from napari.layers import Image

    from napari_tomodrgn.viewer.readers import read_mrc

    Image(np.zeros((2, 2, 2)))  # what napari imports for its first layer
    before = peak_gb()
    begin = time.perf_counter()
    ((values, attributes, _),) = read_mrc(path)
    read = time.perf_counter()
    layer = Image(values, **attributes)
    made = time.perf_counter()
    np.array(layer.data[0][SHAPE[0] // 2 + 7])  # the finest level
    looked = time.perf_counter()
    return {
        "reader_s": read - begin,
        "tomogram_open_s": made - begin,
        "next_slice_s": looked - made,
        "memory_gb": peak_gb() - before,
    }


def main() -> None:
    """Write the file, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        sys.stdout.write(json.dumps(open_once(arguments.one)))
        return
    result: dict[str, object] = {"gigabytes": round(4 * np.prod(SHAPE) / 1e9, 2)}
    for name, order in (("little_endian", "<"), ("big_endian", ">")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "huge.mrc"
            write_sparse(path, SHAPE, order)
            command = [sys.executable, __file__, "--one", str(path)]
            runs = [json.loads(subprocess.check_output(command)) for _ in range(arguments.repeats)]
        result[name] = {key: round(statistics.median(run[key] for run in runs), 4) for key in runs[0]}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
