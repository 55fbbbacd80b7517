"""The table of tomograms: a click opens one, and each can be given another file."""

from typing import Any

from qtpy.QtCore import QModelIndex, QPoint, Qt, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.tomogram_files import DENOISED, RAW, SEGMENTATION, version_said
from napari_tomodrgn.viewer.tomogram_layers import TomogramLayers
from napari_tomodrgn.widgets.tomogram_model import FILE, TomogramModel

OFFERED = (RAW, DENOISED, SEGMENTATION)
MOST_UNMATCHED = 20  # files that a menu offers
ROW_PX = 22
FILE_EMS = 22  # the widest that the column of files is made by itself


class TomogramTable(QTableView):
    """Lists the tomograms of a session.

    Signals
    -------
    chosen
        The tomogram whose line was selected.
    file_wanted
        The tomogram and the version that a file is to be chosen for.
    file_given
        The path of a file that is to show it, the tomogram and the version.
    file_dropped
        The path of a file that is to be taken from its tomogram.
    """

    chosen = Signal(str)
    file_wanted = Signal(str, str)
    file_given = Signal(str, str, str)
    file_dropped = Signal(str)

    def __init__(self, session: Session, tomograms: TomogramLayers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.tomograms = TomogramModel(session, tomograms, self)
        self.setModel(self.tomograms)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.horizontalHeader().setResizeContentsPrecision(0)  # of what is seen
        self.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self._taking_over = False
        self._with_files = 0  # tomograms, when columns were made to fit
        self.selectionModel().selectionChanged.connect(self._take)
        self.doubleClicked.connect(self._take_double_click)
        self.customContextMenuRequested.connect(self.open_menu)

    def refresh(self) -> None:
        """Take up what the session says."""
        before = self.tomograms.columnCount(), self.tomograms.rowCount()
        self._taking_over = True
        self.tomograms.refresh()
        self._taking_over = False
        if before != (self.tomograms.columnCount(), self.tomograms.rowCount()):
            self.fit_columns()
        self.mark()

    def show_files(self) -> None:
        """Show the files anew."""
        self.tomograms.files_changed()
        if len(self.tomograms.tomograms.files.files) != self._with_files:
            self.fit_columns()

    def fit_columns(self) -> None:
        """Make columns as wide as what is seen in them."""
        self._with_files = len(self.tomograms.tomograms.files.files)
        self.resizeColumnsToContents()
        widest = FILE_EMS * self.fontMetrics().averageCharWidth()
        self.setColumnWidth(FILE, min(self.columnWidth(FILE), widest))

    def mark(self) -> None:
        """Select the line of the open tomogram."""
        row = self.tomograms.row_of(self.session.tomogram)
        self._taking_over = True
        if row is None:
            self.clearSelection()
        else:
            self.selectRow(row)
        self._taking_over = False

    def _take(self) -> None:
        rows = self.selectionModel().selectedRows()
        if rows and not self._taking_over:
            self.chosen.emit(self.tomograms.name_at(rows[0].row()))

    def _take_double_click(self, index: QModelIndex) -> None:
        if index.column() == FILE:
            files = self.tomograms.files_at(index.row())
            self.file_wanted.emit(self.tomograms.name_at(index.row()), next(iter(files), RAW))

    def open_menu(self, place: QPoint) -> QMenu | None:
        """Offer to give the tomogram at a place another file, or to take one from it."""
        index = self.indexAt(place)
        if not index.isValid():
            return None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        name, files = self.tomograms.name_at(index.row()), self.tomograms.files_at(index.row())
        for version in dict.fromkeys([*OFFERED, *files]):
            menu.addAction(f"Choose the {version} file …").setData((name, version))
        unmatched = list(self.tomograms.tomograms.files.unassigned)[:MOST_UNMATCHED]
        if unmatched:
            among = menu.addMenu("Choose a file that was not matched")
            for path in unmatched:
                version = version_said(path)
                among.addAction(f"{path.name} ({version})").setData((str(path), name, version))
        for version, path in files.items():
            menu.addAction(f"Take {path.name} ({version}) from it").setData((str(path),))
        menu.triggered.connect(self._take_action)
        menu.popup(self.viewport().mapToGlobal(place))
        return menu

    def _take_action(self, action: QAction) -> None:
        chosen: Any = action.data() or ()
        signals = {1: self.file_dropped, 2: self.file_wanted, 3: self.file_given}
        if len(chosen) in signals:
            signals[len(chosen)].emit(*chosen)
