"""The losses of two runs side by side: numbers, what they may be compared for, and curves."""

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_tomodrgn.analysis.run_comparison import RunComparison
from napari_tomodrgn.viewer.frame import Frame, range_of
from napari_tomodrgn.widgets.scatter_axes import GAP, draw_axes, plot_area

ROWS = {"reconstruction": "trained on", "held_out_reconstruction": "held out", "kld": "KL divergence, nats"}
COLOURS = (QColor(86, 180, 233), QColor(230, 159, 0))  # of A and B
DASHES = {"reconstruction": Qt.PenStyle.SolidLine, "held_out_reconstruction": Qt.PenStyle.DashLine}


class LossCurves(QWidget):
    """The reconstruction losses of both runs over the epochs: trained on, and dashed what is held out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves: list[tuple[int, str, npt.NDArray[np.float64]]] = []  # side, column, epoch and value (n, 2)
        self._names = ("", "")

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size at which curves can be told from one another."""
        return QSize(420, 220)

    def show_losses(self, comparison: RunComparison | None) -> None:
        """Show the losses of what was compared, or none."""
        self.curves = []
        if comparison is not None:
            self._names = comparison.names
            for side, table in enumerate((comparison.losses.a, comparison.losses.b)):
                for column in DASHES:
                    points = table[["epoch", column]].to_numpy(np.float64)
                    points = points[np.isfinite(points).all(axis=1)]
                    if len(points):
                        self.curves.append((side, column, points))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the axes, the curves, and whose they are."""
        if not self.curves:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = plot_area(self)
        across, up = (range_of(np.concatenate([points[:, axis] for _, _, points in self.curves])) for axis in (0, 1))
        frame = Frame.around(across, up, area.width(), area.height())
        draw_axes(painter, self, area, frame, ("epoch", "loss"))
        corner = np.array([area.left(), area.top()])
        for side, column, points in self.curves:
            painter.setPen(QPen(COLOURS[side], 2, DASHES[column]))
            pixels = [QPointF(x, y) for x, y in frame.to_pixels(points) + corner]
            painter.drawPolyline(QPolygonF(pixels))
            painter.drawEllipse(pixels[-1], 2, 2)
        height = self.fontMetrics().height()
        for side, name in enumerate(self._names):
            painter.setPen(COLOURS[side])
            place = QRectF(area.left() + GAP, area.top() + GAP + side * height, area.width() - 2 * GAP, height)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignRight), f"{'AB'[side]}: {name}")


class LossesCompared(QWidget):
    """The table, a sentence, and the curves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(len(ROWS), 2, self)
        self.table.setVerticalHeaderLabels(list(ROWS.values()))
        self.table.setHorizontalHeaderLabels(["A", "B"])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        line = self.fontMetrics().height() + 6
        self.table.verticalHeader().setDefaultSectionSize(line)
        self.table.setFixedHeight((len(ROWS) + 1) * line + 12)
        self.note = QLabel(self)
        self.note.setWordWrap(True)
        self.curves = LossCurves(self)
        self.curves.setToolTip("Reconstruction loss, epoch by epoch; dashed: of what is held out")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addWidget(self.note)
        layout.addWidget(self.curves, 1)

    def show_losses(self, comparison: RunComparison | None) -> None:
        """Show the losses of what was compared, or none."""
        self.curves.show_losses(comparison)
        self.table.clearContents()
        self.note.setText("" if comparison is None else comparison.losses.note)
        if comparison is None:
            self.table.setHorizontalHeaderLabels(["A", "B"])
            return
        sides: Any = zip("AB", comparison.names, comparison.losses.at, strict=True)
        self.table.setHorizontalHeaderLabels([f"{side}: {name}, epoch {epoch}" for side, name, epoch in sides])
        for row, column in enumerate(ROWS):
            for side in (0, 1):
                value = comparison.losses.value(side, column)
                item = QTableWidgetItem(f"{value:.5g}" if np.isfinite(value) else "–")
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.table.setItem(row, side, item)
