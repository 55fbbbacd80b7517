"""A validation that was made: the verdict in words, the maps with their origins, and the curves."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QTabWidget, QVBoxLayout, QWidget

from napari_tomodrgn.analysis.validation.stored import StoredValidation, read_validation
from napari_tomodrgn.viewer.curves import Curves
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.validation_curves import amplitude_curves, fsc_curves, numbers_in_words
from napari_tomodrgn.viewer.validation_panel import ValidationPanel
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.plot import Plot
from napari_tomodrgn.widgets.validation_maps import HINT, ValidationMaps
from napari_tomodrgn.widgets.work import Work

GOOD, BAD = "#3fbf8f", "#e8743b"


class ValidationResult(QWidget):
    """The page that shows one of the epoch's validations."""

    def __init__(self, panel: ValidationPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel = panel
        self.found: StoredValidation | None = None
        self.work: Work | None = None
        self.names = QComboBox()
        self.names.setToolTip("Validations of the epoch that is open, the last one first")
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self.verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.maps = ValidationMaps()
        self.fsc, self.amplitude = Plot("FSC"), Plot("amplitude")
        self.numbers = QLabel()
        self.numbers.setWordWrap(True)
        agreement = QWidget()
        column = QVBoxLayout(agreement)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.fsc, 1)
        column.addWidget(self.numbers)
        self.tabs = QTabWidget()
        for page, name in ((self.maps, "Maps"), (agreement, "Agreement"), (self.amplitude, "In the images")):
            self.tabs.addTab(page, name)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(self.names)
        box.addWidget(self.verdict)
        box.addWidget(self.tabs, 1)
        self.names.activated.connect(self._read_chosen)
        self.follower = Follower(self)
        self.follower.follow(panel.session.data_changed, self.refresh)
        self.follower.follow(panel.session.epochs_changed, self.refresh)
        self._show(None)

    def refresh(self) -> None:
        """Offer what the open epoch has; what is shown goes where it is no longer among them."""
        folders = self.panel.earlier()
        self.names.clear()
        for folder in folders:
            self.names.addItem(folder.name, str(folder))
        self.names.setEnabled(bool(folders))
        if self.found is not None and self.found.folder in folders:
            self.names.setCurrentIndex(folders.index(self.found.folder))
        elif folders:
            self.read(folders[0])
        else:
            self._show(None)

    def _read_chosen(self) -> None:
        self.read(Path(self.names.currentData()))

    def read(self, folder: Path) -> None:
        """Read a validation beside the window and show it."""
        self.close_down(wait=False)
        self.names.setCurrentIndex(self.names.findData(str(folder)))
        self.work = Work(partial(_read, folder), self._show, self._ended, self)

    def _ended(self, message: str | None) -> None:
        if message is not None:
            self._show(None)
            show_error(message)

    def _show(self, found: StoredValidation | None) -> None:
        self.found = found
        self.maps.show_validation(found, HINT)
        for plot, curves in ((self.fsc, fsc_curves), (self.amplitude, amplitude_curves)):
            plot.show_curves(Curves(("", ""), message=HINT) if found is None else curves(found))
        self.verdict.setVisible(found is not None)
        self.verdict.setText("" if found is None else verdict_text(found))
        self.numbers.setText("" if found is None else numbers_in_words(found))

    def close_down(self, *, wait: bool = True) -> None:
        """End what is under way."""
        if self.work is not None:
            self.work.cancel()
            if wait:
                self.work.wait()


def verdict_text(found: StoredValidation) -> str:
    """Return the verdict and why, as rich text."""
    document, colour = found.document, GOOD if found.supported else BAD
    count = f"{document['particles']:,} particles against {document['against']:,}"
    head = f"<b style='color:{colour}'>{document['verdict']}</b> by the images · {count}"
    return "<br>".join([head, *(f"{reason[0].upper()}{reason[1:]}." for reason in document["reasons"])])


def _read(folder: Path) -> Iterator[StoredValidation]:
    yield read_validation(folder)
