"""The plane through the particle that is looked at, across one of its axes, as the tomogram has it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal
from weakref import ref

import numpy as np
from psygnal import Signal

from napari_tomodrgn.viewer.oblique_plane import ObliquePlane, oblique_plane
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.slab import low_passed
from napari_tomodrgn.viewer.tomogram_layers import TomogramLayers

PLANE = "plane"  # the layer's name
Axis = Literal["z", "y", "x", "tomogram"]
AXES: dict[Axis, str] = {
    "z": "across its z axis", "y": "across its y axis", "x": "across its x axis", "tomogram": "across the beam",
}  # fmt: skip
SIDE_IN_DIAMETERS = 4.0


@dataclass(frozen=True)
class PlaneThrough:
    """A plane that was made.

    Attributes
    ----------
    plane
        The plane.
    caption
        What it is.
    """

    plane: ObliquePlane
    caption: str


class ParticlePlane:
    """Says which plane is wanted, and shows it in 3D once it is made.

    Attributes
    ----------
    shown
        Whether a plane is wanted at all.
    axis
        Of the particle, which the plane is perpendicular to; ``"tomogram"``: the tomogram's z axis.
    side
        Å.
    made
        The last plane that was made, ``None`` where it is no longer that of what is looked at.
    """

    wanted = Signal()  # another plane, or none
    changed = Signal()  # what is made, or how

    def __init__(self, viewer: Any, session: Session, tomograms: TomogramLayers, side: float) -> None:
        viewer = getattr(viewer, "__wrapped__", viewer)
        self._viewer = ref(viewer)
        self.session, self.tomograms, self.side = session, tomograms, side
        self.shown, self.axis = False, next(iter(AXES))
        self.made: PlaneThrough | None = None
        self.layer: Any = None
        self._before: tuple[Any, ...] = ()
        session.particle_changed.connect(self.ask)
        tomograms.changed.connect(self.ask)
        # before the layers are cut in 2D
        viewer.dims.events.ndisplay.connect(self._place, position="first")

    def set(self, *, shown: bool | None = None, axis: Axis | None = None, side: float | None = None) -> None:
        """Want a plane or none, across another axis, or of another side in Å."""
        self.shown = self.shown if shown is None else shown
        self.axis, self.side = axis or self.axis, side or self.side
        self.ask()

    def ask(self) -> None:
        """Let the plane be made anew where it is another one."""
        wanted = self._wanted()
        if wanted == self._before:
            self._style()
            return
        self._before, self.made = wanted, None
        self._place()
        self.changed.emit()
        self.wanted.emit()

    def _wanted(self) -> tuple[Any, ...]:
        """Return all that the plane depends on; nothing where none is wanted."""
        row, opened, session = self.session.particle, self.tomograms.opened, self.session
        if not self.shown or row is None or opened is None or not opened.pixel_size or session.particle_set is None:
            return ()
        if session.particle_set.ids[row][0] != session.tomogram:
            return ()
        look = self.tomograms.look
        return (
            session.particle_set.ids[row],
            self.axis,
            self.side,
            look.half,
            look.low_pass,
            opened.file.path,
            opened.pixel_size,
        )

    def maker(self) -> Callable[[], PlaneThrough] | None:
        """Return what makes the plane, to be run beside the window; ``None`` where none is wanted."""
        row, opened, particle_set = self.session.particle, self.tomograms.opened, self.session.particle_set
        if not self._wanted() or row is None or opened is None or opened.pixel_size is None or particle_set is None:
            return None
        poses, look, axis = Poses.of(particle_set), self.tomograms.look, self.axis
        if not np.isfinite(poses.position_angstrom[row]).all():
            return None
        normal = np.array([1.0, 0.0, 0.0])
        if axis != "tomogram" and poses.known[row]:
            normal = poses.rotations(row)[:, "zyx".index(axis)]
        elif axis != "tomogram":
            axis = "tomogram"
        values, pixel_size, side = opened.file.values, opened.pixel_size, self.side
        caption = f"{particle_set.ids[row][1]}, {AXES[axis]}, {side / 10:.4g} nm wide"

        def make() -> PlaneThrough:
            plane = oblique_plane(values, pixel_size, poses.position_angstrom[row], normal, side, half=look.half)
            if look.low_pass:
                inside = np.isfinite(plane.image)
                mean = plane.image[inside].mean() if inside.any() else np.float32(0)
                filtered = low_passed(np.where(inside, plane.image, mean), look.low_pass, pixel_size)
                plane = replace(plane, image=np.where(inside, filtered, np.float32(np.nan)))
            return PlaneThrough(plane, caption)

        return make

    def take(self, made: PlaneThrough) -> None:
        """Show a plane that was made."""
        self.made = made
        self._place()
        self.changed.emit()

    def _place(self, _: Any = None) -> None:
        """Show the plane in its place in 3D; in 2D napari can't cut a turned layer."""
        viewer = self._viewer()
        if viewer is None:
            return
        present = self.layer is not None and self.layer in viewer.layers
        if self.made is None or viewer.dims.ndisplay == 2:
            if present:
                self.layer.visible = False
            return
        plane = self.made.plane.cropped()
        if not present:
            active = viewer.layers.selection.active
            data, attributes, _ = plane.layer(PLANE)
            self.layer = viewer.add_image(data, blending="translucent", **attributes)
            # after the tomogram, and before the particles, which it would cover
            viewer.layers.move(viewer.layers.index(self.layer), min(1, len(viewer.layers) - 1))
            viewer.layers.selection.active = active
        plane.place(self.layer)
        self.layer.visible = True
        self._style()

    def _style(self) -> None:
        if self.made is not None and self.layer is not None and self.layer.visible:
            low, high = self.layer.contrast_limits_range
            limits = self.limits()
            self.layer.contrast_limits_range = (min(limits[0], low), max(limits[1], high))
            self.layer.contrast_limits, self.layer.colormap = limits, self.tomograms.look.colormap

    def limits(self) -> tuple[float, float]:
        """Return what is black and what is white of the plane that was made."""
        assert self.made is not None
        inside = self.made.plane.image[np.isfinite(self.made.plane.image)]
        percent = self.tomograms.look.percent
        low, high = np.percentile(inside, (percent, 100 - percent)) if inside.size else (0.0, 1.0)
        return (float(low), float(high)) if high > low else (float(low), float(low) + 1)

    def as_dict(self) -> dict[str, Any]:
        """Return what is wanted, as plain values for JSON."""
        return {"shown": self.shown, "axis": self.axis, "side": self.side}
