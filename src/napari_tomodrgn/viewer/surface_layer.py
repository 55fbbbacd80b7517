"""Placed volumes as napari Surface layers: few, opaque, in ångström, and used again for the next tomogram."""

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.viewer.layers import IN_ANGSTROM, TOMOGRAM, tomogram_label
from napari_tomodrgn.viewer.placed_volumes import Batch, PlacedMesh, colour_table, merge

# napari needs a triangle in a layer: this one has no area, and so holds no memory of the last tomogram.
NOTHING = (np.zeros((3, 3), dtype=np.float32), np.array([[0, 1, 2]], dtype=np.int32), np.zeros(3, dtype=np.float32))
IN_A_LAYER = 128  # particles: to draw so many anew takes about the longest that a window may not answer
SHORTEST_PAUSE = 0.3  # seconds between two drawings while surfaces still come in
PAUSE = 5  # times as long as the last drawing took, so that most of the time the window is free


class VolumeLayers:
    """The surfaces of the open tomogram's volumes in a viewer.

    Layers are reused and only their data replaced: napari does not give back the memory of layers that are removed.

    Parameters
    ----------
    viewer
        napari's viewer, or its model.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layers: list[Any] = []
        self._batches: list[Batch] = []
        self._coming: list[PlacedMesh] = []  # of the last batch, which still grows
        self._drawn = 0  # of those
        self._rgba = np.zeros((0, 4), dtype=np.float32)
        self._tomogram = ""
        self._again_at = 0.0

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The particles whose volumes are there, in the order in which they came."""
        rows = [batch.rows for batch in self._batches]
        return np.concatenate([*rows, np.array([each.row for each in self._coming], dtype=np.int64)])

    @property
    def layers(self) -> list[Any]:
        """The layers in use."""
        return self._layers[: len(self._batches) + (self._drawn > 0)]

    def begin(self, tomogram: str, rgba: npt.NDArray[np.floating]) -> None:
        """Take away what is shown, and expect the volumes of a tomogram; colours (N, 4) of all particles of the set."""
        self._tomogram, self._rgba = tomogram, np.asarray(rgba, dtype=np.float32)
        self._batches, self._coming, self._drawn, self._again_at = [], [], 0, 0.0
        self._layers = [layer for layer in self._layers if self._is_there(layer)]
        for layer in self._layers:
            layer.visible = False  # first: new data of one that is seen have napari look at all layers again
            layer.data = NOTHING

    def add(self, placed: PlacedMesh) -> None:
        """Take up one more volume; it is drawn with others, as often as leaves the window free."""
        self._coming.append(placed)
        if len(self._coming) == IN_A_LAYER or time.monotonic() >= self._again_at:
            self.draw()

    def draw(self) -> None:
        """Draw what has come in; to be called at the end too."""
        if len(self._coming) == self._drawn:
            return
        began = time.monotonic()
        batch = merge(self._coming)
        self._show(len(self._batches), batch)
        self._drawn = len(self._coming)
        if self._drawn == IN_A_LAYER:
            self._batches.append(batch)
            self._coming, self._drawn = [], 0
        ended = time.monotonic()
        self._again_at = ended + max(SHORTEST_PAUSE, PAUSE * (ended - began))

    def recolour(self, rgba: npt.NDArray[np.floating]) -> None:
        """Give all volumes the colours (N, 4) of their particles; alpha 0 hides. No geometry is touched."""
        self._rgba = np.asarray(rgba, dtype=np.float32)
        coming = [np.array([each.row for each in self._coming[: self._drawn]], dtype=np.int64)] if self._drawn else []
        for layer, rows in zip(self.layers, [*(batch.rows for batch in self._batches), *coming], strict=True):
            if self._is_there(layer):
                layer.colormap = self._colormap(rows)

    def clear(self) -> None:
        """Take away what is shown."""
        self.begin(self._tomogram, self._rgba)

    def _colormap(self, rows: npt.NDArray[np.int64]) -> Any:
        from napari.utils import Colormap

        table = colour_table(self._rgba[rows])
        return Colormap(table, name="particles", controls=np.linspace(0, 1, len(table) + 1), interpolation="zero")

    def _show(self, number: int, batch: Batch) -> None:
        data = (batch.vertices, batch.faces, batch.numbers) if len(batch.faces) else NOTHING
        name = f"volumes of {tomogram_label(self._tomogram)}" + (f" ({number + 1})" if number else "")
        if number == len(self._layers) or not self._is_there(self._layers[number]):  # or was removed by hand
            self._layers[number : number + 1] = [self._new_layer(data, name, batch)]
            return
        layer = self._layers[number]
        layer.data = data
        layer.contrast_limits_range = layer.contrast_limits = batch.limits
        layer.colormap = self._colormap(batch.rows)
        layer.name, layer.metadata = name, {TOMOGRAM: self._tomogram}
        if not self._drawn:  # later a person may have hidden it
            layer.visible = True

    def _new_layer(self, data: Any, name: str, batch: Batch) -> Any:
        active = self._viewer.layers.selection.active
        layer = self._viewer.add_surface(
            data,
            name=name,
            colormap=self._colormap(batch.rows),
            contrast_limits=batch.limits,
            shading="smooth",
            blending="opaque",
            metadata={TOMOGRAM: self._tomogram},
            **IN_ANGSTROM,
        )
        # an active surface looks for the pointer in each of its triangles whenever the mouse moves
        if active is not None:
            self._viewer.layers.selection.active = active
        else:
            self._viewer.layers.selection.clear()
        return layer

    def _is_there(self, layer: Any) -> bool:
        return any(each.unique_id == layer.unique_id for each in self._viewer.layers)
