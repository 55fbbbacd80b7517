"""Inspect: what the images of the particle that is clicked say for its volume, and the selection averaged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.run_evidence import MissingImagesError
from napari_tomodrgn.figures.evidence import write_evidence_figure
from napari_tomodrgn.viewer.curves import Curves
from napari_tomodrgn.viewer.evidence_curves import gain_curves, latent_curves, loss_curves, weight_curves
from napari_tomodrgn.viewer.evidence_panel import EvidencePanel, Finding, Known
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.tilt_sheet import SheetLook, TiltSheet
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.plot import Plot
from napari_tomodrgn.widgets.selection_maps import SelectionMapsView
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.tilt_sheet import TiltSheetView
from napari_tomodrgn.widgets.work import Work

NOTHING = "Click a particle to see its tilt images"
FIGURES = "PNG (*.png);;PDF (*.pdf);;SVG (*.svg)"


class Inspect(QWidget):
    """The dock widget."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspect")
        self.session, self.panel = session, EvidencePanel(session)
        self.work: Work | None = None
        self.drawing: Work | None = None
        self.row: int | None = None  # of the particle whose evidence is shown
        self._make_controls()
        self._arrange()
        self._connect()
        self._show_nothing(NOTHING)

    # parts

    def _make_controls(self) -> None:
        self.title = QLabel(self)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.folder_button = QPushButton("The images are in …", self)
        self.folder_button.setToolTip("A folder in which the run's image stacks are looked for from now on")
        self.folder_button.hide()
        self.progress = QProgressBar(self)
        self.progress.hide()
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.hide()
        self.order_box = QComboBox(self)
        self.order_box.addItem("by tilt", "tilt")
        self.order_box.addItem("by dose", "dose")
        self.order_box.setToolTip("What tilt images are sorted by, and plotted against")
        self.low_pass = QDoubleSpinBox(self)
        self.low_pass.setRange(0, 500)
        self.low_pass.setSuffix(" Å")
        self.low_pass.setSpecialValueText("none")
        self.low_pass.setToolTip("Detail finer than this is not shown")
        self.masked = QCheckBox("dose mask", self)
        self.masked.setChecked(True)
        self.masked.setToolTip("Show only frequencies that count: those within the optimal dose of each tilt")
        self.one_scale = QCheckBox("one scale", self)
        self.one_scale.setChecked(True)
        self.one_scale.setToolTip("Black and white stand for the same in all pictures; else projections have their own")
        self.figure_button = QPushButton("Save figure …", self)
        self.sheet = TiltSheetView(self)
        self.plots = {name: Plot(name, self) for name in ("loss", "gain", "weight", "latents")}
        self.selection = SelectionMapsView(self.session, self.panel, self)
        self.tabs = QTabWidget(self)

    def _arrange(self) -> None:
        top, look = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.title, 1)
        for each in (self.folder_button, self.progress, self.cancel_button):
            top.addWidget(each)
        for control in (self.order_box, QLabel("low-pass", self), self.low_pass, self.masked, self.one_scale):
            look.addWidget(control)
        look.addStretch(1)
        look.addWidget(self.figure_button)
        particle, plots = QWidget(self), QWidget(self)
        column, curves = QVBoxLayout(particle), QGridLayout(plots)
        column.addLayout(look)
        column.addWidget(self.sheet, 1)
        for number, plot in enumerate(self.plots.values()):
            curves.addWidget(plot, *divmod(number, 2))
        for layout in (column, curves):
            layout.setContentsMargins(4, 4, 4, 4)
        for part, name in ((particle, "Tilt images"), (plots, "Plots"), (self.selection, "Selection")):
            self.tabs.addTab(part, name)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addLayout(top)
        box.addWidget(self.tabs, 1)

    def _connect(self) -> None:
        self.order_box.activated.connect(self._show)
        self.low_pass.valueChanged.connect(self._show_sheet)
        self.masked.toggled.connect(self._show_sheet)
        self.one_scale.toggled.connect(self._show_sheet)
        self.figure_button.clicked.connect(self._ask_figure)
        self.folder_button.clicked.connect(self._ask_folder)
        self.cancel_button.clicked.connect(self._cancel)
        self.sheet.picked.connect(self._mark)
        for plot in self.plots.values():
            plot.picked.connect(self._mark)
        self.follower = Follower(self)
        self.follower.follow(self.session.particle_changed, self.refresh)
        self.follower.follow(self.session.data_changed, self._begin_anew)

    # what is looked for

    def refresh(self) -> None:
        """Show the evidence for the particle that is looked at, found in a thread while the widget can be seen."""
        if not self.isVisible():
            return
        row = self.session.particle
        if row != self.row:
            self._cancel()
            self._mark(None)
            self.row = row
        if row is None:
            self._show_nothing(NOTHING)
            return
        known = self.panel.known(row)
        if known is None or not known.whole:
            self._find(row)
        if known is not None:
            self._show()

    def _begin_anew(self) -> None:
        self._cancel()
        self.row = None
        self.folder_button.hide()
        self._show_nothing(NOTHING)
        self.refresh()

    def _find(self, row: int) -> None:
        if self.work is not None and self.work.running:
            return
        self._show_nothing("…")
        self.folder_button.hide()
        self.progress.setRange(0, 0)
        self.progress.show()
        self.cancel_button.show()
        panel = self.panel
        self.work = Work(lambda: _failing_softly(panel, row), self._take, self._found, self)

    def _take(self, finding: Finding | MissingImagesError) -> None:
        if isinstance(finding, MissingImagesError):
            self._show_nothing(str(finding))
            self.folder_button.show()
            return
        assert self.row is not None
        self.panel.take(self.row, finding)
        known = self.panel.known(self.row)
        assert known is not None
        self.progress.setRange(0, len(known.evidence))
        self.progress.setValue(len(known.tilts))
        if isinstance(finding, Known):
            self._show()
        else:
            self._show_latents(known)

    def _found(self, message: str | None) -> None:
        self.progress.hide()
        self.cancel_button.hide()
        if message is not None:
            self._show_nothing(message)

    def _cancel(self) -> None:
        if self.work is not None:
            self.work.cancel()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Look for what was clicked while the widget was hidden."""
        super().showEvent(event)
        self.follower.soon(self.refresh)

    # what is shown

    def _known(self) -> Known | None:
        return None if self.row is None else self.panel.known(self.row)

    def _show_nothing(self, message: str) -> None:
        self.title.setText("")
        self.title.setToolTip("")
        self.figure_button.setEnabled(False)
        self.sheet.show_sheet(None, [], message)
        for plot in self.plots.values():
            plot.show_curves(Curves(("", ""), message=message))

    def _show(self) -> None:
        known, by = self._known(), self.order_box.currentData()
        if known is None:
            return
        own = known.evidence
        tomogram, name = own.particle
        mean = float((own.share * own.mean_loss).sum())
        self.title.setText(f"{name} · {tomogram}: loss {own.particle_loss:.4f}, with the mean volume {mean:.4f}")
        self.title.setToolTip(self.title.text())
        self.figure_button.setEnabled(True)
        self._show_sheet()
        self.plots["loss"].show_curves(loss_curves(own, by))
        self.plots["gain"].show_curves(gain_curves(own, by))
        self.plots["weight"].show_curves(weight_curves(own, by))
        self._show_latents(known)

    def _show_sheet(self) -> None:
        known = self._known()
        if known is not None:
            look = SheetLook(self.low_pass.value(), self.masked.isChecked(), self.one_scale.isChecked())
            order = known.evidence.order(self.order_box.currentData()).tolist()
            self.sheet.show_sheet(TiltSheet(known.evidence, look), order)

    def _show_latents(self, known: Known) -> None:
        by = self.order_box.currentData()
        curves = latent_curves(known.evidence, by, known.everyone, known.own, known.tilts, known.message)
        self.plots["latents"].show_curves(curves)

    def _mark(self, place: int | None) -> None:
        """Mark a tilt, by its place in the order, in all views."""
        self.sheet.mark(place)
        for plot in self.plots.values():
            plot.mark(place)

    # images and figures

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of the image stacks")
        if path:
            self.look_in(Path(path))

    def look_in(self, folder: Path) -> None:
        """Look for the run's image stacks in a further folder, or say that they are not there."""
        if tell(lambda: self.panel.look_for_images_in(folder)):
            self.refresh()

    def _ask_figure(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the figure", "evidence.png", FIGURES)
        if path:  # the dialog asked where the file is there already
            self.save_figure(Path(path))

    def save_figure(self, path: Path) -> None:
        """Write what is shown as a figure, in a thread."""
        known, by = self._known(), self.order_box.currentData()
        if known is None or (self.drawing is not None and self.drawing.running):
            return
        low_pass, masked, one_scale = self.low_pass.value(), self.masked.isChecked(), self.one_scale.isChecked()
        along = (known.everyone, known.own, known.tilts if len(known.tilts) == len(known.evidence) else None)

        def draw() -> Iterator[object]:
            yield write_evidence_figure(
                path, known.evidence, by, along, low_pass=low_pass, masked=masked, one_scale=one_scale
            )

        self.figure_button.setEnabled(False)
        self.drawing = Work(draw, _ignore, self._drawn, self)

    def _drawn(self, message: str | None) -> None:
        self.figure_button.setEnabled(self._known() is not None)
        if message is not None:
            show_error(message)

    def close_down(self) -> None:
        """End what is under way."""
        self.selection.close_down()
        for work in (self.work, self.drawing):
            if work is not None:
                work.cancel()
                work.wait()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way."""
        self.close_down()
        super().closeEvent(event)


def _ignore(_: object) -> None:
    """Take a result that nothing is done with."""


def _failing_softly(panel: EvidencePanel, row: int) -> Iterator[Finding | MissingImagesError]:
    """Yield what is found of a particle, and that images are missing as something found."""
    try:
        yield from panel.find(row)
    except MissingImagesError as error:
        yield error
