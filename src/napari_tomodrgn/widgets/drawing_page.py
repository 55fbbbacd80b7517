"""Drawing over the tomogram as a rule: a lasso, boxes, and a brush that selects as it goes."""

from typing import Any

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QPushButton, QWidget

from napari_tomodrgn.viewer.regions import Regions
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.rule_pages import FURTHEST, RulePage
from napari_tomodrgn.widgets.telling import tell


class DrawingPage(RulePage):
    """The tools, and how deep in the tomogram they reach."""

    def __init__(self, regions: Regions) -> None:
        super().__init__()
        self.regions = regions
        self.lasso, self.box, self.brush, self.clear = (
            QPushButton(text) for text in ("Lasso", "Box", "Brush", "Clear")
        )
        self.lasso.setToolTip("Draw around particles in the tomogram (in 2D), as often as you like; then select them")
        self.box.setToolTip("Draw boxes over particles in the tomogram (in 2D); then select them")
        self.brush.setToolTip("Drag over particles to add them to the selection; with Ctrl to take them away")
        self.brush.setCheckable(True)
        self.clear.setToolTip("Remove what was drawn")
        self.radius, self.reach = QDoubleSpinBox(), QDoubleSpinBox()
        for box, value, tip in (
            (self.radius, regions.radius, "Radius of the brush"),
            (self.reach, 200.0, "To either side of the plane that is shown"),
        ):
            box.setRange(1, FURTHEST)
            box.setDecimals(0)
            box.setSuffix(" Å")
            box.setValue(value)
            box.setToolTip(tip)
        self.any_depth = QCheckBox("any depth")
        self.any_depth.setChecked(regions.depth is None)
        tools, depth = QHBoxLayout(), QHBoxLayout()
        for button in (self.lasso, self.box, self.brush, self.clear):
            tools.addWidget(button)
        depth.addWidget(self.any_depth)
        depth.addWidget(self.reach, 1)
        form = self._form()
        form.addRow(tools)
        form.addRow("depth ±", depth)
        form.addRow("brush", self.radius)
        self.lasso.clicked.connect(self._draw_lasso)
        self.box.clicked.connect(self._draw_box)
        self.brush.toggled.connect(self._paint)
        self.clear.clicked.connect(regions.clear)
        self.radius.valueChanged.connect(self._take_radius)
        self.reach.valueChanged.connect(self._take_depth)
        self.any_depth.toggled.connect(self._take_depth)
        self.reach.setEnabled(not self.any_depth.isChecked())
        follow_at_once(self, regions.changed, self._changed)
        follow_at_once(self, regions.painting_changed, self._show_painting)

    def _draw_lasso(self) -> None:
        tell(lambda: self.regions.draw("lasso"))

    def _draw_box(self) -> None:
        tell(lambda: self.regions.draw("box"))

    def _paint(self, painting: bool) -> None:
        tell(self.regions.paint if painting else self.regions.stop_painting)
        self._show_painting()

    def _show_painting(self) -> None:
        blocked = self.brush.blockSignals(True)
        self.brush.setChecked(self.regions.scene.painting)
        self.brush.blockSignals(blocked)

    def _take_radius(self, radius: float) -> None:
        self.regions.radius = radius

    def _take_depth(self) -> None:
        self.reach.setEnabled(not self.any_depth.isChecked())
        self.regions.depth = None if self.any_depth.isChecked() else self.reach.value()
        self.changed.emit()

    @property
    def tree(self) -> dict[str, Any] | None:
        """What is drawn."""
        return self.regions.tree

    def hideEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Give the mouse back to the camera where another rule is looked at."""
        self.regions.stop_painting()
        QWidget.hideEvent(self, event)
