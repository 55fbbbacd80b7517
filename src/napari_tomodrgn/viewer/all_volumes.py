"""Every particle's own volume at its pose in the open tomogram, as they are decoded."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.class_centres import centre_rows
from napari_tomodrgn.viewer.placed_volumes import ClassVolumes, MeshOf, PlacedMesh, build, decoding_order, own_volumes
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.surface_layer import VolumeLayers
from napari_tomodrgn.viewer.volume_panel import LARGEST_BOX, PREVIEW_BOX, VolumePanel

MANY = 64  # particles whose own volumes are decoded as large as they can be

Which = Literal["all", "selected"]
Kind = Literal["own", "class"]


class AllVolumes:
    """The surfaces in a viewer, what is to be decoded for them, and their colours."""

    def __init__(self, viewer: Any, session: Session, panel: VolumePanel) -> None:
        self._viewer, self.session, self.panel = viewer, session, panel
        self.layers = VolumeLayers(viewer)
        session.colouring_changed.connect(self._recolour)
        session.data_changed.connect(self.clear)
        session.epochs_changed.connect(self.clear)
        session.tomogram_changed.connect(self.clear)

    def disconnect(self) -> None:
        """Follow the session no longer."""
        self.session.colouring_changed.disconnect(self._recolour, missing_ok=True)
        session = self.session
        for signal in (session.data_changed, session.epochs_changed, session.tomogram_changed):
            signal.disconnect(self.clear, missing_ok=True)

    def begin(self, which: Which, kind: Kind, step: int = 2) -> tuple[int, Iterator[PlacedMesh]]:
        """Take away what is shown; return how many volumes come, and what makes them, to be run in a thread.

        Raises
        ------
        InputError
            Where there is no run or nothing to show.
        """
        session, source = self.session, self.panel.source(LARGEST_BOX)
        assert session.particle_set is not None
        poses = Poses.of(session.particle_set)
        rows = session.rows_here
        rows = rows[poses.known[rows] & (session.colouring.rgba[rows, 3] > 0) & source.known[rows]]
        if which == "selected":
            rows = rows[session.selected[rows]]
        if not len(rows):
            what = "selected particles" if which == "selected" else "particles"
            raise InputError(f"tomogram {session.tomogram}: has no {what} with a pose, a volume and a visible colour")
        if len(rows) > MANY and kind == "own":  # half the box: an eighth of the time, the surface's mesh as wide
            source, step = self.panel.source(PREVIEW_BOX), max(step // 2, 1)
        look = self.panel.look(source)
        mesh_of: MeshOf = own_volumes(source, look) if kind == "own" else self._class_volumes(source, look)
        order = decoding_order(rows, poses, session.selected, self._centre())
        self.layers.begin(session.tomogram or "", session.colouring.rgba)
        return len(order), build(order.tolist(), poses, mesh_of, source.pixel_size, finest=step)

    def _class_volumes(self, source: Any, look: Any) -> ClassVolumes:
        """Return the volume of each class's middle: of the particle whose latent is nearest to the class's mean."""
        column = self.session.columns.get(self.session.coloured_by or "")
        if not isinstance(column, Classes):
            raise InputError(f"colour by {self.session.coloured_by}: has no classes; colour by a column that has")
        rows = centre_rows(column, source.latents, source.known)
        centres = np.where((rows >= 0)[:, None], source.latents[rows], np.float32(0))
        return ClassVolumes(source, look, centres, column.codes)

    def _centre(self) -> Any:
        """Return what the camera looks at, z, y, x in Å."""
        centre = np.asarray(self._viewer.scene.camera.center, dtype=np.float64)
        return centre[-3:]

    def _recolour(self) -> None:
        if len(self.layers.rows):
            self.layers.recolour(self.session.colouring.rgba)

    def clear(self) -> None:
        """Take away what is shown."""
        if self.layers.layers:
            self.layers.clear()
