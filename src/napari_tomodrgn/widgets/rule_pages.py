"""The rules that particles are selected by, each with what it has to be told."""

from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.analysis.rules import TOMOGRAM, Apart, AtRandom, Between, FromFaces, OfClasses, Outliers
from napari_tomodrgn.seeds import LARGEST_SEED
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.choices import offer

ALL, FILE_ORDER = "all together", "first in the file"
FURTHEST = 1e5  # Å


class RulePage(QWidget):
    """What one rule is told.

    Signals
    -------
    changed
        Another rule is meant now.
    """

    changed = Signal()

    @property
    def tree(self) -> dict[str, Any] | None:
        """The rule, ``None`` where it is not told enough."""
        raise NotImplementedError

    def refresh(self, session: Session) -> None:
        """Offer what is known of particles now."""

    def _changed(self) -> None:
        self.changed.emit()

    def _form(self) -> QFormLayout:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        return form


def _columns(session: Session, kind: type) -> list[str]:
    """Return the columns of a kind in which a particle has a value."""
    return [
        name
        for name, own in session.columns.items()
        if isinstance(own, kind)
        and (np.isfinite(own.values).any() if isinstance(own, Numbers) else (own.codes >= 0).any())
    ]


def _angstrom(value: float, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.1, FURTHEST)
    box.setDecimals(1)
    box.setValue(value)
    box.setSuffix(" Å")
    box.setToolTip(tip)
    return box


class ClassPage(RulePage):
    """Some classes of a column, or some tomograms where the column is given."""

    def __init__(self, column: str | None = None) -> None:
        super().__init__()
        self._given = column
        self._shown: tuple[object, ...] = ()
        self.column = QComboBox()
        self.column.setToolTip("The classes, labels, or other kinds to choose from")
        self.classes = QListWidget()
        self.classes.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        self.classes.setToolTip("Click to take a line and to leave it out again")
        self.classes.setMinimumHeight(70)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.column)
        layout.addWidget(self.classes, 1)
        self.column.setVisible(column is None)
        self.column.textActivated.connect(self._take_column)
        self.classes.itemSelectionChanged.connect(self._changed)

    def refresh(self, session: Session) -> None:
        """Offer the columns of classes, and list those of the one that is chosen."""
        self._session = session
        names = [name for name in _columns(session, Classes) if name != TOMOGRAM]
        if self._given is None:
            fresh = self.column.currentText() not in names
            offer(self.column, names, session.coloured_by if fresh and session.coloured_by in names else None)
        self._list()

    def _take_column(self) -> None:
        self._list()
        self.changed.emit()

    def _list(self) -> None:
        name = self._given or self.column.currentText()
        column = self._session.columns.get(name)
        style = self._session.styles.get(name)
        if not isinstance(column, Classes):
            return
        now = (name, column.digest, column.names, style)
        if now == self._shown:
            return
        chosen = {item.data(Qt.ItemDataRole.UserRole) for item in self.classes.selectedItems()}
        same = bool(self._shown) and self._shown[0] == name
        self._shown = now
        blocked = self.classes.blockSignals(True)
        self.classes.clear()
        for code, (own, size) in enumerate(zip(column.names, column.sizes, strict=True)):
            given = tomogram_label(own) if name == TOMOGRAM else (style.names.get(code, own) if style else own)
            item = QListWidgetItem(f"{given}   {size:,}")
            item.setData(Qt.ItemDataRole.UserRole, own)
            self.classes.addItem(item)
            item.setSelected(same and own in chosen)
        self.classes.blockSignals(blocked)

    @property
    def tree(self) -> dict[str, Any] | None:
        """The classes that are chosen."""
        chosen = tuple(str(item.data(Qt.ItemDataRole.UserRole)) for item in self.classes.selectedItems())
        column = self._given or self.column.currentText()
        return OfClasses(column=column, classes=chosen).tree if chosen and column else None


