"""Opening a run of many particles in a window with all widgets: seconds, and how long the window does not answer.

Prints one JSON object: seconds that reading takes by itself, seconds until it is shown in a window that goes on
meanwhile, and the longest pause of the window's event loop until then in milliseconds. The run has 100,000 particles in
500 tomograms with an analysis, made from a short training, or from the run at box 64 given with --small. Needs a screen
(``xvfb-run`` where there is none).
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from qtpy.QtWidgets import QApplication

from gui_volumes import small_run
from large_run import large_run
from measuring import machine, seconds
from napari_tomodrgn.runs.run import Run
from window_pauses import Pauses


def opening(run: Run) -> dict[str, float]:
    """Return the times of opening a run in the Dataset widget, of the second time: the first one imports much."""
    import napari

    from napari_tomodrgn.viewer.opening import read_run
    from napari_tomodrgn.widgets.workspace import open_workspace

    read = seconds(lambda: read_run(run.path))
    viewer = napari.Viewer()
    dataset = open_workspace(viewer)["Dataset"]
    for _ in range(2):
        began = time.perf_counter()
        dataset.open(run.path)
        with Pauses() as pauses:
            while dataset.reading.busy:
                QApplication.processEvents()
        shown = time.perf_counter() - began
    viewer.close()
    return {"read_s": read, "shown_s": shown, "longest_pause_ms": pauses.longest_ms}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=Path, help="a run at box 64; none: a short training")
    parser.add_argument("--particles", type=int, default=100_000)
    parser.add_argument("--tomograms", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small = Run.open(given.small) if given.small else small_run(Path(folder) / "small")
        run = large_run(small, Path(folder) / "large", given.particles, given.tomograms)
        result = {"particles": given.particles, **opening(run), **machine()}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
