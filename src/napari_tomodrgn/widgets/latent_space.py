"""The dock widget of the latent space: a scatter of any two columns, its legend, thresholds, and undo."""

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.columns import Classes, Column, Numbers
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.raster import MOST_SIZE, marker_size
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.legend import Legend
from napari_tomodrgn.widgets.scatter import STEPS, TOOLS, Scatter, Tool
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.thresholds import Thresholds

AXES = (("PC 1", "PC 2"), ("UMAP 1", "UMAP 2"), ("z0", "z1"))  # the first pair that is there is shown
TOOL_TIPS: dict[Tool, str] = {
    "lasso": "Draw around particles",
    "rectangle": "Draw a rectangle over particles",
    "click": "Choose single particles",
    "path": "Draw a path: drag, or click its corners and end with a double click",
}
MODIFIERS = (
    "Shift adds, Alt or Ctrl removes, both intersect.\n"
    "Wheel zooms, the middle button or Space moves, a double click shows all."
)
PATH_SPAN = (2.0, 98.0)  # percentiles between which a path along an axis runs


class LatentSpace(QWidget):
    """Shows the session's particles in the plane of two columns, and selects among them.

    Signals
    -------
    path_drawn
        (n,) rows of the particles along a path, in its order.
    """

    path_drawn = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._shown: object = None  # the particle set whose points are shown
        self._axis: npt.NDArray[np.int64] | None = None  # rows along a way that was not drawn here
        self._sized = -1
        self._make_controls()
        self._arrange()
        self._connect()
        self.refresh()

    def _make_controls(self) -> None:
        self.scatter = Scatter(self)
        self.scatter.describe = self.describe
        self.legend = Legend(self.session, self)
        self.thresholds = Thresholds(self.session, self)
        self.x_box, self.y_box, self.colour_box = QComboBox(self), QComboBox(self), QComboBox(self)
        for box, tip in (
            (self.x_box, "The column across"),
            (self.y_box, "The column upwards"),
            (self.colour_box, "The column that gives the colours, in every view"),
        ):
            box.setToolTip(tip)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
        self.tools = QButtonGroup(self)
        self.tool_buttons: dict[Tool, QPushButton] = {}
        for tool in TOOLS:
            button = self.tool_buttons[tool] = QPushButton(self)
            button.setText(tool.capitalize())
            button.setToolTip(f"{TOOL_TIPS[tool]}\n{MODIFIERS}")
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(button.text()) + 16)  # in a narrow dock
            button.setCheckable(True)
            button.setChecked(tool == self.scatter.tool)
            self.tools.addButton(button)
        self.density_box = QCheckBox("Density", self)
        self.density_box.setToolTip("Show how many particles lie at each place")
        self.size_slider = QSlider(Qt.Orientation.Horizontal, self)
        self.size_slider.setRange(1, MOST_SIZE)
        self.size_slider.setMaximumWidth(110)
        self.size_slider.setToolTip("How large particles are drawn")
        self.steps_box = QSpinBox(self)
        self.steps_box.setRange(2, 100)
        self.steps_box.setValue(STEPS)
        self.steps_box.setToolTip("How many particles are taken along a path")
        self.along_x, self.along_y = QPushButton("Along x", self), QPushButton("Along y", self)
        self.status = QLabel(self)
        self.status.setToolTip("Particles without a number in one of the two columns are not shown")
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.clear_button, self.invert_button, self.undo_button, self.redo_button = (
            QToolButton(self) for _ in range(4)
        )
        self.clear_button.setText("Clear")
        self.clear_button.setToolTip("Select no particle")
        self.invert_button.setText("Invert")
        self.invert_button.setToolTip("Select the particles that are not selected")

    def _arrange(self) -> None:
        columns = QHBoxLayout()
        for text, box in (("x", self.x_box), ("y", self.y_box), ("Colour by", self.colour_box)):
            columns.addWidget(QLabel(text, self))
            columns.addWidget(box, 1)
        tools = QHBoxLayout()
        for button in self.tool_buttons.values():
            tools.addWidget(button)
        tools.addStretch(1)
        tools.addWidget(self.density_box)
        tools.addWidget(QLabel("Size", self))
        tools.addWidget(self.size_slider)
        self.path_row = QWidget(self)
        path = QHBoxLayout(self.path_row)
        path.setContentsMargins(0, 0, 0, 0)
        for widget in (QLabel("Particles along the path", self.path_row), self.steps_box, self.along_x, self.along_y):
            path.addWidget(widget)
        path.addStretch(1)
        self.path_row.hide()
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.addWidget(self.scatter)
        splitter.addWidget(self.legend)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([490, 200])
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        for each in (self.clear_button, self.invert_button, self.undo_button, self.redo_button):
            bottom.addWidget(each)
        layout = QVBoxLayout(self)
        for row in (columns, tools):
            layout.addLayout(row)
        layout.addWidget(self.path_row)
        layout.addWidget(splitter, 1)
        layout.addWidget(self.thresholds)
        layout.addWidget(self.status)
        layout.addLayout(bottom)

    def _connect(self) -> None:
        session, scatter = self.session, self.scatter
        self.x_box.textActivated.connect(self._show_points)
        self.y_box.textActivated.connect(self._show_points)
        self.colour_box.textActivated.connect(self._colour_by)
        self.tools.buttonClicked.connect(self._take_tool)
        self.density_box.toggled.connect(scatter.set_density)
        self.density_box.toggled.connect(self.legend.set_density)
        self.size_slider.valueChanged.connect(scatter.set_marker_size)
        self.steps_box.valueChanged.connect(self._take_steps)
        self.along_x.clicked.connect(self.path_along_x)
        self.along_y.clicked.connect(self.path_along_y)
        self.clear_button.clicked.connect(self._clear)
        self.invert_button.clicked.connect(self._invert)
        self.undo_button.clicked.connect(self._undo)
        self.redo_button.clicked.connect(self._redo)
        scatter.picked.connect(self._pick)
        scatter.clicked.connect(self._look_at)
        scatter.path_drawn.connect(self.path_drawn)
        self.thresholds.previewed.connect(self._preview)
        self.follower = Follower(self)
        for signal, method in (
            (session.data_changed, self.refresh),
            (session.columns_changed, self.refresh),
            (session.colouring_changed, self._show_colours),
            (session.selection_changed, self._show_selected),
            (session.particle_changed, self._show_particle),
            (session.path_changed, self._take_axis),
            (session.history.changed, self._show_history),
        ):
            self.follower.follow(signal, method)

    # what the session says

    def refresh(self) -> None:
        """Show the particles and columns of the session."""
        columns, fresh = self.session.columns, self.session.particle_set is not self._shown
        if fresh:
            self._axis = None
        numbers = [name for name, own in columns.items() if isinstance(own, Numbers)]
        x, y = self.x_box.currentText(), self.y_box.currentText()
        if fresh or x not in numbers or y not in numbers:
            x, y = first_axes(columns)
        offer(self.x_box, numbers, x)
        offer(self.y_box, numbers, y)
        offer(self.colour_box, list(columns), self.session.coloured_by or "")
        self._show_points(fit=fresh or (x, y) != self.scatter.names)
        self._shown = self.session.particle_set
        if fresh:
            self.size_slider.setValue(marker_size(len(self.session)))
        self._show_history()

    def _show_points(self, _: str = "", *, fit: bool = True) -> None:
        names = (self.x_box.currentText(), self.y_box.currentText())
        x, y = (self._values(name) for name in names)
        self.scatter.set_points(x, y, names, fit=fit)
        self._show_colours()
        self._show_selected()
        self._show_particle()
        self._show_axis()

    def _take_axis(self) -> None:
        """Draw a way through particles that another widget chose."""
        rows = self.session.path
        self._axis = None if rows is None or np.array_equal(rows, self.scatter.stops) else rows
        self._show_axis()

    def _show_axis(self) -> None:
        if self._axis is not None and not self._behind():
            points = np.stack([self.scatter.cloud.x[self._axis], self.scatter.cloud.y[self._axis]], axis=1)
            placed = np.isfinite(points).all(axis=1)
            self.scatter.show_path(points[placed], self._axis[placed])

    def _values(self, name: str) -> npt.NDArray[np.float64]:
        column = self.session.columns.get(name)
        return column.values if isinstance(column, Numbers) else np.full(len(self.session), np.nan)

    def _behind(self) -> bool:
        """Return whether other particles were opened that are not shown yet."""
        return len(self.scatter.cloud) != len(self.session)

    def _show_colours(self) -> None:
        if not self._behind():
            self.scatter.set_colours(self.session.colouring.rgba)
            offer(self.colour_box, list(self.session.columns), self.session.coloured_by or "")

    def _show_selected(self) -> None:
        if not self._behind():
            self.scatter.set_selected(self.session.selected)
            self._show_status(self.session.selected)

    def _preview(self, mask: npt.NDArray[np.bool_] | None) -> None:
        """Show what a threshold would select while it is dragged."""
        if not self._behind():
            shown = self.session.selected if mask is None else mask
            self.scatter.set_selected(shown)
            self._show_status(shown)

    def _show_status(self, selected: npt.NDArray[np.bool_]) -> None:
        text = f"{int(selected.sum()):,} of {len(selected):,} selected"
        unplaced = self.scatter.cloud.unplaced
        self.status.setText(f"{text} · {unplaced:,} without a value" if unplaced else text)

    def _show_particle(self) -> None:
        self.scatter.set_particle(self.session.particle)

    def _show_history(self) -> None:
        history = self.session.history
        for button, verb, name in (
            (self.undo_button, "Undo", history.undo_name),
            (self.redo_button, "Redo", history.redo_name),
        ):
            button.setEnabled(name is not None)
            button.setToolTip(verb if name is None else f"{verb}: {name}")
            width = button.fontMetrics().averageCharWidth() * 24
            text = verb if name is None else f"{verb}: {name}"
            button.setText(button.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width))

    def describe(self, row: int) -> str:
        """Return what the tooltip says of a particle: its name, its tomogram, and what gives it its colour."""
        session = self.session
        if session.particle_set is None or not 0 <= row < len(session):
            return ""
        tomogram, name = session.particle_set.particles.loc[row, ["tomogram", "name"]]
        lines = [f"{name} in {tomogram_label(str(tomogram))}"]
        if session.coloured_by is not None and session.coloured_by != "tomogram":
            lines.append(f"{session.coloured_by}: {_written(session, session.coloured_by, row)}")
        return "\n".join(lines)

    # what a person does

    def _take_tool(self, button: QPushButton) -> None:
        tool = next(tool for tool, each in self.tool_buttons.items() if each is button)
        self.scatter.set_tool(tool)
        self.path_row.setVisible(tool == "path")

    def _take_steps(self, steps: int) -> None:
        self.scatter.steps = steps

    def _pick(self, mask: npt.NDArray[np.bool_], rule: dict[str, object], how: str) -> None:
        if len(mask) == len(self.session):
            self.session.select(mask, rule, how)  # type: ignore[arg-type]

    def _look_at(self, row: int) -> None:
        self.session.look_at(row)

    def _colour_by(self, column: str) -> None:
        self.session.colour_by(column)

    def _clear(self) -> None:
        self.session.select_rows([], {"rule": "none"})

    def _invert(self) -> None:
        self.session.invert()

    def _undo(self) -> None:
        tell(self.session.undo)

    def _redo(self) -> None:
        tell(self.session.redo)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Undo and redo by the system's keys, where no text is being edited."""
        if event.matches(QKeySequence.StandardKey.Undo):
            tell(self.session.undo)
        elif event.matches(QKeySequence.StandardKey.Redo):
            tell(self.session.redo)
        else:
            super().keyPressEvent(event)

    def path_along_x(self) -> None:
        """Take a path along the horizontal axis, through the middle of the particles."""
        self._path_along(0)

    def path_along_y(self) -> None:
        """Take a path along the vertical axis, through the middle of the particles."""
        self._path_along(1)

    def _path_along(self, axis: int) -> None:
        cloud = self.scatter.cloud
        points = np.stack([cloud.x, cloud.y], axis=1)
        points = points[np.isfinite(points).all(axis=1)]
        if len(points):
            line = np.tile(np.median(points, axis=0), (2, 1))
            line[:, axis] = np.percentile(points[:, axis], PATH_SPAN)
            self.scatter.take_path(line)


def first_axes(columns: dict[str, Column]) -> tuple[str, str]:
    """Return the two columns that are shown at first."""
    numbers = {name: np.isfinite(own.values).any() for name, own in columns.items() if isinstance(own, Numbers)}
    for pair in AXES:
        if all(name in numbers for name in pair):
            return pair
    known = [name for name, any_value in numbers.items() if any_value] or list(numbers)
    # a single latent dimension comes first, whatever else there is
    known.sort(key=lambda name: name != "z0")
    return (known[0], known[1 % len(known)]) if known else ("", "")


def _written(session: Session, name: str, row: int) -> str:
    column = session.columns[name]
    if isinstance(column, Classes):
        code = int(column.codes[row])
        style = session.styles.get(name)
        return "none" if code < 0 else (style.names if style else {}).get(code, column.names[code])
    value = column.values[row]
    return f"{value:.4g}" if np.isfinite(value) else "none"