class NumberPage(RulePage):
    """A column and the limits of its numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.column, self.low, self.high = QComboBox(), QLineEdit(), QLineEdit()
        self.column.setToolTip("Any number that is known of particles")
        self.low.setToolTip("The least number, itself included; empty: any")
        self.high.setToolTip("The greatest number, itself included; empty: any")
        limits = QHBoxLayout()
        limits.addWidget(self.low)
        limits.addWidget(QLabel("to"))
        limits.addWidget(self.high)
        form = self._form()
        form.addRow("number", self.column)
        form.addRow("from", limits)
        self.column.textActivated.connect(self._take_column)
        for edit in (self.low, self.high):
            edit.textChanged.connect(self._changed)

    def refresh(self, session: Session) -> None:
        """Offer the columns of numbers, and say what they range over."""
        self._session = session
        names = _columns(session, Numbers)
        first = next((name for name in ("loss", "uncertainty") if name in names), None)
        offer(self.column, names, None if self.column.currentText() in names else first)
        column = session.columns.get(self.column.currentText())
        if isinstance(column, Numbers):
            self.low.setPlaceholderText(f"{np.nanmin(column.values):.4g}")
            self.high.setPlaceholderText(f"{np.nanmax(column.values):.4g}")

    def _take_column(self) -> None:
        for edit in (self.low, self.high):
            edit.clear()
        self.refresh(self._session)
        self.changed.emit()

    @property
    def tree(self) -> dict[str, Any] | None:
        """The limits that are written, ``None`` where they are no numbers or none is."""
        try:
            low, high = (float(text) if text else None for text in (_number(self.low), _number(self.high)))
        except ValueError:
            return None
        if (low is None and high is None) or not self.column.currentText():
            return None
        return Between(column=self.column.currentText(), low=low, high=high).tree


def _number(edit: QLineEdit) -> str:
    return edit.text().strip().replace("−", "-")


class OutlierPage(RulePage):
    """How far from the others, of all or of its own class."""

    def __init__(self) -> None:
        super().__init__()
        self.beyond, self.within = QDoubleSpinBox(), QComboBox()
        self.beyond.setRange(0.5, 20)
        self.beyond.setSingleStep(0.5)
        self.beyond.setValue(3)
        self.beyond.setSuffix(" σ")
        self.beyond.setToolTip("Standard deviations of a normal distribution, of which 0.27 % are beyond 3")
        self.within.setToolTip(
            "A small class that is far from others is no outlier where each class is looked at alone"
        )
        form = self._form()
        form.addRow("beyond", self.beyond)
        form.addRow("of", self.within)
        self.beyond.valueChanged.connect(self._changed)
        self.within.textActivated.connect(self._changed)

    def refresh(self, session: Session) -> None:
        """Offer the labellings."""
        names = [ALL, *(name for name in _columns(session, Classes) if name not in (TOMOGRAM, "split"))]
        # a small class would be an outlier of all together
        fresh = self.within.currentText() not in names and session.coloured_by in names
        offer(self.within, names, session.coloured_by if fresh else None)

    @property
    def tree(self) -> dict[str, Any]:
        """The rule."""
        within = self.within.currentText()
        return Outliers(beyond=self.beyond.value(), within=None if within in ("", ALL) else within).tree


class ApartPage(RulePage):
    """A distance, and which of near particles stays."""

    def __init__(self) -> None:
        super().__init__()
        self.distance = _angstrom(80, "No two particles of a tomogram that stay are nearer than this")
        self.column, self.best = QComboBox(), QComboBox()
        self.column.setToolTip("Of particles too near to one another, what says which one stays")
        self.best.addItems(["lowest", "highest"])
        self.best.setToolTip("Whether the lowest or the highest number is the best")
        order = QHBoxLayout()
        order.addWidget(self.best)
        order.addWidget(self.column, 1)
        form = self._form()
        form.addRow("apart by", self.distance)
        form.addRow("keep the", order)
        self.distance.valueChanged.connect(self._changed)
        self.column.textActivated.connect(self._take_column)
        self.best.textActivated.connect(self._changed)

    def refresh(self, session: Session) -> None:
        """Offer the columns of numbers."""
        offer(self.column, [FILE_ORDER, *_columns(session, Numbers)])
        self.best.setEnabled(self.column.currentText() != FILE_ORDER)

    def _take_column(self, column: str) -> None:
        self.best.setEnabled(column != FILE_ORDER)
        self.best.setCurrentText("highest" if column == "CC" else "lowest")
        self.changed.emit()

    @property
    def tree(self) -> dict[str, Any]:
        """The rule."""
        column = self.column.currentText()
        given = {} if column in ("", FILE_ORDER) else {"column": column, "best": self.best.currentText()}
        return Apart(angstrom=self.distance.value(), **given).tree


class FacePage(RulePage):
    """A distance to the faces of tomograms."""

    def __init__(self) -> None:
        super().__init__()
        self.distance = _angstrom(200, "Particles nearer to a face of their tomogram are left out")
        self._form().addRow("at least", self.distance)
        self.distance.valueChanged.connect(self._changed)

    @property
    def tree(self) -> dict[str, Any]:
        """The rule."""
        return FromFaces(angstrom=self.distance.value()).tree


class RandomPage(RulePage):
    """How many, of all or of each class, and the seed."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.per, self.seed = QSpinBox(), QComboBox(), QSpinBox()
        self.count.setRange(1, 10**8)
        self.count.setValue(100)
        self.per.setToolTip("Draw so many of all, or of each tomogram or class")
        self.seed.setRange(0, min(LARGEST_SEED, 2**31 - 1))
        self.seed.setToolTip("The same seed draws the same particles")
        form = self._form()
        form.addRow("number", self.count)
        form.addRow("of each", self.per)
        form.addRow("seed", self.seed)
        for box in (self.count, self.seed):
            box.valueChanged.connect(self._changed)
        self.per.textActivated.connect(self._changed)

    def refresh(self, session: Session) -> None:
        """Offer the columns of classes."""
        offer(self.per, [ALL, *_columns(session, Classes)])

    @property
    def tree(self) -> dict[str, Any]:
        """The rule."""
        per = self.per.currentText()
        return AtRandom(count=self.count.value(), per=None if per in ("", ALL) else per, seed=self.seed.value()).tree
