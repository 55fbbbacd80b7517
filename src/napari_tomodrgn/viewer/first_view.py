"""The first look at a data set: a slice that holds particles, and a camera that sees them; later it is a person's."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.viewer.layers import TOMOGRAM, LayerData

NEAR = 0.35  # diameters from a slice to a particle that is seen well in it
_VIEWS: "WeakKeyDictionary[Any, FirstView]" = WeakKeyDictionary()  # of viewers without a scene
PLACE = ["tomogram", "z", "y", "x"]


def fullest_slice(along: npt.ArrayLike, reach: float) -> float:
    """Return where the most particles lie within ``reach``: at one of them, of equal ones the nearest to the median.

    Parameters
    ----------
    along
        (n,) where the particles lie across the slices; at least one.
    reach
        In the same units.
    """
    places = np.sort(np.asarray(along, dtype=np.float64))
    near = np.searchsorted(places, places + reach, "right") - np.searchsorted(places, places - reach, "left")
    fullest = places[near == near.max()]
    return float(fullest[np.abs(fullest - np.median(places)).argmin()])


class FirstView:
    """Lets a viewer look at the particles of a data set when they come in, and leaves a view that a person chose."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = ref(getattr(viewer, "__wrapped__", viewer))
        self._places: pd.DataFrame | None = None  # of the data set that is looked at
        self._left: npt.NDArray[np.float64] | None = None  # the camera, as it was left here
        self._slice = 0.0

    def is_new(self, particle_set: ParticleSet, tomogram: str | None) -> bool:
        """Return whether none of the particles in a tomogram were there in the data set before; remember this one."""
        before, self._places = self._places, particle_set.particles[PLACE]
        if before is None or tomogram is None:
            return True
        own, others = (each[each["tomogram"] == tomogram].dropna() for each in (self._places, before))
        return own.merge(others).empty  # by name alone, all sets that count their tomograms would be one

    def look(self, positions: npt.NDArray[np.floating], diameter: float, layers: Sequence[Any]) -> None:
        """Look at particles (n, 3) z, y, x in Å, and at all of the layers; of no particles, at the layers' middle."""
        viewer = self._viewer()
        if viewer is None or not layers:
            return
        viewer.reset_view(layers=layers)
        axis = _aside(viewer)
        if axis is not None:
            if len(positions):
                viewer.dims.set_point(axis, _best(viewer, axis, positions, diameter))
            else:
                low, high, step = viewer.dims.range[axis]
                viewer.dims.set_point(axis, low + step * ((high - low) / step // 2))
        self._left, self._slice = _camera(viewer), _slice(viewer)

    def look_again(self, positions: npt.NDArray[np.floating], diameter: float, layers: Sequence[Any]) -> None:
        """Look anew where nobody has moved since, or where nothing of the particles is seen."""
        viewer = self._viewer()
        if viewer is None:
            return
        if self._as_left(viewer, diameter) or not in_sight(viewer, positions, diameter):
            self.look(positions, diameter, layers)

    def _as_left(self, viewer: Any, diameter: float) -> bool:
        if self._left is None or abs(_slice(viewer) - self._slice) > diameter / 2:  # images bring other steps
            return False
        return np.allclose(_camera(viewer), self._left)


def in_sight(viewer: Any, positions: npt.NDArray[np.floating], diameter: float) -> bool:
    """Return whether a viewer's slice shows any of the particles (n, 3) z, y, x in Å, and its camera sees one."""
    if viewer.dims.ndisplay != 2:
        return len(positions) > 0
    axis, shown = _aside(viewer), list(viewer.dims.displayed)
    if axis is None or viewer.dims.ndim < 3:
        return False
    first = viewer.dims.ndim - 3
    near = np.abs(positions[:, axis - first] - viewer.dims.point[axis]) <= NEAR * diameter
    away = np.abs(positions[near][:, [each - first for each in shown]] - np.array(viewer.scene.camera.center[-2:]))
    return bool((away <= np.array(viewer.canvas.size) / viewer.scene.camera.zoom / 2).all(axis=1).any())


def shown_first(viewer: Any, layers: list[LayerData]) -> list[LayerData]:
    """Return layers that are about to be added to a viewer, which looks at their particles once they are there.

    Images are put behind particles, which they would hide. Napari adds the layers one by one, and tells no reader when
    that is done.
    """
    coming = [layer[1].get("metadata", {}).get(TOMOGRAM) for layer in layers if len(layer) > 1]
    if viewer is None or not coming:
        return layers
    inserted, added = viewer.layers.events.inserted, list[Any]()
    seen_by = ref(getattr(viewer, "__wrapped__", viewer))

    def take(event: Any) -> None:
        ours = event.value.metadata.get(TOMOGRAM) in coming
        if ours:
            added.append(event.value)
        if not ours or len(added) == len(coming):  # where a layer was refused, another one comes some time
            inserted.disconnect(take)
            _look_at(seen_by(), added)

    inserted.connect(take, position="last")  # after napari's own
    return layers


def _look_at(viewer: Any, added: list[Any]) -> None:
    """Let a viewer look at layers that were just added to it."""
    from napari.layers import Image, Points

    particles = [each for each in viewer.layers if isinstance(each, Points) and TOMOGRAM in each.metadata]
    for each in added:
        if isinstance(each, Image) and particles:
            first, own = viewer.layers.index(particles[0]), viewer.layers.index(each)
            if own > first:
                viewer.layers.move(own, first)
    points = next((each for each in particles if each.visible and len(each.data)), None)
    if points is None or (points not in added and viewer not in _VIEWS):  # where a scene shows them
        return
    diameter = float(np.max(points.size))
    if not any(viewer.dims.thickness):
        viewer.dims.thickness = (diameter,) * viewer.dims.ndim
    view, shown = _VIEWS.setdefault(viewer, FirstView(viewer)), [each for each in viewer.layers if each.visible]
    if len(viewer.layers) == len(added):
        view.look(points.data, diameter, shown)
    else:  # a person may have chosen where to look
        view.look_again(points.data, diameter, shown)


def _aside(viewer: Any) -> int | None:
    """Return the axis of the tomogram across the slice that is shown; in 3D the one that a slice would be across."""
    dims = viewer.dims
    if dims.ndim < 3:
        return None
    return next((int(axis) for axis in dims.order[:-2][::-1] if axis >= dims.ndim - 3), None)


def _best(viewer: Any, axis: int, positions: npt.NDArray[np.floating], diameter: float) -> float:
    return fullest_slice(positions[:, axis - (viewer.dims.ndim - 3)], NEAR * diameter)


def _slice(viewer: Any) -> float:
    axis = _aside(viewer)
    return 0.0 if axis is None else float(viewer.dims.point[axis])


def _camera(viewer: Any) -> npt.NDArray[np.float64]:
    camera = viewer.scene.camera
    return np.array([*camera.center, *camera.angles, camera.zoom, viewer.dims.ndisplay], dtype=np.float64)
