"""The widgets as napari opens them: it looks for ``napari_viewer`` in the constructor of a class, not of a function."""

from typing import TYPE_CHECKING

from napari_tomodrgn.viewer.current import session_of
from napari_tomodrgn.widgets.latent_space import LatentSpace

if TYPE_CHECKING:
    import napari


class LatentSpaceDock(LatentSpace):
    """The latent space of a napari window's session."""

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        super().__init__(session_of(napari_viewer))
