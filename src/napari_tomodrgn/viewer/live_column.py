"""A column of the session that changes while a person drags something, in every view at once. No Qt."""

from napari_tomodrgn.analysis.columns import Column
from napari_tomodrgn.viewer.session import Session


def show_live(session: Session, name: str, column: Column) -> None:
    """Colour particles by a column that is not on the disk, as it is now.

    Views make much anew where columns come and go; so the column stays, and only what it says changes.
    """
    fresh = name not in session.columns
    session.columns = {**session.columns, name: column}
    if fresh:
        session.columns_changed.emit()
    if session.coloured_by == name:
        session.restyled()
    else:
        session.colour_by(name)


def end_live(session: Session, name: str) -> None:
    """Take a live column away; what was coloured by it is coloured as at first."""
    if name not in session.columns:
        return
    session.columns = {other: own for other, own in session.columns.items() if other != name}
    if session.coloured_by == name:
        session.coloured_by = session.first_colours()
        session.restyled()
    session.columns_changed.emit()
