"""The session of a napari window."""

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_tomodrgn.viewer.session import Session

if TYPE_CHECKING:
    import napari

_SESSIONS: "WeakKeyDictionary[napari.Viewer, Session]" = WeakKeyDictionary()


def session_of(viewer: "napari.Viewer") -> Session:
    """Return the one session of a viewer, a new one at the first call; it goes when the viewer goes.

    Plugin widgets get a proxy of the viewer, each its own and soon gone, so the viewer behind it is what is remembered.
    """
    return _SESSIONS.setdefault(getattr(viewer, "__wrapped__", viewer), Session())
