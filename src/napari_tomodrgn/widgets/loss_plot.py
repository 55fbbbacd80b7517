"""What a training measures, epoch by epoch, as curves."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomodrgn.viewer.frame import Frame, range_of
from napari_tomodrgn.widgets.scatter_axes import GAP, draw_axes, plot_area

MEASURES: dict[str, dict[str, str]] = {  # what is drawn together: columns of metrics.csv and what they are called
    "reconstruction": {"reconstruction": "trained on", "held_out_reconstruction": "held out"},
    "loss": {"loss": "loss"},
    "KL divergence": {"kld": "KL divergence"},
    "beta": {"beta": "beta"},
    "learning rate": {"learning_rate": "learning rate"},
    "particles a second": {"particles_per_second": "particles a second"},
    "memory, GB": {"peak_memory_gb": "memory, GB"},
}
COLOURS = (QColor(86, 180, 233), QColor(230, 159, 0))
MOST_POINTS = 2000  # of a curve that are drawn

Values = npt.NDArray[np.float64]


class LossPlot(QWidget):
    """Curves over the epochs; every measure that is there can be chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("loss plot")
        self.setMinimumHeight(100)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.measure = next(iter(MEASURES))
        self.curves: dict[str, tuple[Values, Values]] = {}
        self._metrics: pd.DataFrame | None = None

    def show_metrics(self, metrics: pd.DataFrame) -> None:
        """Show other metrics, one row an epoch."""
        if metrics is not self._metrics:
            self._metrics = metrics
            self._choose()

    def show_measure(self, measure: str) -> None:
        """Show another measure."""
        self.measure = measure
        self._choose()

    def _choose(self) -> None:
        self.curves = {}
        metrics = self._metrics
        for column, name in MEASURES[self.measure].items():
            if metrics is None or column not in metrics:
                continue
            epoch, values = (metrics[each].to_numpy(np.float64) for each in ("epoch", column))
            known = np.isfinite(values)
            if known.any():
                self.curves[name] = epoch[known], values[known]
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the axes, the curves, and what they are."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = plot_area(self)
        if self.curves:
            across, up = (range_of(np.concatenate([own[axis] for own in self.curves.values()])) for axis in (0, 1))
            frame = Frame.around(across, up, area.width(), area.height())
            draw_axes(painter, self, area, frame, ("epoch", self.measure))
            for number, (name, curve) in enumerate(self.curves.items()):
                self._draw(painter, frame, curve, COLOURS[number])
                self._entitle(painter, name, number)
        else:
            painter.setPen(self.palette().text().color())
            text = "What is measured is drawn here, epoch by epoch"
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), text)
        painter.end()

    def _draw(self, painter: QPainter, frame: Frame, curve: tuple[Values, Values], colour: QColor) -> None:
        area = plot_area(self)
        step = max(1, len(curve[0]) // MOST_POINTS)
        keep = np.unique(np.append(np.arange(0, len(curve[0]), step), len(curve[0]) - 1))
        pixels = frame.to_pixels(np.stack(curve, axis=1)[keep]) + np.array([area.left(), area.top()])
        painter.setPen(QPen(colour, 2))
        painter.setBrush(colour)
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in pixels]))
        painter.drawEllipse(QPointF(*pixels[-1]), 3, 3)

    def _entitle(self, painter: QPainter, name: str, number: int) -> None:
        """Write what a curve is and its last value into the upper right corner."""
        area, height = plot_area(self), self.fontMetrics().height()
        painter.setPen(COLOURS[number])
        place = QRectF(area.left() + GAP, area.top() + GAP + number * height, area.width() - 2 * GAP, height)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignRight), f"{name} {self.curves[name][1][-1]:.5g}")
