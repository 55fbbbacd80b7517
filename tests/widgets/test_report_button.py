"""The button that opens the report of the open run, as a browser would be asked to."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject, Qt, QUrl, Slot
from qtpy.QtGui import QDesktopServices
from qtpy.QtTest import QTest

from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets import report_button
from napari_tomodrgn.widgets.report_button import ReportButton


class Browser(QObject):
    """What opens files instead of the desktop's own browser."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Path] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.opened.append(Path(url.toLocalFile()))


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    QDesktopServices.setUrlHandler("file", browser, "open")
    yield browser
    QDesktopServices.unsetUrlHandler("file")


def test_the_report_is_made_and_opened(
    run_folder: Path,
    tmp_path: Path,
    shown: Callable[..., None],
    browser: Browser,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(report_button, "show_error", told.append)
    run = Path(shutil.copytree(run_folder, tmp_path / "run"))
    session = Session()
    button = ReportButton(session)
    shown(button, 100, 30)
    assert not button.isEnabled()
    session.open_run(run)

    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: button.work is not None and not button.work.running, timeout=120_000)

    (report,) = browser.opened
    assert told == []
    assert report == run / "analysis" / "epoch-0001" / "report.html"
    text = report.read_text(encoding="utf-8")
    assert "3 classes by k-means" in text
    assert ">Methods</h2>" in text

    (run / "metrics.csv").write_text("broken")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not button.work.running, timeout=120_000)  # type: ignore[union-attr]
    assert browser.opened == [report, report]
    report.unlink()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not button.work.running, timeout=120_000)  # type: ignore[union-attr]
    assert len(browser.opened) == 2
    assert len(told) == 1
    assert "metrics.csv" in told[0]
