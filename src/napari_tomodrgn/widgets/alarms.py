"""The Alarms page: what latents follow, each with the volumes at both ends of its direction."""

from dataclasses import replace
from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QRadioButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.alarms_panel import AlarmsPanel
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.volume_picture import LESS, MORE
from napari_tomodrgn.widgets.following import Follower, follow_at_once
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.volume_view import VolumeView

NOTHING = "Not asked yet: run Analyse ▸ What latents may follow"
ALARM, CALM = "⚠ ", ""
SMALLEST = (110, 110)  # px of a view: three stand in a narrow dock


class AlarmsPage(QWidget):
    """Says to the panel which finding is looked at, and shows what it says."""

    def __init__(self, panel: AlarmsPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("alarms")
        self.panel, self.session = panel, panel.session
        self._make_controls()
        self._arrange()
        self.list.currentItemChanged.connect(self._take)
        self.list.itemClicked.connect(self._take)
        for button in (self.by_quantity, self.by_direction):
            button.clicked.connect(self._take_colours)
        self._turn = self.views[0].turn
        for view in self.views:
            follow_at_once(self, view.turned, self._turn_alike)
        follow_at_once(self, panel.changed, self._show)
        self.follower = Follower(self)
        for signal in (self.session.data_changed, self.session.epochs_changed):
            self.follower.follow(signal, self.refresh)
        self.refresh()

    def _make_controls(self) -> None:
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setToolTip("Click: colours, the way through latent space, and the volumes at both ends")
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.by_quantity, self.by_direction = QRadioButton("quantity"), QRadioButton("place along its direction")
        self.views = tuple(VolumeView() for _ in range(3))
        self.heads = tuple(QLabel(text) for text in ("A: low end", "B: high end", "B − A"))
        for view, head in zip(self.views, self.heads, strict=True):
            view.setMinimumSize(*SMALLEST)
            view.empty_message = ""
            head.setAlignment(Qt.AlignmentFlag.AlignCenter)
            head.setWordWrap(True)
        self.heads[2].setToolTip("What B has more than A (blue) and less (orange)")

    def _arrange(self) -> None:
        colours, volumes = QHBoxLayout(), QHBoxLayout()
        colours.addWidget(QLabel("colours"))
        colours.addWidget(self.by_quantity)
        colours.addWidget(self.by_direction)
        colours.addStretch(1)
        for view, head in zip(self.views, self.heads, strict=True):
            column = QVBoxLayout()
            column.addWidget(view, 1)
            column.addWidget(head)
            volumes.addLayout(column, 1)
        below = QWidget()
        lower = QVBoxLayout(below)
        lower.setContentsMargins(0, 0, 0, 0)
        lower.addLayout(colours)
        lower.addLayout(volumes, 1)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.list)
        splitter.addWidget(below)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(self.message)
        box.addWidget(splitter, 1)

    # what the panel says

    def refresh(self) -> None:
        """Take up what is on the disk now."""
        tell(self.panel.read)
        self._show()

    def _show(self) -> None:
        panel = self.panel
        alarms = sum(each.alarm for each in panel.asked)
        said = "" if panel.asked else NOTHING
        if panel.asked and not alarms:
            said = "No alarm"
        self.message.setText("\n".join(each for each in (said, panel.doubt) if each))
        self.message.setVisible(bool(self.message.text()))
        blocked = self.list.blockSignals(True)
        texts = [f"{ALARM if each.alarm else CALM}{each.name}: {each.sentence}" for each in panel.asked]
        if [self.list.item(row).text() for row in range(self.list.count())] != texts:
            self.list.clear()
            for each, text in zip(panel.asked, texts, strict=True):
                item = QListWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, each.name)
                if each.ends is None:
                    item.setFlags(Qt.ItemFlag.NoItemFlags)
                self.list.addItem(item)
        self.list.setCurrentRow(-1 if panel.chosen is None else panel.asked.index(panel.chosen))
        self.list.blockSignals(blocked)
        self.by_quantity.setChecked(panel.colours == "quantity")
        self.by_direction.setChecked(panel.colours == "direction")
        self._show_volumes()

    def _show_volumes(self) -> None:
        for button in (self.by_quantity, self.by_direction):
            button.setEnabled(self.panel.chosen is not None)
        if self.panel.chosen is None or self.panel.chosen.ends is None:
            for view in self.views:
                view.show_volume(None)
            return
        try:
            shown = self.panel.volumes.compared()
        except InputError as error:
            show_error(str(error))
            return
        for view, each, colour in zip(self.views, shown, (LESS, MORE, MORE), strict=True):
            view.show_volume(replace(each, caption=""), colour)
        for head, text in zip(self.heads, self.panel.chosen.ends, strict=False):
            head.setText(f"{head.text().partition(':')[0]}: {text}")

    def _turn_alike(self) -> None:
        """Show all volumes from the side that a person turned one of them to."""
        turned = next((view.turn for view in self.views if view.turn is not self._turn), None)
        if turned is None:
            return
        self._turn = turned
        others = [view for view in self.views if view.turn is not turned]
        for view in others:  # before any of them tells of it
            view.turn = turned
        for view in others:
            view.set_turn(turned)

    # what a person does

    def _take(self, item: QListWidgetItem | None, _: object = None) -> None:
        name = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        if name is not None and (self.panel.chosen is None or self.panel.chosen.name != name):
            tell(partial(self.panel.choose, name))

    def _take_colours(self) -> None:
        self.panel.colour_by("quantity" if self.by_quantity.isChecked() else "direction")
