"""A picture from a file, as large as fits; a double click opens it in the program for pictures."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QPainter, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget


class PictureView(QWidget):
    """The picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(80)
        self.path: Path | None = None
        self._pixmap = QPixmap()

    def show_file(self, path: Path | None) -> None:
        """Show the picture of a file, or nothing."""
        self.path = path
        self._pixmap = QPixmap() if path is None else QPixmap(str(path))
        self.setToolTip("" if path is None else f"{path}\nDouble click: open it")
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the picture on white paper."""
        if self._pixmap.isNull():
            return
        painter = QPainter(self)
        ratio = self.devicePixelRatioF()
        fitted = self._pixmap.scaled(
            self.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        fitted.setDevicePixelRatio(ratio)
        size = fitted.deviceIndependentSize()
        left, top = round((self.width() - size.width()) / 2), round((self.height() - size.height()) / 2)
        painter.fillRect(left, top, round(size.width()), round(size.height()), Qt.GlobalColor.white)
        painter.drawPixmap(left, top, fitted)
        painter.end()

    def mouseDoubleClickEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Open the picture elsewhere."""
        if self.path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.path.absolute())))
