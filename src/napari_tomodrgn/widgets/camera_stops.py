"""The stops of a camera's way as a table: added, changed, ordered, timed, and gone through."""

from qtpy.QtCore import QElapsedTimer, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.camera import show_stop, stop_of
from napari_tomodrgn.viewer.camera_path import CameraPath, Interpolation, Pace, Stop
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.telling import tell

FRAME_MS = 30  # of what is played live
VIEW, SECONDS = 0, 1  # columns
PACES: dict[Pace, tuple[str, str]] = {
    "ease": ("halt at stops", "Each leg begins and ends at rest"),
    "steady": ("steady", "Each leg is gone at one speed"),
    "flow": ("flowing", "A smooth curve through all stops, without a halt"),
}


class CameraStops(QWidget):
    """Shows and changes the session's stops, of what the viewer sees."""

    def __init__(self, path: CameraPath, scene: Scene, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path, self.scene = path, scene
        self._filling = False
        self._way: Interpolation | None = None  # that is played
        self._since = QElapsedTimer()
        self._playing = QTimer(self)
        self._playing.setInterval(FRAME_MS)
        self._playing.timeout.connect(self._play_on)
        self._make_controls()
        self._arrange()
        self.add_button.clicked.connect(self._add)
        self.update_button.clicked.connect(self._update)
        self.remove_button.clicked.connect(self._remove)
        self.up_button.clicked.connect(self._move_up)
        self.down_button.clicked.connect(self._move_down)
        self.go_button.clicked.connect(self._go)
        self.table.cellDoubleClicked.connect(self._go_to_cell)
        self.table.itemChanged.connect(self._take_seconds)
        self.table.itemSelectionChanged.connect(self._enable)
        self.pace.activated.connect(self._take_pace)
        self.play.toggled.connect(self._start_or_stop)
        follow_at_once(self, path.changed, self._show)
        self._show()

    def _make_controls(self) -> None:
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(["view", "seconds"])
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setAccessibleName("stops")
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(VIEW, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(SECONDS, QHeaderView.ResizeMode.ResizeToContents)
        self.table.setMinimumHeight(header.sizeHint().height() + 2 * self.table.verticalHeader().defaultSectionSize())
        names = ("Add", "Update", "Go to", "Up", "Down", "Remove")
        tips = (
            "What the window shows becomes a stop, after the one that is selected",
            "What the window shows takes the place of the selected stop",
            "Show what the selected stop is",
            "Let the stop come earlier",
            "Let the stop come later",
            "Remove the stop",
        )
        self.buttons = [QPushButton(name) for name in names]
        for button, tip in zip(self.buttons, tips, strict=True):
            button.setToolTip(tip)
        self.add_button, self.update_button, self.go_button = self.buttons[:3]
        self.up_button, self.down_button, self.remove_button = self.buttons[3:]
        self.pace = QComboBox()
        for pace, (text, tip) in PACES.items():
            self.pace.addItem(text, pace)
            self.pace.setItemData(self.pace.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.pace.setToolTip("How the camera goes through the stops")
        self.play = QPushButton("Play")
        self.play.setCheckable(True)
        self.total = QLabel()

    def _arrange(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.table, 1)
        line = QHBoxLayout()
        for button in self.buttons:
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(button.text()) + 16)  # in a narrow dock
            line.addWidget(button)
        box.addLayout(line)
        self.row = QHBoxLayout()  # in which there is room for more
        for part in (self.pace, self.play, self.total):
            self.row.addWidget(part)
        self.row.addStretch(1)
        box.addLayout(self.row)

    # what is there

    @property
    def selected(self) -> int | None:
        """The place of the selected stop."""
        rows = self.table.selectionModel().selectedRows()
        return rows[0].row() if rows else None

    def interpolation(self) -> Interpolation:
        """Return the way through the stops.

        Raises
        ------
        InputError
            Where there are fewer than two.
        """
        if len(self.path.stops) < 2:
            raise InputError("camera: needs two stops; turn to what is to be seen, add it, and again")
        return Interpolation(self.path.stops, self.path.pace)

    def _show(self) -> None:
        stops, selected = self.path.stops, self.selected
        self._filling = True
        self.table.setRowCount(len(stops))
        for row, stop in enumerate(stops):
            view, seconds = QTableWidgetItem(describe(stop)), QTableWidgetItem()
            view.setFlags(view.flags() & ~Qt.ItemFlag.ItemIsEditable)
            if row:
                seconds.setData(Qt.ItemDataRole.EditRole, float(stop.seconds))
                seconds.setToolTip("From the stop before to this one; double click to change it")
            else:
                seconds.setText("start")
                seconds.setFlags(seconds.flags() & ~Qt.ItemFlag.ItemIsEditable)
            seconds.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(row, VIEW, view)
            self.table.setItem(row, SECONDS, seconds)
        self.pace.setCurrentIndex(self.pace.findData(self.path.pace))
        self.total.setText(f"{sum(stop.seconds for stop in stops[1:]):g} s" if len(stops) > 1 else "")
        self._filling = False
        if selected is not None and stops:
            self.table.selectRow(min(selected, len(stops) - 1))
        self._enable()

    def _enable(self) -> None:
        there = self.selected is not None
        for button in self.buttons[1:]:
            button.setEnabled(there)

    # changes

    def _add(self) -> None:
        self.table.selectRow(self.path.add(stop_of(self.scene.viewer), self.selected))

    def _update(self) -> None:
        if self.selected is not None:
            self.path.update(self.selected, stop_of(self.scene.viewer))

    def _remove(self) -> None:
        if self.selected is not None:
            self.path.remove(self.selected)

    def _move_up(self) -> None:
        self._move(-1)

    def _move_down(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        if self.selected is not None:
            self.table.selectRow(self.path.move(self.selected, by))

    def _take_seconds(self, item: QTableWidgetItem) -> None:
        if not self._filling and item.column() == SECONDS:
            self.path.take_seconds(item.row(), float(item.data(Qt.ItemDataRole.EditRole)))

    def _take_pace(self) -> None:
        self.path.set_pace(self.pace.currentData())

    # going

    def _go(self) -> None:
        if self.selected is not None:
            show_stop(self.scene.viewer, self.path.stops[self.selected])

    def _go_to_cell(self, row: int, column: int) -> None:
        if column == VIEW:
            show_stop(self.scene.viewer, self.path.stops[row])

    def _start_or_stop(self, playing: bool) -> None:
        self._playing.stop()
        if playing:
            self._way = None
            if not tell(self._prepare):
                self.play.setChecked(False)
                return
            self._since.start()
            self._playing.start()
        self.play.setText("Stop" if playing else "Play")

    def _prepare(self) -> None:
        self._way = self.interpolation()

    def _play_on(self) -> None:
        viewer, seconds = self.scene.viewer, self._since.elapsed() / 1000
        if viewer is None or self._way is None:
            self._playing.stop()
            return
        show_stop(viewer, self._way.at(seconds))
        if seconds >= self._way.seconds:
            self.play.setChecked(False)

    def stop(self) -> None:
        """Stand still."""
        self.play.setChecked(False)


def describe(stop: Stop) -> str:
    """Return in few words what a stop shows."""
    scale = f"1 px = {1 / stop.zoom:.3g} Å"
    return f"all in 3D, {scale}" if stop.ndisplay == 3 else f"slice at {stop.centre[0]:.0f} Å, {scale}"
