"""The other run's particles as a scatter that is linked to the session: what is selected is selected in both."""

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.viewer.compared import Compared, latents_in_words
from napari_tomodrgn.viewer.comparing import ALIGNED
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.raster import marker_size
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.latent_space import first_axes
from napari_tomodrgn.widgets.scatter import Scatter, Tool

TOOLS: tuple[Tool, ...] = ("lasso", "rectangle", "click")
CLASSES, AS_HERE, CHANGED = "colour: B", "colour: here", "colour: changed"
SMALLEST = (200, 110)  # px; beside the latent space there is little room
COLOURS = {
    CLASSES: "The classes of B, each in the colour of the class of A that it is matched to",
    AS_HERE: "As in every other view",
    CHANGED: "Particles that changed their class stand out",
}


class ComparedScatter(QWidget):
    """The scatter, with the columns it shows and what it is coloured by."""

    def __init__(self, compared: Compared, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.compared = compared
        self._shown: object = None
        self.scatter = Scatter(self)
        self.scatter.empty_message = "Press Compare to see the other run here."
        self.scatter.setMinimumSize(*SMALLEST)
        self.scatter.describe = self.describe
        self.x_box, self.y_box, self.colour_box, self.tool_box = (QComboBox(self) for _ in range(4))
        for box, tip in (
            (self.x_box, "The column across: a column of B, or B's latents laid on A's"),
            (self.y_box, "The column upwards"),
            (self.colour_box, "\n".join(f"{name}: {what}" for name, what in COLOURS.items())),
            (self.tool_box, "What dragging does. Shift adds, Alt or Ctrl removes, both intersect."),
        ):
            box.setToolTip(tip)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(4)
        self.tool_box.addItems([tool.capitalize() for tool in TOOLS])
        self.status = QLabel(self)
        self.status.setWordWrap(True)
        boxes = QHBoxLayout()
        for text, box in (("x", self.x_box), ("y", self.y_box), ("", self.colour_box), ("", self.tool_box)):
            if text:
                boxes.addWidget(QLabel(text, self))
            boxes.addWidget(box, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(boxes)
        layout.addWidget(self.scatter, 1)
        layout.addWidget(self.status)
        self.x_box.textActivated.connect(self._show_points)
        self.y_box.textActivated.connect(self._show_points)
        self.colour_box.textActivated.connect(self._show_colours)
        self.tool_box.activated.connect(self._take_tool)
        self.scatter.picked.connect(self._pick)
        self.scatter.clicked.connect(self._look_at)
        session = compared.session
        self.follower = Follower(self)
        for signal, method in (
            (compared.changed, self.refresh),
            (session.colouring_changed, self._show_colours),
            (session.selection_changed, self._show_selected),
            (session.particle_changed, self._show_particle),
        ):
            self.follower.follow(signal, method)
        self.refresh()

    def refresh(self) -> None:
        """Show what was compared."""
        compared = self.compared
        fresh = compared.columns is not self._shown
        self._shown = compared.columns
        if not fresh:
            return
        numbers = [name for name, own in compared.columns.items() if isinstance(own, Numbers)]
        aligned = (ALIGNED.format(1), ALIGNED.format(2))
        x, y = aligned if all(name in numbers for name in aligned) else first_axes(compared.columns)
        offer(self.x_box, numbers, x)
        offer(self.y_box, numbers, y)
        classes = compared.comparison is not None and compared.comparison.b.labelling is not None
        offered = [AS_HERE] if not classes else [CLASSES, AS_HERE, CHANGED]
        offer(self.colour_box, offered, offered[0])
        self.status.setText("" if compared.comparison is None else latents_in_words(compared.comparison))
        self.scatter.set_marker_size(marker_size(len(compared)))
        self._show_points()

    def _show_points(self, _: str = "") -> None:
        names = (self.x_box.currentText(), self.y_box.currentText())
        x, y = (self.compared.values(name) for name in names)
        self.scatter.set_points(x, y, names)
        self._show_colours()
        self._show_selected()
        self._show_particle()

    def _show_colours(self, _: str = "") -> None:
        by = self.colour_box.currentText()
        compared = self.compared
        if len(self.scatter.cloud) != len(compared):
            return
        if by == CLASSES:
            self.scatter.set_colours(compared.colours_of_classes())
        elif by == CHANGED:
            self.scatter.set_colours(compared.colours_of_change())
        else:
            self.scatter.set_colours(compared.colours_as_here())

    def _show_selected(self) -> None:
        if len(self.scatter.cloud) == len(self.compared):
            self.scatter.set_selected(self.compared.selected)

    def _show_particle(self) -> None:
        self.scatter.set_particle(self.compared.particle)

    def _take_tool(self, number: int) -> None:
        self.scatter.set_tool(TOOLS[number])

    def _pick(self, mask: npt.NDArray[np.bool_], rule: dict[str, Any], how: str) -> None:
        self.compared.select(mask, rule, how)  # type: ignore[arg-type]

    def _look_at(self, row: int) -> None:
        here = self.compared.row_here(row)
        if here is not None:
            self.compared.session.look_at(here)

    def describe(self, row: int) -> str:
        """Return what the tooltip says of a particle of B: its name, and its class on either side."""
        comparison = self.compared.comparison
        if comparison is None:
            return ""
        tomogram, name = comparison.b.ids[row]
        lines = [f"{name} in {tomogram_label(tomogram)}"]
        labelling = comparison.b.labelling
        if labelling is not None and labelling.codes[row] >= 0:
            lines.append(f"B: {labelling.names[int(labelling.codes[row])]}")
        if self.compared.row_here(row) is None:
            lines.append("not in this data set")
        return "\n".join(lines)
