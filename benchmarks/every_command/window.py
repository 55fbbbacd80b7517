"""The same commands in a napari window, as a person gives them: forms filled, buttons pressed, and waited for."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import napari
from qtpy.QtCore import QEvent, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton

from napari_tomodrgn.analysis.compare import write_tables
from napari_tomodrgn.viewer.current import session_of
from napari_tomodrgn.widgets.option_form import OptionForm
from napari_tomodrgn.widgets.workspace import open_workspace

LONGEST_S = 900


class Window:
    """The workspace in a viewer, and what is done in it."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer(show=True)
        self.widgets = open_workspace(self.viewer)
        self.session = session_of(self.viewer)

    def wait(self, what: Callable[[], bool]) -> None:
        """Let the window live until something is so."""
        until = time.monotonic() + LONGEST_S
        while not what():
            if time.monotonic() > until:
                raise TimeoutError(f"after {LONGEST_S} s it still isn't so")
            QTest.qWait(20)

    def click(self, button: QPushButton) -> None:
        """Press a button, which has to be there to be pressed."""
        if not button.isEnabled():
            raise AssertionError(f"{button.text()}: can't be pressed")
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        QTest.qWait(50)

    def open(self, run: Path) -> None:
        """Open a run in the Dataset widget."""
        self.widgets["Dataset"].open(run)
        self.wait(lambda: self.session.run is not None and self.session.run.path == run)

    def import_run(self, folder: Path, run: Path) -> str | None:
        """Open a folder that tomoDRGN wrote in the Dataset widget, and import it."""
        dataset = self.widgets["Dataset"]
        dataset.open(folder)
        dialog = dataset.importing
        fill(dialog.form, {"outdir": str(run)})
        self.click(dialog.import_button)
        self.wait(lambda: dialog.panel.ended is not None)
        if dialog.panel.failed:
            return str(dialog.panel.ended)
        self.wait(lambda: self.session.run is not None and self.session.run.path == run)
        return None

    def analyse(self, command: str, texts: Mapping[str, str]) -> str | None:
        """Run a command in the Analyse widget; return the sentence where it failed."""
        widget = self.widgets["Analyse"]
        box = widget.commands
        box.setCurrentIndex(box.findData(command))
        box.activated.emit(box.currentIndex())
        widget.panel.values.reset({})
        widget.panel.suggest()
        fill(widget.form, texts)
        self.click(widget.start_button)
        self.wait(lambda: not widget.panel.works and not widget.reading.busy)
        return widget.panel.ended if widget.panel.failed else None

    def select(self, labelling: str, code: int, name: str, star: Path) -> str | None:
        """Select a class, keep it under a name and write its star in the Curate widget."""
        curate = self.widgets["Curate"]
        self.session.select_class(labelling, code)
        QTest.keyClicks(curate.name, name)
        QTest.qWait(50)
        self.click(curate.keep_button)
        curate.star.selection.setCurrentText(name)
        curate.star.write(star)
        self.wait(lambda: not curate.star.work.running)
        said = curate.star.result.text()
        return None if said.startswith("✓") else said

    def validate(self, name: str, texts: Mapping[str, str]) -> str | None:
        """Validate a named selection in the Validate widget."""
        widget = self.widgets["Validate"]
        QTest.qWait(100)
        widget.which.setCurrentText(name)
        fill(widget.form, texts)
        self.click(widget.button)
        self.wait(lambda: widget.panel.ended is not None)
        return widget.panel.ended if widget.panel.failed else None

    def compare(self, other: Path, labelling: str, folder: Path) -> str | None:
        """Compare with another run in the Compare widget, and write what it then knows."""
        widget = self.widgets["Compare"]
        choice = widget.choice
        widget.follower.catch_up()
        choice.refresh()
        choice.choose(other)
        for box in (choice.column_box, choice.labels_box):
            box.setCurrentText(labelling)
            box.activated.emit(box.currentIndex())
        self.click(choice.button)
        self.wait(lambda: widget.work is not None and not widget.work.running)
        found = widget.compared.comparison
        if found is None:
            return "nothing was compared"
        folder.mkdir(parents=True)
        write_tables(found, folder)
        return None

    def volume(self, row: int, path: Path) -> str | None:
        """Look at a particle's volume in the Volumes widget, and save it."""
        widget = self.widgets["Volumes"]
        self.session.look_at(row)
        self.wait(lambda: widget.panel.particle == row and widget.panel.shown() is not None)
        path.parent.mkdir(parents=True, exist_ok=True)
        widget.panel.save(path)
        return None

    def close(self) -> None:
        """Close the window and end what is under way."""
        for widget in self.widgets.values():
            if hasattr(widget, "close_down"):
                widget.close_down()
        self.viewer.close()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def fill(form: OptionForm, texts: Mapping[str, str]) -> None:
    """Write texts into the fields of a form, as they would be typed or chosen."""
    form.more.open()
    for section in form.sections.values():
        section.open()
    for name, text in texts.items():
        asked = form.rows[name].asked
        kind = type(asked).__name__
        if kind == "CheckBox":
            asked.value = text == "on"
        elif kind == "SpinBox":
            asked.value = int(text)
        elif kind == "FileEdit":
            asked.line_edit.value = text
        else:
            asked.value = text
        if form.values[name] != text:
            raise AssertionError(f"{name}: the form has {form.values[name]!r}, and {text!r} was written")
