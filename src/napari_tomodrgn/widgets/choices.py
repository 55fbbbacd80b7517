"""Combo boxes of columns."""

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox


def offer(box: QComboBox, names: Sequence[str], chosen: str | None = None) -> None:
    """Offer these names; what was chosen stays chosen if it is among them, unless ``chosen`` is given."""
    wanted = box.currentText() if chosen is None else chosen
    if [box.itemText(number) for number in range(box.count())] == list(names) and wanted == box.currentText():
        return
    blocked = box.blockSignals(True)
    box.clear()
    box.addItems(list(names))
    if wanted in names:
        box.setCurrentText(wanted)
    box.blockSignals(blocked)
