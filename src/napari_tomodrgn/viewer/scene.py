"""The open tomogram in a napari viewer: particles as points, their orientations, and the image, as the session says.

There is one layer of each kind, whose data are replaced when another tomogram is opened: layers that are removed keep
their memory. Particles whose class is hidden are left out of the layer, as napari shows hidden points in 3D.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
import pandas as pd
from psygnal import Signal

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.first_view import FirstView
from napari_tomodrgn.viewer.layers import IN_ANGSTROM, TOMOGRAM
from napari_tomodrgn.viewer.orientations import STYLES, Orientations
from napari_tomodrgn.viewer.overlays import Overlays
from napari_tomodrgn.viewer.particle_plane import AXES, SIDE_IN_DIAMETERS, ParticlePlane
from napari_tomodrgn.viewer.placed_volumes import particle_on_ray
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.preferences import preferences
from napari_tomodrgn.viewer.session import How, Mask, Rows, Session
from napari_tomodrgn.viewer.shown_slice import ShownSlice
from napari_tomodrgn.viewer.tomogram_box import TomogramBox
from napari_tomodrgn.viewer.tomogram_files import TomogramFiles
from napari_tomodrgn.viewer.tomogram_layers import TomogramLayers
from napari_tomodrgn.viewer.tomogram_look import TomogramLook

if TYPE_CHECKING:
    from napari.layers import Points

PARTICLES = "particles"
SELECTED = (1.0, 1.0, 1.0, 1.0)
BORDER = 0.12  # of a point's size, around selected ones
NEAR_PX = 4  # that the mouse may move between press and release of a click
MODIFIERS: dict[str, How] = {"Shift": "add", "Control": "subtract"}


class Scene:
    """What a viewer shows of a session, and what clicks in it tell the session."""

    file_wanted = Signal()  # self.wanted is to be opened

    def __init__(self, viewer: Any, session: Session) -> None:
        self._viewer = ref(getattr(viewer, "__wrapped__", viewer))  # which is not kept by what belongs to it
        self.session = session
        self.rows: Rows = np.zeros(0, np.int64)  # of the points, in their order
        chosen = preferences()
        self.diameter = chosen.particle_diameter or 100.0  # Å
        self.points: Points | None = None
        self.painting = False  # by a brush, whose strokes are no clicks
        self.wanted: Path | None = None
        self._taking_over = False
        self.orientations = Orientations(viewer)
        self.tomograms = TomogramLayers(viewer, session, TomogramLook(half=chosen.slab, low_pass=chosen.low_pass))
        self.plane = ParticlePlane(viewer, session, self.tomograms, SIDE_IN_DIAMETERS * self.diameter)
        self.box = TomogramBox(viewer, session, self.tomograms)
        self.overlays = Overlays(viewer)
        self.slices, self.first_view = ShownSlice(viewer), FirstView(viewer)
        self.viewer.mouse_drag_callbacks.append(self._clicked)
        self.tomograms.changed.connect(self._show_slice)
        self.tomograms.resized.connect(self.look_again)
        session.data_changed.connect(self._show_data)
        session.tomogram_changed.connect(self._show_tomogram)
        session.columns_changed.connect(self._show_tomogram)
        session.labels_changed.connect(self._show_labels)
        session.colouring_changed.connect(self._show_colours)
        session.selection_changed.connect(self._show_selection)
        if session.particle_set is not None:
            self._show_data()

    @property
    def viewer(self) -> Any:
        """The viewer."""
        return self._viewer()

    def want(self, path: Path) -> bool:
        """Ask for a file to be opened beside the window, and return whether there is someone to do that."""
        self.wanted = path
        self.file_wanted.emit()
        return len(self.file_wanted) > 0

    @contextmanager
    def _own_change(self) -> Iterator[None]:
        """Let what the layers tell of a change that the session asked for go unheard."""
        before, self._taking_over = self._taking_over, True
        try:
            yield
        finally:
            self._taking_over = before

    def _show_data(self) -> None:
        particle_set = self.session.particle_set
        if particle_set is None:
            return
        chosen = preferences().particle_diameter
        if chosen or particle_set.box:
            self.diameter = chosen or particle_set.box * particle_set.pixel_size / 2
            self.plane.set(side=SIDE_IN_DIAMETERS * self.diameter)
            self._show_slice()
        self._show_tomogram()
        if self.points is not None and self.first_view.is_new(particle_set, self.session.tomogram):
            self.first_view.look(self.points.data, self.diameter, self._looked_at())

    def look_again(self) -> None:
        """Let the viewer see the open tomogram and its particles, unless a person has turned to some of them."""
        particle_set = self.session.particle_set
        if particle_set is not None:
            positions = particle_set.particles[["z", "y", "x"]].to_numpy(np.float64)[self.session.rows_here]
            self.first_view.look_again(positions, self.diameter, self._looked_at())

    def _looked_at(self) -> list[Any]:
        """Return the layers that show the open tomogram."""
        points, image = self.points, self.tomograms.image
        shown = [points] if points is not None and len(points.data) else []
        shown += [image] if image is not None and image.visible else []
        return [each for each in shown if each in self.viewer.layers]

    def _show_tomogram(self) -> None:
        """Give the layers the particles of the open tomogram."""
        particle_set = self.session.particle_set
        if particle_set is None:
            return
        here = self.session.rows_here
        colours = self.session.colouring.rgba[here]
        visible = colours[:, 3] > 0
        self.rows = here[visible]
        position = particle_set.particles[["z", "y", "x"]].to_numpy(np.float32)[self.rows]
        with self._own_change():
            points = self._points_layer()
            points.selected_data = set()
            points.data = position
            points.features = self._features()
            points.size = self.diameter
            if len(self.rows):  # napari takes no colours for no points
                points.face_color = colours[visible]
            points.metadata = {**points.metadata, TOMOGRAM: self.session.tomogram, **self._origin()}
            self._mark_selected()
        self.orientations.draw(Poses.of(particle_set), self.rows, self.session.colouring.rgba)

    def _show_labels(self) -> None:
        """Give the points what their classes are labelled with now."""
        if self.points is not None and self.points in self.viewer.layers and len(self.rows) == len(self.points.data):
            with self._own_change():
                self.points.features = self._features()

    def _origin(self) -> dict[str, str]:
        """Return where the particles come from, for writers."""
        if self.session.run is not None:
            return {"run": str(self.session.run.path)}
        assert self.session.particle_set is not None
        return {"star": str(self.session.particle_set.source.path)}

    def _features(self) -> pd.DataFrame:
        """Return what is known of the particles shown: text for classes, numbers without NaN-prone colouring."""
        assert self.session.particle_set is not None
        names = self.session.particle_set.particles["name"].to_numpy()[self.rows]
        table: dict[str, Any] = {"particle": names}
        for name, column in self.session.columns.items():
            if isinstance(column, Classes):
                texts = np.array([*column.names, ""], dtype=object)
                table[name] = texts[column.codes[self.rows]]
            elif isinstance(column, Numbers):
                table[name] = column.values[self.rows]
        return pd.DataFrame(table)

    def _points_layer(self) -> "Points":
        """Return the layer of the particles, made anew where a person removed it."""
        if self.points is None or self.points not in self.viewer.layers:
            self.points = self.viewer.add_points(
                np.zeros((0, 3), np.float32), name=PARTICLES, size=self.diameter, projection_mode="rescale_spherical",
                border_width=BORDER, border_width_is_relative=True, **IN_ANGSTROM,
            )  # fmt: skip
            assert self.points is not None
            self.points.selected_data.events.items_changed.connect(self._take_selection)
        return self.points

    def _show_colours(self) -> None:
        if self.session.particle_set is None or self.points is None:
            return
        here = self.session.rows_here
        colours = self.session.colouring.rgba[here]
        visible = here[colours[:, 3] > 0]
        if not np.array_equal(visible, self.rows) or self.points not in self.viewer.layers:
            self._show_tomogram()  # a class was hidden or shown
            return
        if len(self.rows):
            with self._own_change():
                self.points.face_color = colours
                self._mark_selected()  # borders have the colours too
        self.orientations.recolour(self.session.colouring.rgba)

    # the selection

    def _show_selection(self) -> None:
        if self._taking_over or self.points is None or self.points not in self.viewer.layers:
            return
        with self._own_change():
            self._mark_selected()

    def preview(self, selected: Mask) -> None:
        """Show in the layer what would be selected (N,), until the selection changes or is shown again."""
        if self.points is not None and self.points in self.viewer.layers:
            with self._own_change():
                self._mark_selected(selected)

    def _mark_selected(self, selected: Mask | None = None) -> None:
        """Show in the layer which particles are selected: its own selection, and a border that stays in every mode."""
        assert self.points is not None
        chosen = (self.session.selected if selected is None else selected)[self.rows]
        self.points.selected_data = set(np.flatnonzero(chosen).tolist())
        if len(self.rows):
            border = self.session.colouring.rgba[self.rows].copy()
            border[chosen] = SELECTED
            self.points.border_color = border

    def _take_selection(self) -> None:
        """Tell the session which points were selected; particles of other tomograms stay as they were."""
        if self._taking_over or self.points is None:
            return
        chosen = [index for index in self.points.selected_data if index < len(self.rows)]
        mask = self.session.selected.copy()
        mask[self.rows] = False
        mask[self.rows[chosen]] = True
        with self._own_change():
            self.session.select(mask, {"rule": "points", "tomogram": self.session.tomogram})
            self._mark_selected()

    def _clicked(self, viewer: Any, event: Any) -> Iterator[None]:
        """Look at the particle that is clicked while the camera has the mouse, and select it where no others are.

        A selection that took some work is not lost by looking at one of its particles.
        """
        active = self.viewer.layers.selection.active
        if (
            self.painting
            or event.button != 1
            or (active is not None and str(getattr(active, "mode", "pan_zoom")) != "pan_zoom")
        ):
            return
        pressed = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.array(event.pos) - pressed).max() > NEAR_PX:
            return
        row = self.row_at(event.position, event.view_direction)
        if row is None:
            return
        held = [str(getattr(each, "name", each)) for each in event.modifiers]
        how: How = next((MODIFIERS[each] for each in held if each in MODIFIERS), "replace")
        self.session.look_at(row)
        if how != "replace" or self.session.selected.sum() <= 1:
            self.session.select_rows([row], {"rule": "click"}, how)

    def row_at(self, position: Any, view_direction: Any | None) -> int | None:
        """Return the particle at a position (world coordinates), ``None`` where there is none.

        In 3D the first that a ray meets along the view's direction, away from the eye; in 2D, where there is no such
        direction, the nearest of those that the position lies in. Whether points or volumes are drawn does not matter.
        """
        if self.session.particle_set is None or not len(self.rows):
            return None
        centres = self.session.particle_set.particles[["z", "y", "x"]].to_numpy(np.float64)[self.rows]
        place, radius = np.asarray(position, dtype=np.float64)[-3:], self.diameter / 2
        if view_direction is not None:
            direction = np.asarray(view_direction, dtype=np.float64)[-3:]
            # from before everything, as the position is anywhere on the ray
            far = 2 * float(np.linalg.norm(centres - place, axis=1).max()) + radius
            index = particle_on_ray(place - far * direction, direction, centres, radius)
            return None if index is None else int(self.rows[index])
        distance = np.linalg.norm(centres - place, axis=1)
        nearest = int(distance.argmin())
        return int(self.rows[nearest]) if distance[nearest] <= radius else None

    def _show_slice(self) -> None:
        """Let the sliders go by the tomogram's slices, and show the particles that reach into the slab."""
        opened = self.tomograms.opened
        step = None if opened is None else opened.pixel_size
        slab = (2 * self.tomograms.look.half + 1) * step if step else 0.0
        self.slices.take(step, max(self.diameter, slab))

    # what a saved session has beside the session

    def view(self) -> dict[str, Any]:
        """Return the camera, the slice, the tomograms' files and all that is shown, as plain values."""
        camera, dims = self.viewer.scene.camera, self.viewer.dims
        return {
            "camera": {"center": list(map(float, camera.center)), "zoom": float(camera.zoom),
                       "angles": list(map(float, camera.angles))},
            "ndisplay": int(dims.ndisplay),
            "point": list(map(float, dims.point)),
            "arrows": self.orientations.length,
            "arrow_style": self.orientations.style,
            "files": self.tomograms.files.as_dict(),
            "look": self.tomograms.look.as_dict(),
            "plane": self.plane.as_dict(),
            "overlays": self.overlays.as_dict(),
            "box": self.box.shown,
        }  # fmt: skip

    def restore(self, view: dict[str, Any]) -> None:
        """Take up what :meth:`view` returned; what is not there or does not fit stays as it is.

        Raises
        ------
        InputError
            Where it has another form.
        """
        try:
            self._restore(view)
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(f"view of the session: is not as a session has it ({error}); save it again") from error

    def _restore(self, view: dict[str, Any]) -> None:
        if "files" in view:
            self.tomograms.files = TomogramFiles.from_dict(self.session.tomograms, view["files"])
            self.tomograms.look = TomogramLook.from_dict(view.get("look", self.tomograms.look.as_dict()))
            self.tomograms.show()
        if view.get("ndisplay") in (2, 3):
            self.viewer.dims.ndisplay = view["ndisplay"]
        if len(view.get("point", ())) == self.viewer.dims.ndim:
            self.viewer.dims.point = tuple(view["point"])
        for name, value in dict(view.get("camera", {})).items():
            if name in ("center", "zoom", "angles"):
                setattr(self.viewer.scene.camera, name, tuple(value) if isinstance(value, list) else value)
        style = view.get("arrow_style")
        self.orientations.show(float(view.get("arrows", 0)), style if style in STYLES else None)
        overlays = dict(view.get("overlays", {}))
        self.overlays.scale_bar = bool(overlays.get("scale_bar", self.overlays.scale_bar))
        self.overlays.axes = bool(overlays.get("axes", self.overlays.axes))
        self.box.show(bool(view.get("box", self.box.shown)))
        plane = dict(view.get("plane", {}))
        if plane.get("axis") in AXES and float(plane.get("side", 0)) > 0:
            self.plane.set(shown=bool(plane.get("shown")), axis=plane["axis"], side=float(plane["side"]))
