"""Lines between neighbours in the open tomogram: chains, and from each particle to its nearest.

Vectors layers, as these take 10,000 lines in 0.1 s where Shapes take minutes. There is one of each kind, whose data are
replaced when another tomogram is opened: layers that are removed keep their memory. What stands at either end of a line
is shown as a point: lines of classes that are hidden are hidden, too.
"""

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.analysis.spatial.places import Floats, Integers
from napari_tomodrgn.viewer.colouring import Colours, colour_by, palette
from napari_tomodrgn.viewer.layers import IN_ANGSTROM, TOMOGRAM
from napari_tomodrgn.viewer.neighbour_view import By, Kind, NeighbourStyle
from napari_tomodrgn.viewer.scene import MODIFIERS, NEAR_PX, Scene
from napari_tomodrgn.viewer.session import How, Rows
from napari_tomodrgn.viewer.spatial_context import SpatialContext

LAYERS: dict[Kind, str] = {"chains": "chains", "nearest": "nearest neighbours"}
WIDTH: dict[Kind, float] = {"chains": 0.3, "nearest": 0.1}  # of a point's diameter
GREY = (0.72, 0.72, 0.72, 1.0)
MOST_COLOURS = 48  # of chains; after them they come again
REACH_PX = 6.0  # from a line that a click may be
NO_EDGES = np.zeros((0, 2), np.int64)


