"""Volumes at their poses in one colouring: those that matter, and behind them the others, grey and coarse."""

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.viewer.placed_volumes import PlacedMesh
from napari_tomodrgn.viewer.surface_layer import Bounds, VolumeLayers

FRAME = (0.5, 0.5, 0.55, 1.0)


class PlacedView:
    """Two kinds of layers, so that either can be hidden by itself.

    Parameters
    ----------
    viewer
        napari's viewer, or its model.
    beside
        Whether this is the second view, at the end of the list of layers.
    """

    def __init__(self, viewer: Any, *, beside: bool = False) -> None:
        ending = " beside" if beside else ""
        self.main = VolumeLayers(viewer, "volumes of {}" + ending, beside=beside)
        self.others = VolumeLayers(viewer, "others of {}" + ending, beside=beside)
        self._groups = (self.main, self.others)

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The particles whose volumes have come."""
        return np.concatenate([group.rows for group in self._groups])

    @property
    def layers(self) -> list[Any]:
        """The layers in use."""
        return [layer for group in self._groups for layer in group.layers]

    @property
    def waiting(self) -> bool:
        """Whether there is something to draw."""
        return any(group.waiting for group in self._groups)

    @property
    def full(self) -> bool:
        """Whether a whole layer waits to be drawn."""
        return any(group.full for group in self._groups)

    def begin(self, tomogram: str, rgba: npt.NDArray[np.floating], bounds: Bounds) -> None:
        """Take away what is shown, and expect others; see :meth:`VolumeLayers.begin`."""
        for group in self._groups:
            group.begin(tomogram, rgba, bounds)

    def add(self, placed: PlacedMesh) -> None:
        """Take up one more volume, to be drawn later."""
        (self.others if placed.coarse else self.main).add(placed)

    def draw(self) -> None:
        """Draw a part of what has come in, see :meth:`VolumeLayers.draw`."""
        for group in self._groups:
            if group.waiting:
                group.draw()
                return

    def frame(self, shown: bool) -> None:
        """Show the edges of the box that all volumes lie in, or hide them."""
        for number, layer in enumerate(self.main.layers):
            box = layer.bounding_box
            box.points, box.line_color = False, FRAME
            box.visible = shown and number == 0

    def recolour(self, rgba: npt.NDArray[np.floating]) -> None:
        """Give all volumes the colours (N, 4) of their particles."""
        for group in self._groups:
            group.recolour(rgba)

    def clear(self) -> None:
        """Take away what is shown."""
        for group in self._groups:
            group.clear()
