"""Findings: what was measured of every particle's volume, and what latents follow, each as a page."""

from typing import Any

from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_tomodrgn.viewer.alarms_panel import AlarmsPanel
from napari_tomodrgn.viewer.occupancy_panel import OccupancyPanel
from napari_tomodrgn.widgets.alarms import AlarmsPage
from napari_tomodrgn.widgets.occupancy import OccupancyPage


class Findings(QWidget):
    """The dock widget."""

    def __init__(self, occupancies: OccupancyPanel, alarms: AlarmsPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("findings")
        self.occupancy = OccupancyPage(occupancies)
        self.alarms = AlarmsPage(alarms)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.occupancy, "Occupancy")
        self.tabs.addTab(self.alarms, "Alarms")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.tabs)

    def close_down(self) -> None:
        """End what is under way."""
        self.occupancy.close_down()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way."""
        self.close_down()
        super().closeEvent(event)
