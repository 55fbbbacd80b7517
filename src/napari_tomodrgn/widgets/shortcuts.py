"""What keys and the mouse do in the plugin's widgets, on one page, shown by ``?``."""

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

SHORTCUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "Tomogram": (
        ("click a particle", "look at it and select it"),
        ("Shift, Ctrl and click", "add it to the selection, take it away"),
    ),
    "Latent space": (
        ("drag", "lasso, rectangle or path, as the tool is"),
        ("Shift", "add to the selection"),
        ("Ctrl or Alt", "take away from it"),
        ("Shift and Alt", "keep what is in both"),
        ("Escape", "give up a lasso"),
        ("wheel", "zoom where the mouse is"),
        ("middle button, or Space and drag", "move"),
        ("double click", "show all"),
        ("click, double click, right click in the legend", "select a class, rename it, colour it"),
    ),
    "Particles": (
        ("Ctrl+C", "copy the selected rows"),
        ("double click", "look at a particle"),
        ("click a column's head", "sort by it"),
    ),
    "Volumes": (
        ("drag", "turn the volume; with Sphere on, move the sphere"),
        ("wheel with Sphere on", "a larger or smaller sphere"),
        ("double click", "look from the front"),
    ),
    "Class gallery": (
        ("arrows", "go to another class"),
        ("1 to 9, 0", "label it, take its label away"),
        ("Enter", "look at the particle in its middle"),
        ("R", "compare all with it"),
        ("Ctrl and wheel", "larger or smaller pictures"),
    ),
    "Inspect": (("click a tilt or its mark in a plot", "mark it in all of them"),),
    "Movie": (("double click a stop", "go to what it shows"),),
    "Compare": (
        ("drag in the scatter", "select, in every view, as in the latent space"),
        ("click a cell or a class", "select its particles"),
        ("double click a changed particle", "look at it in its tomogram"),
    ),
    "Curate": (
        ("drag with the brush, with Ctrl", "add particles to the selection, take them away"),
        ("double click a selection", "select its particles; Shift adds, Ctrl or Alt takes away"),
        ("F2, Delete", "rename a selection, delete it"),
        ("Ctrl Z, Ctrl Shift Z", "take back, do again"),
    ),
    "Review": (
        ("N, B, or right and left", "look at the next particle, the one before"),
        ("K, J", "mark it to keep, as junk, and go on"),
        ("L", "mark it with the word that is written, and go on"),
        ("U", "take back"),
    ),
    "Validate": (("rest on an option", "what it means, and what it is on the command line"),),
    "Train": (
        ("rest on an option", "what it means, and what it is on the command line"),
        ("wheel", "scroll; changes a number only where it was clicked"),
    ),
    "Analyse": (
        ("rest on an option", "what it means, and what it is on the command line"),
        ("double click a picture", "open it in the program for pictures"),
    ),
    "Spatial context": (
        ("click a line in the tomogram", "select the particles of its chain; Shift adds, Ctrl takes away"),
        ("double click a row", "look at the first of a chain in its tomogram"),
        ("drag an end of the shaded distances", "move it"),
        ("click a cell", "select particles of its class that have one of the other beside them"),
    ),
    "Findings": (
        ("drag the line in a histogram", "move the threshold; particles change their colours meanwhile"),
        ("tick several parts", "a label for each combination of their thresholds"),
        ("click an alarm", "its colours, its way through latent space, the volumes at both ends"),
    ),
    "Everywhere": (("?", "this page"),),
}


def as_html() -> str:
    """Return the page."""
    parts = []
    for name, lines in SHORTCUTS.items():
        rows = "".join(f"<tr><td style='padding-right:18px'>{keys}</td><td>{what}</td></tr>" for keys, what in lines)
        parts.append(f"<h3>{name}</h3><table>{rows}</table>")
    return "".join(parts)


class ShortcutsPage(QWidget):
    """The page as a window of its own."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Dialog)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys and mouse")
        layout = QVBoxLayout(self)
        label = QLabel(as_html())
        label.setTextFormat(Qt.TextFormat.RichText)
        layout.addWidget(label)


class ShowShortcuts(QObject):
    """Shows the page where ``?`` is pressed in a window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.shortcut = QShortcut(QKeySequence("?"), window)
        # a method, as a function that knows the window would keep it alive
        self.shortcut.activated.connect(self._show)

    def _show(self) -> None:
        window = self.parent()
        if isinstance(window, QWidget):
            ShortcutsPage(window).show()
