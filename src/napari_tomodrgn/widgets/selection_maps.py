"""The selection averaged by backprojection, beside the volume that the run decodes for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPixmap
from qtpy.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.selection_maps import SelectionMaps, write_selection_maps
from napari_tomodrgn.figures.selection_maps import write_maps_figure
from napari_tomodrgn.figures.shaded import BACKGROUND
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.viewer.curves import Curves
from napari_tomodrgn.viewer.evidence_curves import fsc_curves
from napari_tomodrgn.viewer.evidence_panel import EvidencePanel
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.tilt_sheet import slices
from napari_tomodrgn.widgets.contact_sheet import TEXT
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.plot import Plot
from napari_tomodrgn.widgets.volume_view import image_of
from napari_tomodrgn.widgets.work import Work

GAP = 4
HINT = "Select particles, then backproject their images to see what they have in common without the decoder"


class MapSlices(QWidget):
    """The central slices of two maps, each with the words where it comes from."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map slices")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(180, 120)
        self.message = HINT
        self._rows: list[tuple[str, list[QPixmap]]] = []

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that shows six slices well."""
        return QSize(420, 300)

    def show_maps(self, maps: SelectionMaps | None, message: str = HINT) -> None:
        """Show two maps, or a message."""
        self.message, self._rows = message, []
        if maps is not None:
            for origin, values in (
                (maps.averaged_origin, maps.averaged.map),
                (maps.decoded_origin, maps.decoded),
            ):
                self._rows.append((origin, [QPixmap.fromImage(image_of(each)) for each in slices(values)]))
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the slices z, y and x of each map, its origin above them."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor.fromRgbF(*BACKGROUND))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(TEXT)
        if not self._rows:
            centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(12, 0, -12, 0), centred, self.message)
            painter.end()
            return
        line = self.fontMetrics().height() + GAP
        side = min((self.width() - 4 * GAP) // 3, self.height() // 2 - line - GAP)
        left = (self.width() - 3 * side - 2 * GAP) // 2
        for number, (origin, pixmaps) in enumerate(self._rows):
            top = number * (self.height() // 2)
            where = QRect(GAP, top, self.width() - 2 * GAP, line)
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, origin)
            for column, pixmap in enumerate(pixmaps):
                painter.drawPixmap(QRect(left + column * (side + GAP), top + line, side, side), pixmap)
        painter.end()


class SelectionMapsView(QWidget):
    """The maps of the selection, made when asked for."""

    def __init__(self, session: Session, panel: EvidencePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("selection maps")
        self.session, self.panel = session, panel
        self.maps: SelectionMaps | None = None
        self.work: Work | None = None
        self.writing: Work | None = None
        self._selection: Selection | None = None  # what the maps are of
        self.count = QLabel(self)
        self.count.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.begin_button = QPushButton("Backproject", self)
        self.begin_button.setToolTip("Average the selected particles' images, with half-maps")
        self.progress = QProgressBar(self)
        self.progress.hide()
        self.save_button = QPushButton("Save MRCs …", self)
        self.figure_button = QPushButton("Save figure …", self)
        self.slices = MapSlices(self)
        self.plot = Plot("FSC", self)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.count, 1)
        for each in (self.progress, self.begin_button, self.save_button, self.figure_button):
            row.addWidget(each)
        self.shown = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self.shown.addWidget(self.slices, 1)
        self.shown.addWidget(self.plot, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addLayout(row)
        box.addLayout(self.shown, 1)
        box.addWidget(self.words)
        self.begin_button.clicked.connect(self._begin_or_cancel)
        self.save_button.clicked.connect(self._ask_save)
        self.figure_button.clicked.connect(self._ask_figure)
        self.follower = Follower(self)
        self.follower.follow(session.selection_changed, self._say_count)
        self.follower.follow(session.data_changed, self._forget)
        self._forget()

    def _forget(self) -> None:
        """Show nothing: another data set is open."""
        self.close_down(wait=False)
        self._show(None)
        self._say_count()

    def _say_count(self) -> None:
        count = int(self.session.selected.sum())
        self.count.setText(f"{count:,} particle{'' if count == 1 else 's'} selected")

    def _show(self, maps: SelectionMaps | None) -> None:
        self.maps = maps
        self.save_button.setEnabled(maps is not None)
        self.figure_button.setEnabled(maps is not None)
        self.slices.show_maps(maps)
        self.plot.setVisible(maps is not None)
        self.plot.show_curves(Curves(("", "")) if maps is None else fsc_curves(maps))
        text = "" if maps is None else f"Of {len(maps.particles):,} particles {maps.half_map_resolution}."
        self.words.setText(text)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Put maps and curves where there is room for both."""
        super().resizeEvent(event)
        ways = QBoxLayout.Direction
        self.shown.setDirection(ways.LeftToRight if self.width() > 1.2 * self.height() else ways.TopToBottom)

    # averaging

    def _begin_or_cancel(self) -> None:
        if self.work is not None and self.work.running:
            self.work.cancel()
            return
        self.begin_button.setText("Cancel")
        self.progress.setRange(0, 0)
        self.progress.show()
        if self.session.particle_set is not None:
            self._selection = self.session.as_selection("backprojection")
        made = self.panel.average()
        self.work = Work(lambda: made, self._take, self._ended, self)

    def _take(self, result: tuple[int, int] | SelectionMaps) -> None:
        if isinstance(result, SelectionMaps):
            self._show(result)
        else:
            done, total = result
            self.progress.setRange(0, total + 1)  # the maps are made of the sums at the end
            self.progress.setValue(done)

    def _ended(self, message: str | None) -> None:
        self.begin_button.setText("Backproject")
        self.progress.hide()
        if message is not None:
            show_error(message)

    # saving

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Folder of the maps", "backprojection")
        if path:
            self.save(Path(path))

    def save(self, folder: Path) -> None:
        """Write the maps, their half-maps and curves as a folder, or say why that can't be done."""
        maps, selection = self.maps, self._selection
        if maps is not None and selection is not None:
            self._write(lambda: write_selection_maps(maps, selection, folder, overwrite=True))

    def _ask_figure(self) -> None:
        filters = "PNG (*.png);;PDF (*.pdf);;SVG (*.svg)"
        path, _ = QFileDialog.getSaveFileName(self, "Save the figure", "backprojection.png", filters)
        maps = self.maps
        if path and maps is not None:
            self._write(lambda: write_maps_figure(Path(path), maps))

    def _write(self, write: Callable[[], object]) -> None:
        """Write in a thread, one file or folder after the other."""
        if self.writing is not None and self.writing.running:
            return

        def make() -> Iterator[object]:
            write()
            yield from ()

        self.save_button.setEnabled(False)
        self.figure_button.setEnabled(False)
        self.writing = Work(make, _ignore, self._written, self)

    def _written(self, message: str | None) -> None:
        self.save_button.setEnabled(self.maps is not None)
        self.figure_button.setEnabled(self.maps is not None)
        if message is not None:
            show_error(message)

    def close_down(self, *, wait: bool = True) -> None:
        """End what is under way."""
        for work in (self.work, self.writing):
            if work is not None:
                work.cancel()
                if wait:
                    work.wait()


def _ignore(_: object) -> None:
    """Take a result that nothing is done with."""
