"""Placed volumes as napari Surface layers: few, opaque, in ångström, and used again for the next tomogram."""

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.viewer.layers import IN_ANGSTROM, TOMOGRAM, tomogram_label
from napari_tomodrgn.viewer.placed_volumes import MOST_IN_BATCH, Batch, PlacedMesh, Rows, colour_table, merge
from napari_tomodrgn.viewer.side_by_side import BESIDE, first_beside

FACES_IN_A_LAYER = 192_000  # to give it so many anew takes half a tenth of a second: napari works their normals out
Bounds = npt.NDArray[np.floating]


class VolumeLayers:
    """The surfaces of the open tomogram's volumes in a viewer.

    Layers are reused and only their data replaced: napari does not give back the memory of layers that are removed.
    Whenever what there is to see becomes larger, napari looks at every layer again, which for surfaces is slow. So
    each layer reaches to the bounds of all that will come from the beginning, by two vertices that no triangle has.

    Parameters
    ----------
    viewer
        napari's viewer, or its model.
    called
        What layers are called, with ``{}`` for the tomogram's name.
    beside
        Whether these are of a second view, see :mod:`side_by_side`.
    """

    def __init__(self, viewer: Any, called: str = "volumes of {}", *, beside: bool = False) -> None:
        self._viewer, self._called, self._beside = viewer, called, beside
        self._layers: list[Any] = []
        self._batches: list[list[PlacedMesh]] = []  # one a layer; the last still grows
        self._drawn: list[int] = []  # how many of each are
        self._faces = 0  # of the last batch
        self._rgba = np.zeros((0, 4), dtype=np.float32)
        self._bounds: Bounds = np.zeros((2, 3), dtype=np.float32)
        self._tomogram = ""

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The particles whose volumes have come, in the order in which they did."""
        return _rows([each for batch in self._batches for each in batch])

    @property
    def layers(self) -> list[Any]:
        """The layers in use."""
        return [layer for layer, drawn in zip(self._layers, self._drawn, strict=False) if drawn]

    @property
    def full(self) -> bool:
        """Whether a whole layer waits to be drawn."""
        return len(self._batches) > 1 and self._drawn[-2] < len(self._batches[-2])

    def begin(self, tomogram: str, rgba: npt.NDArray[np.floating], bounds: Bounds) -> None:
        """Take away what is shown, and expect the volumes of a tomogram.

        Parameters
        ----------
        tomogram
            Its name.
        rgba
            (N, 4) colours of all particles of the set.
        bounds
            (2, 3) z, y, x in Å: between which volumes will lie.
        """
        self._tomogram, self._rgba = tomogram, np.asarray(rgba, dtype=np.float32)
        self._bounds = np.asarray(bounds, dtype=np.float32)
        self._batches, self._drawn, self._faces = [], [], 0
        self._layers = [layer for layer in self._layers if self._is_there(layer)]
        for layer in self._layers:
            layer.visible = False
        for layer in self._layers:
            layer.data = self._data(None)
            layer.translate = layer.translate  # or what is hidden would be taken to reach as far as it did

    def add(self, placed: PlacedMesh) -> None:
        """Take up one more volume, to be drawn later."""
        faces = len(placed.faces)
        if (
            not self._batches
            or self._faces + faces > FACES_IN_A_LAYER
            or len(self._batches[-1]) == MOST_IN_BATCH
        ):  # fmt: skip
            self._batches.append([])
            self._drawn.append(0)
            self._faces = 0
        self._batches[-1].append(placed)
        self._faces += faces

    @property
    def waiting(self) -> bool:
        """Whether there is something to draw."""
        return self._drawn != list(map(len, self._batches))

    def draw(self) -> None:
        """Draw a part of what has come in: as much as does not keep the window for longer than a tenth of a second."""
        for number, batch in enumerate(self._batches):
            if self._drawn[number] == len(batch):
                continue
            if number == len(self._layers) or not self._is_there(self._layers[number]):  # or was removed by hand
                self._layers[number : number + 1] = [self._new_layer(number)]
                self._drawn[number] = 0
            else:
                self._show(number)
            return

    def recolour(self, rgba: npt.NDArray[np.floating]) -> None:
        """Give all volumes the colours (N, 4) of their particles; alpha 0 hides. No geometry is touched."""
        self._rgba = np.asarray(rgba, dtype=np.float32)
        for number, (layer, drawn) in enumerate(zip(self._layers, self._drawn, strict=False)):
            if drawn and self._is_there(layer):
                layer.colormap = self._colormap(_rows(self._batches[number][:drawn]))

    def clear(self) -> None:
        """Take away what is shown."""
        self.begin(self._tomogram, self._rgba, np.zeros((2, 3)))

    def _colormap(self, rows: Rows) -> Any:
        from napari.utils import Colormap

        table = colour_table(self._rgba[rows])
        return Colormap(table, name="particles", controls=np.linspace(0, 1, len(table) + 1), interpolation="zero")

    def _data(self, batch: Batch | None) -> tuple[npt.NDArray[Any], ...]:
        """Return vertices, faces and values for napari: after the surfaces' own the bounds."""
        if batch is None or not len(batch.faces):
            # napari needs a triangle in a layer: this one has no area, and holds no memory of the last tomogram
            return self._bounds, np.array([[0, 1, 1]], dtype=np.int32), np.zeros(2, dtype=np.float32)
        numbers = np.concatenate([batch.numbers, np.zeros(2, dtype=np.float32)])
        return np.concatenate([batch.vertices, self._bounds]), batch.faces, numbers

    def _name(self, number: int) -> str:
        return self._called.format(tomogram_label(self._tomogram)) + (f" ({number + 1})" if number else "")

    def _show(self, number: int) -> None:
        layer, batch = self._layers[number], merge(self._batches[number])
        layer.data = self._data(batch)
        layer.contrast_limits_range = layer.contrast_limits = batch.limits
        layer.colormap = self._colormap(batch.rows)
        layer.name, layer.metadata = self._name(number), {**layer.metadata, TOMOGRAM: self._tomogram}
        if not self._drawn[number]:  # later a person may have hidden it
            layer.visible = True
        self._drawn[number] = len(batch.rows)

    def _new_layer(self, number: int) -> Any:
        """Return a layer in which there is nothing yet: that napari makes one takes as long as to fill it."""
        from napari.layers import Surface

        layers = self._viewer.layers
        active = layers.selection.active
        layer = Surface(
            self._data(None),
            name=self._name(number),
            shading="smooth",
            blending="opaque",
            visible=False,
            metadata={TOMOGRAM: self._tomogram, BESIDE: self._beside},
            **IN_ANGSTROM,
        )
        layers.insert(len(layers) if self._beside else first_beside(layers), layer)
        # an active surface looks for the pointer in each of its triangles whenever the mouse moves
        if active is not None:
            layers.selection.active = active
        else:
            layers.selection.clear()
        return layer

    def _is_there(self, layer: Any) -> bool:
        return any(each.unique_id == layer.unique_id for each in self._viewer.layers)


def _rows(placed: list[PlacedMesh]) -> Rows:
    return np.array([each.row for each in placed], dtype=np.int64)