class NeighbourLinks:
    """The layers in a scene's viewer, and what a click on a line does.

    Attributes
    ----------
    scene, context
        Where the particles are shown, and the result that the lines are of.
    edges
        (E, 2) rows of the particles that each line joins, of each kind that is drawn.
    """

    changed = Signal()  # what is shown, or its colours

    def __init__(self, scene: Scene, context: SpatialContext) -> None:
        self.scene, self.context = scene, context
        self._style = scene.session.neighbours.style
        self.edges: dict[Kind, Integers] = dict.fromkeys(get_args(Kind), NO_EDGES)
        self._places: Integers = np.zeros(0, np.int64)  # of the chain of each line
        self._layers: dict[Kind, Any] = {}
        self._drawn: Rows = scene.rows  # the points when lines were drawn last
        session = scene.session
        for signal in (session.data_changed, session.tomogram_changed, session.columns_changed):
            signal.connect(self._draw)
        session.colouring_changed.connect(self._follow_points)
        session.neighbours.changed.connect(self._restyle)
        context.changed.connect(self._draw)
        scene.viewer.mouse_drag_callbacks.append(self._clicked)
        self._draw()

    def show(self, kind: Kind, shown: bool) -> None:
        """Show lines of a kind, or not."""
        self.scene.session.neighbours.set(**{kind: shown})

    def colour_by(self, by: By) -> None:
        """Give each chain a colour of its own, or one by its length."""
        self.scene.session.neighbours.set(by=by)

    @property
    def style(self) -> NeighbourStyle:
        """Which kinds are wanted, and what gives chains their colour."""
        return self._style

    def _restyle(self) -> None:
        before, self._style = self._style, self.scene.session.neighbours.style
        self._draw()
        for kind in LAYERS:
            layer, shown = self._layer(kind), getattr(self._style, kind)
            if layer is not None and shown != getattr(before, kind):
                layer.visible = shown
        self.changed.emit()

    # drawing

    def _layer(self, kind: Kind) -> Any:
        """Return the layer of a kind, ``None`` where there is none yet, or a person removed it."""
        layer = self._layers.get(kind)
        return layer if layer is not None and layer in self.scene.viewer.layers else None

    def _follow_points(self) -> None:
        """Draw anew where classes were hidden or are seen again."""
        if not np.array_equal(self.scene.rows, self._drawn):
            self._draw()

    def _draw(self) -> None:
        if self.scene.viewer is None:
            return
        self._drawn = self.scene.rows
        for kind in LAYERS:
            self._draw_kind(kind)

    def _draw_kind(self, kind: Kind) -> None:
        edges, colours = self._lines(kind) if getattr(self._style, kind) else (NO_EDGES, np.zeros((0, 4), np.float32))
        self.edges[kind] = edges
        layer = self._layer(kind)
        if layer is None and not len(edges):
            return
        if layer is None:
            layer = self._layers[kind] = self._added(kind)
        particle_set = self.scene.session.particle_set
        assert particle_set is not None
        place = particle_set.particles[["z", "y", "x"]].to_numpy(np.float32)
        start, end = (place[edges[:, which]] for which in (0, 1))
        layer.data = np.stack([start, end - start], axis=1)
        layer.edge_width = WIDTH[kind] * self.scene.diameter
        layer.metadata = {TOMOGRAM: self.scene.session.tomogram}
        if len(edges):  # napari takes no colours for no lines
            layer.edge_color = colours

    def _added(self, kind: Kind) -> Any:
        """Return a new layer; the active one stays so."""
        layers = self.scene.viewer.layers
        active = layers.selection.active
        layer = self.scene.viewer.add_vectors(
            np.zeros((0, 2, 3), np.float32), name=LAYERS[kind], vector_style="line", length=1,
            projection_mode="all", **IN_ANGSTROM,
        )  # fmt: skip
        layers.selection.active = active
        return layer

    def _lines(self, kind: Kind) -> tuple[Integers, Colours]:
        """Return the lines (E, 2) of a kind whose ends are seen, and their colours (E, 4)."""
        found = self.context.found
        if found is None or len(found.known) != len(self.scene.session):
            self._places = np.zeros(0, np.int64)
            return NO_EDGES, np.zeros((0, 4), np.float32)
        seen = np.zeros(len(found.known), dtype=bool)
        seen[self.scene.rows] = True
        if kind == "nearest":
            edges = found.links[found.rank == 1]
            edges = edges[seen[edges].all(axis=1)]
            return edges, np.broadcast_to(np.array(GREY, np.float32), (len(edges), 4))
        chains = found.chains
        if chains is None:
            self._places = np.zeros(0, np.int64)
            return NO_EDGES, np.zeros((0, 4), np.float32)
        here = seen[chains.edges].all(axis=1)
        self._places = np.searchsorted(chains.numbers, chains.number[here])
        return chains.edges[here], self.chain_colours()[self._places]

    def chain_colours(self) -> Colours:
        """Return the colour (C, 4) of each chain of the result."""
        chains = None if self.context.found is None else self.context.found.chains
        if chains is None or not len(chains.numbers):
            return np.zeros((0, 4), np.float32)
        if self._style.by == "length":
            lengths = chains.lengths.astype(np.float64)
            return colour_by(Numbers(lengths), limits=(float(lengths.min()), float(lengths.max()))).rgba
        table = np.array(palette(min(len(chains.numbers), MOST_COLOURS)), np.float32)
        return table[np.arange(len(chains.numbers)) % len(table)]

    # clicks

    def _clicked(self, viewer: Any, event: Any) -> Iterator[None]:
        """Select the particles of a chain that is clicked while the camera has the mouse; particles go before lines."""
        active = self.scene.viewer.layers.selection.active
        mode = "pan_zoom" if active is None else str(getattr(active, "mode", "pan_zoom"))
        if self.scene.painting or event.button != 1 or mode != "pan_zoom":
            return
        pressed = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.array(event.pos) - pressed).max() > NEAR_PX:
            return
        if self.scene.row_at(event.position, event.view_direction) is not None:
            return
        place = self.chain_at(event.position, event.view_direction)
        if place is not None:
            held = [str(getattr(each, "name", each)) for each in event.modifiers]
            how: How = next((MODIFIERS[each] for each in held if each in MODIFIERS), "replace")
            self.context.select_chains([place], how)

    def chain_at(self, position: Any, view_direction: Any | None) -> int | None:
        """Return the chain whose line is seen at a position (world coordinates), ``None`` where none is.

        In 3D the lines are looked at along the view's direction, in 2D across the slice.
        """
        layer = self._layer("chains")
        edges, particle_set = self.edges["chains"], self.scene.session.particle_set
        if layer is None or not layer.visible or not len(edges) or particle_set is None:
            return None
        viewer = self.scene.viewer
        place = particle_set.particles[["z", "y", "x"]].to_numpy(np.float64)
        start, end = (place[edges[:, which]] - np.asarray(position, np.float64)[-3:] for which in (0, 1))
        lines = np.arange(len(edges))
        if view_direction is None:
            across = viewer.dims.not_displayed[-1]
            direction = np.eye(3)[across]
            lines = np.flatnonzero(np.abs(start[:, across]) <= viewer.dims.thickness[across] / 2)
        else:
            direction = np.asarray(view_direction, np.float64)[-3:]
        if not len(lines):
            return None
        flat = (_across(each[lines], direction) for each in (start, end))
        distance = _to_segments(*flat)
        nearest = int(distance.argmin())
        reach = max(REACH_PX / viewer.scene.camera.zoom, layer.edge_width / 2)
        return int(self._places[lines[nearest]]) if distance[nearest] <= reach else None


def _across(points: Floats, direction: Floats) -> Floats:
    """Return points (n, 3) as they are seen along a direction: without their part along it."""
    unit = direction / np.linalg.norm(direction)
    return np.asarray(points - (points @ unit)[:, None] * unit)


def _to_segments(start: Floats, end: Floats) -> npt.NDArray[np.float64]:
    """Return (n,) how far the origin is from segments between two points (n, 3) each."""
    along = end - start
    squared = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.clip(-(start * along).sum(axis=1) / squared, 0, 1)
    return np.asarray(np.linalg.norm(start + share[:, None] * along, axis=1))
