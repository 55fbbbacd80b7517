"""A box to tick: the chains of a fitted model are drawn over volumes."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from qtpy.QtWidgets import QCheckBox, QFileDialog, QWidget

from napari_tomodrgn.viewer.model_chains import Chains, read_chains
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.work import Work


class ModelBox(QCheckBox):
    """Reads the run's fit beside the window, or one that a person chooses where the run has none."""

    def __init__(self, panel: VolumePanel, parent: QWidget | None = None) -> None:
        super().__init__("model", parent)
        self.panel = panel
        self.work: Work | None = None
        self.setToolTip(
            "Chains of the model that was fitted (Analyse ▸ Model into a volume), CA to CA or P to P, seen through the "
            "surface; of another fit where this epoch has none"
        )
        self.toggled.connect(self._take)
        follow_at_once(self, panel.changed, self._show)

    def _take(self, ticked: bool) -> None:
        if not ticked:
            self._cancel()
            self.panel.take_chains(None)
            return
        path = self.panel.fit_file
        if path is None:
            chosen, _ = QFileDialog.getOpenFileName(self, "A fitted model", "", "Fits (*.json)")
            path = Path(chosen) if chosen else None
        if path is None:
            self.setChecked(False)
        else:
            self.read(path)

    def read(self, path: Path) -> None:
        """Draw the chains of a fit, once they are read, or say why that can't be done."""
        self._cancel()
        particle_set = self.panel.session.particle_set
        hand = "keep" if particle_set is None else particle_set.forward_model.map_hand
        self.work = Work(partial(_one, partial(read_chains, path, hand)), self.panel.take_chains, self._ended, self)

    def _ended(self, message: str | None) -> None:
        if message is not None:
            self.setChecked(False)
            show_error(message)

    def _cancel(self) -> None:
        if self.work is not None:
            self.work.cancel()

    def _show(self) -> None:
        """Show whether chains are drawn; they are forgotten with their run."""
        if self.work is None or not self.work.running:
            before = self.blockSignals(True)
            self.setChecked(self.panel.chains is not None)
            self.blockSignals(before)


def _one(make: Callable[[], Chains]) -> Iterator[Chains]:
    yield make()
