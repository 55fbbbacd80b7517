"""Particles chosen by drawing over the tomogram: a lasso or boxes as shapes, or a brush.

Shapes are drawn in a layer of their own, in the plane that is shown, and mean particles of the open tomogram at some
depth about it. A brush takes particles as it passes over them, and is one change of the selection when it is lifted.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.analysis.known import Known
from napari_tomodrgn.analysis.rule_trees import ADD, combined
from napari_tomodrgn.analysis.rules import Brush, Lasso, Rectangle
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.layers import IN_ANGSTROM
from napari_tomodrgn.viewer.scene import MODIFIERS, Scene
from napari_tomodrgn.viewer.session import How

SHAPES = "regions"
AXES = "zyx"
TOOLS = {"lasso": "add_polygon_lasso", "box": "add_rectangle"}
Tool = Literal["lasso", "box"]
LINES = ("line",)
ROUND = 64  # corners of an ellipse
APART = 0.25  # of the radius, between places along a brush's path


class Regions:
    """What is drawn over the tomogram of a scene.

    Attributes
    ----------
    depth
        Å to either side of the plane that is shown, within which particles are meant; ``None``: at any depth.
    radius
        Of the brush, Å.
    """

    changed = Signal()  # what is drawn
    painting_changed = Signal()

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.depth: float | None = None
        self.radius = 100.0
        self.shapes: Any = None

    # shapes

    def draw(self, tool: Tool) -> None:
        """Let a person draw a lasso, or a box, over the tomogram.

        Raises
        ------
        InputError
            Where it is shown in 3D, in which shapes can't be drawn, or none is open.
        """
        self._in_plane()
        self.stop_painting()
        viewer = self.scene.viewer
        if self.shapes is None or self.shapes not in viewer.layers:
            self.shapes = viewer.add_shapes(
                ndim=3, name=SHAPES, edge_color="white", face_color=[1.0, 1.0, 1.0, 0.12], edge_width=self._width(),
                **IN_ANGSTROM,
            )  # fmt: skip
            self.shapes.events.data.connect(self._drawn)
        viewer.layers.selection.active = self.shapes
        self.shapes.mode = TOOLS[tool]

    def _drawn(self) -> None:
        self.changed.emit()

    def _width(self) -> float:
        """Return a width of lines that is seen in a whole tomogram."""
        return self.scene.diameter / 12

    @property
    def tree(self) -> dict[str, Any] | None:
        """The rule that means the particles in what is drawn, ``None`` where nothing is."""
        if self.shapes is None or self.shapes not in self.scene.viewer.layers:
            return None
        trees = []
        for corners, kind in zip(self.shapes.data, self.shapes.shape_type, strict=True):
            if kind not in LINES and len(corners) > 2:
                trees.append(self._tree_of(np.asarray(corners, dtype=np.float64), kind))
        if len(trees) < 2:
            return trees[0] if trees else None
        return combined(ADD, trees)

    def _tree_of(self, corners: npt.NDArray[np.float64], kind: str) -> dict[str, Any]:
        across, upwards = self._plane_of(corners)
        x, y = corners[:, across], corners[:, upwards]
        (aside,) = {0, 1, 2} - {across, upwards}
        common: dict[str, Any] = {**self._common(across, upwards), "depth": self._around(aside, corners[0, aside])}
        upright = all(min(abs(edge)) < 1e-6 * np.ptp(corners) for edge in np.diff(np.stack([x, y], axis=1), axis=0))
        if kind == "rectangle" and upright:
            limits = {"x": (x.min(), x.max()), "y": (y.min(), y.max())}
            return Rectangle(**common, **limits).tree
        if kind == "ellipse":
            angle = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)[:, None]
            points = np.stack([x, y], axis=1)
            middle, first, second = points.mean(axis=0), points[1] - points[0], points[2] - points[1]
            x, y = (middle + (np.cos(angle) * first + np.sin(angle) * second) / 2).T
        return Lasso(**common, polygon=tuple(zip(x.tolist(), y.tolist(), strict=True))).tree

    def _plane_of(self, corners: npt.NDArray[np.float64]) -> tuple[int, int]:
        """Return the axes across and upwards of the plane that corners were drawn in, whichever is shown now."""
        spread = np.ptp(corners, axis=0)
        upwards, across = self._shown()
        if spread[[upwards, across]].all():
            return across, upwards
        upwards, across = np.flatnonzero(spread > 0)[-2:] if (spread > 0).sum() > 1 else (upwards, across)
        return int(across), int(upwards)

    def clear(self) -> None:
        """Remove what is drawn, and give the mouse back to the camera."""
        if self.shapes is None or self.shapes not in self.scene.viewer.layers:
            return
        self.shapes.data = []
        self.shapes.mode = "pan_zoom"
        if self.scene.points is not None and self.scene.points in self.scene.viewer.layers:
            self.scene.viewer.layers.selection.active = self.scene.points

    # the brush

    def paint(self) -> None:
        """Let a person paint over particles: to add them, with Ctrl to take them away.

        Raises
        ------
        InputError
            Where the tomogram is shown in 3D, or none is open.
        """
        self._in_plane()
        if self.scene.painting:
            return
        viewer = self.scene.viewer
        if self.scene.points is not None and self.scene.points in viewer.layers:
            self.scene.points.mode = "pan_zoom"
            viewer.layers.selection.active = self.scene.points
        self.scene.painting = True
        self.painting_changed.emit()
        viewer.scene.camera.mouse_pan = False
        viewer.mouse_drag_callbacks.append(self._stroke)
        viewer.dims.events.ndisplay.connect(self.stop_painting)

    def stop_painting(self) -> None:
        """Give the mouse back to the camera."""
        viewer = self.scene.viewer
        if not self.scene.painting or viewer is None:  # or the window is closed
            return
        self.scene.painting = False
        self.painting_changed.emit()
        viewer.scene.camera.mouse_pan = True
        viewer.dims.events.ndisplay.disconnect(self.stop_painting)
        if self._stroke in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(self._stroke)

    def _stroke(self, viewer: Any, event: Any) -> Iterator[None]:
        """Follow the mouse from its press to its release."""
        if event.button != 1:
            return
        session = self.scene.session
        upwards, across = self._shown()
        (aside,) = {0, 1, 2} - {across, upwards}
        held = [str(getattr(each, "name", each)) for each in event.modifiers]
        how: How = next((MODIFIERS[each] for each in held if each in MODIFIERS), "add")
        path = [_place(event, across, upwards)]
        depth = self._around(aside, float(event.position[-3:][aside]))
        taken = np.zeros(len(session), dtype=bool)

        def rule(places: list[tuple[float, float]]) -> Brush:
            return Brush(**self._common(across, upwards), depth=depth, path=tuple(places), radius=self.radius)

        def take() -> None:
            assert session.particle_set is not None
            taken[:] |= rule(path[-2:]).mask(Known(session.particle_set, session.columns))
            self.scene.preview(session.selected & ~taken if how == "subtract" else session.selected | taken)

        take()
        yield
        while event.type == "mouse_move":
            place = _place(event, across, upwards)
            if np.hypot(*np.subtract(place, path[-1])) >= APART * self.radius:
                path.append(place)
                take()
            yield
        before = session.selected
        session.select(taken, rule(path).tree, how)
        if session.selected is before:  # nothing was told, as nothing is different
            self.scene.preview(before)

    # what both need

    def _in_plane(self) -> None:
        if self.scene.session.tomogram is None:
            raise InputError("no tomogram is open; open a star file or a run first")
        if self.scene.viewer.dims.ndisplay != 2:
            raise InputError("the tomogram is shown in 3D, where nothing can be drawn over it; show it in 2D first")

    def _shown(self) -> tuple[int, int]:
        """Return the axes upwards and across of the plane that is shown, of z, y, x."""
        dims = self.scene.viewer.dims
        upwards, across = (int(axis) - (dims.ndim - 3) for axis in dims.displayed[-2:])
        return upwards, across

    def _common(self, across: int, upwards: int) -> dict[str, Any]:
        return {"columns": (AXES[across], AXES[upwards]), "tomogram": self.scene.session.tomogram}

    def _around(self, axis: int, place: float) -> tuple[str, float, float] | None:
        return None if self.depth is None else (AXES[axis], place - self.depth, place + self.depth)


def _place(event: Any, across: int, upwards: int) -> tuple[float, float]:
    z, y, x = map(float, event.position[-3:])
    return (z, y, x)[across], (z, y, x)[upwards]
