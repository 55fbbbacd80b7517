"""Every particle's own volume at its pose in the open tomogram, as they are decoded."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from psygnal import Signal

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.class_centres import centre_rows
from napari_tomodrgn.viewer.colouring import Colour, Colouring, colour_by
from napari_tomodrgn.viewer.history import Change
from napari_tomodrgn.viewer.layers import TOMOGRAM
from napari_tomodrgn.viewer.placed_view import PlacedView
from napari_tomodrgn.viewer.placed_volumes import (
    MOST_FACES,
    ClassVolumes,
    MeshOf,
    PlacedMesh,
    Rows,
    build,
    decoding_order,
    own_volumes,
)
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.scene import PARTICLES
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.side_by_side import SideBySide
from napari_tomodrgn.viewer.surface_layer import Bounds
from napari_tomodrgn.viewer.volume_panel import LARGEST_BOX, PREVIEW_BOX, VolumePanel
from napari_tomodrgn.viewer.volume_style import GREY, Colours, Mask, VolumeStyle, that_matter, volume_colours
from napari_tomodrgn.viewer.volumes_picture import View, save_picture, view_of

MANY = 64  # particles whose own volumes are decoded as large as they can be
COARSER = 2  # times as wide are the cubes of volumes that are not looked at
OTHERS_SHARE = 0.25  # of all faces that they may have
FINER = 2  # times than on the screen is a picture that is saved

Which = Literal["all", "selected"]
Kind = Literal["own", "class"]


class AllVolumes:
    """The surfaces in a viewer, what is to be decoded for them, and their colours, in one view or two.

    Attributes
    ----------
    first, second
        The views; the second is empty unless the session's style asks for one.
    placed
        What has come in since the last beginning.
    waiting_changed
        Tells that there is something to draw.
    """

    waiting_changed = Signal()

    def __init__(self, viewer: Any, session: Session, panel: VolumePanel) -> None:
        self._viewer, self.session, self.panel = viewer, session, panel
        self.first, self.second = PlacedView(viewer), PlacedView(viewer, beside=True)
        self.placed: list[PlacedMesh] = []
        self._bounds: Bounds = np.zeros((2, 3))
        self._grid = SideBySide(viewer)
        self._beside: str | None = None  # the column of the second view
        session.colouring_changed.connect(self._recolour)
        session.selection_changed.connect(self._take_selection)
        session.volume_style_changed.connect(self._take_style)
        session.columns_changed.connect(self._take_style)
        session.data_changed.connect(self.clear)
        session.epochs_changed.connect(self.clear)
        session.tomogram_changed.connect(self.clear)

    def disconnect(self) -> None:
        """Follow the session no longer."""
        session = self.session
        self._grid.disconnect()
        for signal, method in (
            (session.colouring_changed, self._recolour),
            (session.selection_changed, self._take_selection),
            (session.volume_style_changed, self._take_style),
            (session.columns_changed, self._take_style),
            (session.data_changed, self.clear),
            (session.epochs_changed, self.clear),
            (session.tomogram_changed, self.clear),
        ):
            signal.disconnect(method, missing_ok=True)

    # what is placed

    def begin(self, which: Which, kind: Kind, step: int = 2) -> tuple[int, Iterator[PlacedMesh]]:
        """Take away what is shown; return how many volumes come, and what makes them, to be run in a thread.

        Those that matter come first, then the others, coarse; each selected ones first, then the nearest.

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
        matter = self._matter()[order]
        place = poses.position_angstrom[rows]
        reach = source.box * source.pixel_size / 2
        self._start(np.stack([place.min(axis=0) - reach, place.max(axis=0) + reach]))
        self._show_points(False)
        main = build(order[matter], poses, mesh_of, source.pixel_size, finest=step)
        others = build(
            order[~matter], poses, mesh_of, source.pixel_size,
            finest=COARSER * step, most_faces=int(OTHERS_SHARE * MOST_FACES), coarse=True,
        )  # fmt: skip
        return len(order), chain(main, others)

    def _show_points(self, shown: bool) -> None:
        """Hide the particles' points in 3D while volumes stand in their places; a person may show them again."""
        for layer in self._viewer.layers:
            own = layer.name == PARTICLES and TOMOGRAM in layer.metadata and type(layer).__name__ == "Points"
            if own and (shown or self._viewer.dims.ndisplay == 3):
                layer.visible = shown

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

    def _start(self, bounds: Bounds) -> None:
        self.placed, self._bounds = [], bounds
        self.first.begin(self.session.tomogram or "", self.colours(), bounds)
        self._start_second()

    def _start_second(self) -> None:
        """Begin the second view, where there is to be one, with all that is placed."""
        self._beside = self.beside
        if self._beside is None or not self._bounds.any():
            self._show_both(False)
            if self.second.layers:
                self.second.clear()
            return
        self.second.begin(self.session.tomogram or "", self.colours(beside=True), self._bounds)
        for each in self.placed:
            self.second.add(each)
        self._show_both(True)
        if self.placed:
            self.waiting_changed.emit()

    def _show_both(self, shown: bool) -> None:
        self._grid.show(shown)
        for view in (self.first, self.second):
            view.frame(shown)

    def add(self, placed: PlacedMesh) -> None:
        """Take up one more volume, to be drawn later."""
        self.placed.append(placed)
        self.first.add(placed)
        if self._beside is not None:
            self.second.add(placed)
        self.waiting_changed.emit()

    @property
    def waiting(self) -> bool:
        """Whether there is something to draw."""
        return self.first.waiting or self.second.waiting

    @property
    def full(self) -> bool:
        """Whether a whole layer waits to be drawn."""
        return self.first.full or self.second.full

    def draw(self) -> None:
        """Draw a part of what has come in: as much as does not keep the window for longer than a tenth of a second."""
        view = self.first if self.first.waiting else self.second
        view.draw()
        view.frame(self._grid.shown)

    def clear(self) -> None:
        """Take away what is shown."""
        self.placed, self._bounds = [], np.zeros((2, 3))
        self._show_both(False)
        for view in (self.first, self.second):
            if len(view.rows):
                view.clear()
                self._show_points(True)

    # colours

    @property
    def beside(self) -> str | None:
        """The column that the second view is coloured by, ``None`` where there is one view."""
        column = self.session.volume_style.beside
        return column if column in self.session.columns else None

    @property
    def colouring_beside(self) -> Colouring | None:
        """The colours of the second view."""
        if self.beside is None:
            return None
        return colour_by(self.session.columns[self.beside], self.session.styles.get(self.beside))

    def restyle(self, name: str, style: VolumeStyle) -> None:
        """Show volumes in another way; ``name`` says what the change is."""
        session = self.session
        if style != session.volume_style:
            session.history.do(Change(name, session.set_volume_style, session.volume_style, style))

    def _matter(self) -> Mask:
        session = self.session
        return that_matter(session.colouring.rgba, session.selected, session.volume_style)

    def colours(self, *, beside: bool = False) -> Colours:
        """Return the colours (N, 4) of all volumes in a view; those that do not matter are grey in both."""
        other = self.colouring_beside if beside else None
        rgba = self.session.colouring.rgba if other is None else other.rgba
        return volume_colours(rgba, self._matter() & (rgba[:, 3] >= 1))

    def _recolour(self) -> None:
        if self.placed:
            self.first.recolour(self.colours())
            if self._beside is not None:
                self.second.recolour(self.colours(beside=True))

    def _take_selection(self) -> None:
        if self.session.volume_style.only_selected:
            self._recolour()

    def _take_style(self) -> None:
        if (self.beside is None) != (self._beside is None):
            self._start_second()
        self._beside = self.beside
        self._recolour()

    # the picture

    def save_picture(self, path: Path) -> None:
        """Write what the canvas shows, twice as fine, with what the colours mean, as PNG.

        Raises
        ------
        InputError, RunError
            Where nothing is open, or the file can't be written.
        """
        session = self.session
        if session.particle_set is None:
            raise InputError(f"{path}: there is nothing to picture; open a star file or a run first")
        shown = self.first.rows if self.placed else session.rows_here
        grey = None if self._matter()[shown].all() else (GREY, "others")
        views = [self._view(str(session.coloured_by), session.colouring, shown, grey)]
        if self._grid.shown and self.beside is not None and self.colouring_beside is not None:
            views.append(self._view(self.beside, self.colouring_beside, shown, grey))
        canvas = self._viewer.screenshot(canvas_only=True, flash=False, scale=FINER)
        save_picture(path, canvas, views)

    def _view(self, name: str, colouring: Colouring, shown: Rows, grey: tuple[Colour, str] | None) -> View:
        return view_of(name, self.session.columns[name], colouring, shown, grey)
