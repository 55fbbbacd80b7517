"""How a person is told what went wrong: a notification with the sentence, and everything stays usable."""

from collections.abc import Callable

from qtpy.QtWidgets import QLabel

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.viewer.notifications import show_error


def tell(work: Callable[[], object], label: QLabel | None = None) -> bool:
    """Do something, show the sentence where it can't be done, in a label too, and return whether it was done."""
    try:
        work()
    except (InputError, RunError) as error:
        show_error(str(error))
        if label is not None:
            label.setText(f"⚠ {error}")
        return False
    return True
