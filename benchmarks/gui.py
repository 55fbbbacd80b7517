"""Times of the viewer's widgets, as a person would feel them.

Prints one JSON object of medians in milliseconds: a frame of the scatter of a million particles after each of a change
of selection, a zoom and new colours, and a lasso around a tenth of them by mouse events.
"""

import argparse
import json
import os
import statistics
import sys
import time

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.viewer.colouring import colour_by
from napari_tomodrgn.widgets.scatter import Scatter
from napari_tomodrgn.widgets.scatter_axes import plot_area

WIDTH, HEIGHT = 700, 600
CLASSES = 20
CORNERS = 400


def scatter_of(count: int) -> Scatter:
    """Return a scatter of ``count`` particles in clouds of their classes."""
    generator = np.random.default_rng(0)
    codes = generator.integers(0, CLASSES, count)
    centres = generator.normal(0, 3, (CLASSES, 2))
    x, y = (centres[codes] + generator.normal(0, 1, (count, 2))).T
    scatter = Scatter()
    scatter.resize(WIDTH, HEIGHT)
    scatter.set_points(x, y, ("UMAP 1", "UMAP 2"))
    scatter.set_colours(colour_by(Classes(codes, tuple(map(str, range(CLASSES))))).rgba)
    scatter.show()
    QApplication.processEvents()
    return scatter


def milliseconds(work: object) -> float:
    """Return how long a function takes."""
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return (time.perf_counter() - began) * 1e3


def frame_ms(count: int, repeats: int) -> dict[str, float]:
    """Return the median time of a frame after each kind of change; the slowest kind is what is reported."""
    scatter = scatter_of(count)
    generator = np.random.default_rng(1)
    masks = [generator.random(count) < 0.3 for _ in range(2)]
    numbers = [colour_by(Numbers(generator.random(count))).rgba for _ in range(2)]
    changes = {
        "selection": lambda turn: scatter.set_selected(masks[turn % 2]),
        "zoom": lambda turn: scatter.show_part(scatter.frame.zoomed(1.05, 300, 250)),
        "colours": lambda turn: scatter.set_colours(numbers[turn % 2]),
    }
    times: dict[str, list[float]] = {name: [] for name in changes}
    for turn in range(repeats + 1):
        for name, change in changes.items():
            taken = milliseconds(lambda change=change, turn=turn: (change(turn), scatter.repaint()))
            if turn:
                times[name].append(taken)
    scatter.close()
    return {name: statistics.median(each) for name, each in times.items()}


def lasso_ms(count: int, repeats: int) -> float:
    """Return the median time from letting go of the mouse to the mask of the particles in a lasso."""
    scatter = scatter_of(count)
    area = plot_area(scatter)
    found: list[int] = []
    scatter.picked.connect(lambda mask, rule, how: found.append(int(mask.sum())))
    angle = np.linspace(0, 2 * np.pi, CORNERS)
    radius = 0.3 * min(area.width(), area.height()) * (1 + 0.2 * np.sin(7 * angle))
    line = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    line += (area.center().x(), area.center().y())
    times = []
    for turn in range(repeats + 1):
        send(scatter, QEvent.Type.MouseButtonPress, line[0])
        for pixel in line[1:]:
            send(scatter, QEvent.Type.MouseMove, pixel)
        taken = milliseconds(lambda: send(scatter, QEvent.Type.MouseButtonRelease, line[-1]))
        if turn:
            times.append(taken)
    assert len(found) == repeats + 1
    assert found[0] > count / 20
    scatter.close()
    return statistics.median(times)


def send(scatter: Scatter, kind: QEvent.Type, pixel: np.ndarray) -> None:
    """Send a mouse event of the left button."""
    at = QPointF(*pixel)
    everywhere = QPointF(scatter.mapToGlobal(QPoint(0, 0))) + at
    left = Qt.MouseButton.LeftButton
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else left
    QApplication.sendEvent(scatter, QMouseEvent(kind, at, everywhere, button, left, Qt.KeyboardModifier.NoModifier))


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    application = QApplication.instance() or QApplication([])
    frames = frame_ms(arguments.particles, arguments.repeats)
    result = {
        "scatter_frame_ms_1e6": round(max(frames.values()), 1),
        "scatter_frame_ms_1e6_after": {name: round(value, 1) for name, value in frames.items()},
        "lasso_ms_1e6": round(lasso_ms(arguments.particles, arguments.repeats), 1),
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    del application


if __name__ == "__main__":
    main()
