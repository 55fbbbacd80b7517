"""How particles are turned, in a napari viewer: arrows, or cones, along their z axes."""

from typing import Any, Literal
from weakref import ref

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.viewer.layers import IN_ANGSTROM
from napari_tomodrgn.viewer.placement import Poses, Vertices

NOTHING = (np.zeros((3, 3), dtype=np.float32), np.array([[0, 1, 2]], dtype=np.int32), np.zeros(3, dtype=np.float32))
ARROWS, CONES = "orientations", "orientation cones"  # the layers' names
STYLES: tuple["Style", ...] = ("arrows", "cones")
SIDES = 12  # of a cone
WIDTH = 1 / 3  # of a cone's base, its radius, and of an arrow's shaft a quarter of that, in lengths
NO_ROWS = np.zeros(0, dtype=np.int64)

Style = Literal["arrows", "cones"]
Rows = npt.NDArray[np.int64]
Colours = npt.NDArray[np.floating]


class Orientations:
    """The layers, of which one is used at a time; their data are replaced.

    Attributes
    ----------
    length
        Of arrows and cones, Å; 0 shows none.
    style
        Which of them are shown in 3D; in 2D, where only pieces of cones would be seen, it is arrows.
    arrows, cones
        The layers, once there were any.
    """

    changed = Signal()  # length or style

    def __init__(self, viewer: Any) -> None:
        viewer = getattr(viewer, "__wrapped__", viewer)
        self._viewer = ref(viewer)
        viewer.dims.events.ndisplay.connect(self._draw)
        self.length, self.style = 0.0, STYLES[0]
        self.arrows: Any = None
        self.cones: Any = None
        self._poses: Poses | None = None
        self._rows: Rows = NO_ROWS
        self._rgba: Colours = np.zeros((0, 4), dtype=np.float32)

    @property
    def viewer(self) -> Any:
        """The viewer."""
        return self._viewer()

    def show(self, length: float, style: Style | None = None) -> None:
        """Show arrows or cones of a length in Å; 0 hides them."""
        self.length, self.style = length, style or self.style
        self._draw()
        self.changed.emit()

    def draw(self, poses: Poses, rows: Rows, rgba: Colours) -> None:
        """Show those of ``rows`` of N particles whose pose is known, in colours (N, 4)."""
        self._poses, self._rows, self._rgba = poses, rows[poses.known[rows]], rgba
        self._draw()

    def recolour(self, rgba: Colours) -> None:
        """Give them other colours (N, 4)."""
        self._rgba = rgba
        self._colour()

    def _is_there(self, layer: Any) -> bool:
        return layer is not None and layer in self.viewer.layers

    @property
    def _seen(self) -> Style:
        return "arrows" if self.viewer.dims.ndisplay == 2 else self.style

    def _draw(self, _: Any = None) -> None:
        if self._poses is None or self.viewer is None:
            return
        for layer, style in ((self.arrows, "arrows"), (self.cones, "cones")):
            if self._is_there(layer) and not (self.length and style == self._seen):
                layer.visible = False
        if self.length and self._seen == "arrows":
            self._draw_arrows(self._poses)
        elif self.length:
            self._draw_cones(self._poses)
        self._colour()

    def _draw_arrows(self, poses: Poses) -> None:
        if not self._is_there(self.arrows):
            self.arrows = self._added(
                "vectors", np.zeros((0, 2, 3), np.float32), ARROWS, vector_style="arrow", length=1
            )
        self.arrows.visible = True  # first: what is hidden is not drawn anew where data and dimensions change
        self.arrows.data = poses.arrows(self._rows, self.length)
        self.arrows.edge_width = self.length * WIDTH / 4

    def _draw_cones(self, poses: Poses) -> None:
        if not self._is_there(self.cones):
            self.cones = self._added("surface", NOTHING, CONES, shading="smooth", blending="opaque")
        self.cones.visible = True
        self.cones.vertex_colors = None  # of as many vertices as there were before
        vertices, faces = cones(poses, self._rows, self.length)
        self.cones.data = (vertices, faces, np.ones(len(vertices), np.float32)) if len(faces) else NOTHING

    def _added(self, kind: str, data: Any, name: str, **attributes: Any) -> Any:
        """Return a new layer; the active one stays so: an active surface looks for the pointer in all its triangles."""
        active = self.viewer.layers.selection.active
        layer = getattr(self.viewer, f"add_{kind}")(data, name=name, **attributes, **IN_ANGSTROM)
        self.viewer.layers.selection.active = active
        return layer

    def _colour(self) -> None:
        """Give what is seen the particles' colours; what is hidden gets them when it is shown again."""
        if not self.length or not len(self._rows):
            return
        colours = self._rgba[self._rows]
        if self._seen == "arrows" and self._is_there(self.arrows) and self.arrows.visible:
            self.arrows.edge_color = np.concatenate([colours, colours])
        elif self._seen == "cones" and self._is_there(self.cones) and self.cones.visible:
            self.cones.vertex_colors = np.repeat(colours, SIDES + 2, axis=0)


def cones(poses: Poses, rows: Rows, length_angstrom: float) -> tuple[Vertices, npt.NDArray[np.int32]]:
    """Return a cone for each of n rows as one surface: vertices (n (SIDES + 2), 3) z, y, x in Å, faces (n · 24, 3).

    The middle of its base is the particle's position, its tip lies along the particle's z axis. Triangles are
    counter-clockwise as seen from outside, in right-handed x, y, z.
    """
    turn = 2 * np.pi * np.arange(SIDES) / SIDES
    ring = np.stack([np.zeros(SIDES), WIDTH * np.sin(turn), WIDTH * np.cos(turn)], axis=1)  # z, y, x
    one = length_angstrom * np.concatenate([[[1.0, 0.0, 0.0]], ring, [[0.0, 0.0, 0.0]]])
    this = 1 + np.arange(SIDES)
    following = 1 + (np.arange(SIDES) + 1) % SIDES
    mantle = np.stack([np.zeros(SIDES, int), this, following], axis=1)
    base = np.stack([np.full(SIDES, SIDES + 1), following, this], axis=1)
    placed = np.einsum("nij,vj->nvi", poses.rotations(rows), one) + poses.position_angstrom[rows][:, None]
    first = len(one) * np.arange(len(rows))
    faces = np.concatenate([mantle, base])[None] + first[:, None, None]
    return placed.reshape(-1, 3).astype(np.float32), faces.reshape(-1, 3).astype(np.int32)
