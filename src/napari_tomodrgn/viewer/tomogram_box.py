"""The edges of the open tomogram in a viewer, whether its image is seen or not."""

from typing import Any
from weakref import ref

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.viewer.layers import outline_layer
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.tomogram_layers import TomogramLayers

OUTLINE = "outline"  # the layer's name


class TomogramBox:
    """The layer of the edges, whose data are replaced.

    Attributes
    ----------
    shown
        Whether they are wanted.
    """

    changed = Signal()

    def __init__(self, viewer: Any, session: Session, tomograms: TomogramLayers) -> None:
        self._viewer = ref(getattr(viewer, "__wrapped__", viewer))
        self.session, self.tomograms, self.shown = session, tomograms, False
        tomograms.changed.connect(self._draw)

    @property
    def viewer(self) -> Any:
        """The viewer."""
        return self._viewer()

    def show(self, shown: bool) -> None:
        """Show the edges, or not."""
        self.shown = shown
        self._draw()
        self.changed.emit()

    def size(self) -> npt.NDArray[np.float64] | None:
        """Return z, y, x in Å from the first voxel's centre to the last's, of the file or else as the data set says."""
        opened, particle_set = self.tomograms.opened, self.session.particle_set
        if opened is not None and opened.pixel_size:
            return (np.array(opened.file.values.shape) - 1) * opened.pixel_size
        if particle_set is None:
            return None
        table = particle_set.tomograms
        rows = table.loc[table["name"] == self.session.tomogram, ["size_z", "size_y", "size_x"]].to_numpy(np.float64)
        return rows[0] if len(rows) and np.isfinite(rows[0]).all() else None

    def _draw(self) -> None:
        viewer = self.viewer
        layer = next((each for each in viewer.layers if each.name == OUTLINE), None)
        size = self.size() if self.shown else None
        if size is None:
            if layer is not None:
                layer.visible = False
            return
        data, attributes, _ = outline_layer(str(self.session.tomogram), size)
        if layer is None:
            active = viewer.layers.selection.active
            viewer.add_vectors(data, **attributes)
            viewer.layers.selection.active = active
            return
        layer.visible = True
        layer.data, layer.edge_width, layer.metadata = data, attributes["edge_width"], attributes["metadata"]
