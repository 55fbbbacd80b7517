"""Volumes at their poses: which, as what, in which colours, and beside what."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.viewer.all_volumes import AllVolumes
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.work import Work

SHORTEST_PAUSE_MS = 300  # between two drawings while surfaces still come in
PAUSE = 5  # times as long as the last drawing took, so that most of the time the window is free
ALONE = "nothing"


class Placing(QGroupBox):
    """Places volumes in the tomogram, a part of the Volumes widget."""

    def __init__(self, session: Session, placed: AllVolumes, parent: QWidget | None = None) -> None:
        super().__init__("At their poses in the tomogram", parent)
        self.session, self.placed = session, placed
        self.work: Work | None = None
        self._pause_ms = 0
        self._drawing = QTimer(self)
        self._drawing.setSingleShot(True)
        self._drawing.timeout.connect(self._draw)
        self._make_controls()
        self._arrange()
        for signal, method in (
            (session.data_changed, self._show_style),
            (session.columns_changed, self._show_style),
            (session.volume_style_changed, self._show_style),
            (session.data_changed, self._stop),
            (session.tomogram_changed, self._stop),
            (placed.waiting_changed, self._draw_soon),
        ):
            follow_at_once(self, signal, method)
        self.destroyed.connect(placed.disconnect)
        self._show_style()

    def _make_controls(self) -> None:
        self.which, self.kind = QComboBox(), QComboBox()
        self.which.addItem("all particles", "all")
        self.which.addItem("selected particles", "selected")
        self.kind.addItem("own volumes", "own")
        self.kind.addItem("class volumes", "class")
        self.place_button, self.clear_button = QPushButton("Place"), QPushButton("Clear")
        self.only_selected = QCheckBox("only the selection in colour")
        self.only_selected.setToolTip(
            "The others are grey, and coarse when they are placed anew. Classes that are faded in the legend are so too"
        )
        self.beside = QComboBox()
        self.beside.setToolTip("The same volumes once more, coloured by another column, in a second view beside")
        self.beside.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.beside.setMinimumContentsLength(10)
        self.picture_button = QPushButton("Save picture …")
        self.picture_button.setToolTip("What the canvas shows, with what the colours mean, as a PNG for a page")
        self.progress = QProgressBar()
        self.progress.setFormat("%v of %m")
        self.progress.hide()
        self.place_button.clicked.connect(self._place_or_cancel)
        self.clear_button.clicked.connect(self._clear)
        self.only_selected.toggled.connect(self._take_style)
        self.beside.activated.connect(self._take_style)
        self.picture_button.clicked.connect(self._ask_picture)

    def _arrange(self) -> None:
        box, first, second = QVBoxLayout(self), QHBoxLayout(), QHBoxLayout()
        box.setContentsMargins(4, 4, 4, 4)
        for each in (self.which, self.kind, self.place_button, self.clear_button):
            first.addWidget(each)
        first.addWidget(self.progress, 1)
        first.addStretch(1)
        for part in (self.only_selected, QLabel("beside it by"), self.beside, self.picture_button):
            second.addWidget(part)
        second.addStretch(1)
        box.addLayout(first)
        box.addLayout(second)

    # placing

    def _place_or_cancel(self) -> None:
        if self.work is not None and self.work.running:
            self.work.cancel()
            return
        tell(self._place)

    def _place(self) -> None:
        count, made = self.placed.begin(self.which.currentData(), self.kind.currentData())
        self.progress.setRange(0, count)
        self.progress.setValue(0)
        self.progress.show()
        self.place_button.setText("Cancel")
        self._pause_ms = 0  # the first is seen at once

        def make() -> Iterator[Any]:
            return made

        self.work = Work(make, self._take_placed, self._placed_all, self)

    def _take_placed(self, mesh: Any) -> None:
        self.placed.add(mesh)
        self.progress.setValue(self.progress.value() + 1)

    def _placed_all(self, message: str | None) -> None:
        self._draw_soon()
        self.progress.hide()
        self.place_button.setText("Place")
        if message is not None:
            show_error(message)

    def _draw_soon(self) -> None:
        """Draw soon what waits: at once what will not grow any more."""
        if not self.placed.waiting:
            return
        if self.placed.full or self.work is None or not self.work.running:
            self._drawing.start(0)
        elif not self._drawing.isActive():
            self._drawing.start(self._pause_ms)

    def _draw(self) -> None:
        began = time.monotonic()
        self.placed.draw()
        self._pause_ms = max(SHORTEST_PAUSE_MS, int(1000 * PAUSE * (time.monotonic() - began)))
        self._draw_soon()

    def _stop(self) -> None:
        if self.work is not None:
            self.work.cancel()

    def _clear(self) -> None:
        self._stop()
        self.placed.clear()

    # colours

    def _show_style(self) -> None:
        style = self.session.volume_style
        before = self.only_selected.blockSignals(True)
        self.only_selected.setChecked(style.only_selected)
        self.only_selected.blockSignals(before)
        offer(self.beside, [ALONE, *self.session.columns], self.placed.beside or ALONE)

    def _take_style(self) -> None:
        style, beside = self.session.volume_style, self.beside.currentText()
        column = None if beside == ALONE else beside
        changed = replace(style, only_selected=self.only_selected.isChecked(), beside=column)
        if changed.beside != style.beside:
            name = "volumes in one view" if column is None else f"volumes beside by {column}"
        else:
            name = "only the selection in colour" if changed.only_selected else "all volumes in colour"
        self.placed.restyle(name, changed)

    def _ask_picture(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the picture", "volumes.png", "PNG (*.png)")
        if path:  # the dialog asked where the file is there already
            tell(lambda: self.placed.save_picture(Path(path)))

    def close_down(self) -> None:
        """End what is under way."""
        self._drawing.stop()
        if self.work is not None:
            self.work.cancel()
            self.work.wait()
