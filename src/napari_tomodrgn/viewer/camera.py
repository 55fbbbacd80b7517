"""A viewer's camera and dimensions as a stop of a camera's way, and the other way round."""

from typing import Any

import numpy as np

from napari_tomodrgn.viewer.camera_path import Stop


def stop_of(viewer: Any) -> Stop:
    """Return what a napari viewer sees."""
    camera, dims = viewer.scene.camera, viewer.dims
    centre = np.zeros(3)
    centre[-len(camera.center) :] = camera.center
    flat = dims.ndisplay == 2
    if flat and dims.ndim > 2:
        centre[0] = dims.point[dims.order[-3]]
    towards, up = _front(camera) if flat else (camera.view_direction, camera.up_direction)
    z, y, x = map(float, centre)
    return Stop(
        (z, y, x), float(camera.zoom), _unit(towards), _unit(up), tuple(map(float, dims.point)),
        tuple(map(int, dims.order)), int(dims.ndisplay),
    )  # fmt: skip


def show_stop(viewer: Any, stop: Stop, zoomed: float = 1.0) -> None:
    """Let a viewer see what a stop says, ``zoomed`` in; dimensions that it does not have any more stay as they are."""
    camera, dims = viewer.scene.camera, viewer.dims
    dims.ndisplay = stop.ndisplay
    if len(stop.point) == dims.ndim:
        dims.order, dims.point = stop.order, stop.point
    camera.center = (0.0, *stop.centre[1:]) if stop.ndisplay == 2 else stop.centre
    camera.zoom = stop.zoom * zoomed
    if stop.ndisplay == 3:
        camera.set_view_direction(stop.towards, stop.up)


def _front(camera: Any) -> tuple[Any, Any]:
    """Return where a camera that is not turned looks, and what is up: as a slice is seen."""
    depth, vertical, _ = (str(each) for each in camera.orientation)
    return (-1 if depth == "towards" else 1, 0, 0), (0, -1 if vertical == "down" else 1, 0)


def _unit(vector: Any) -> tuple[float, float, float]:
    z, y, x = map(float, np.asarray(vector, dtype=np.float64) / np.linalg.norm(vector))
    return z, y, x
