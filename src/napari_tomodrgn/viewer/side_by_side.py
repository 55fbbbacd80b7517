"""Two views beside each other, with one camera: napari's grid, in which some layers at the end are the second view."""

from typing import Any

BESIDE = "beside"  # the metadata key of layers that belong to the second view
GAP_PX = 4
# the grid as napari has it where no one asked for another
STRIDE, SHAPE, SPACING = 1, (-1, -1), 0.0


def is_beside(layer: Any) -> bool:
    """Return whether a layer belongs to the second view."""
    return bool(layer.metadata.get(BESIDE))


def first_beside(layers: Any) -> int:
    """Return where in napari's list the layers of the second view begin, its length where there are none."""
    return next((number for number, layer in enumerate(layers) if is_beside(layer)), len(layers))


class SideBySide:
    """Shows the layers of the second view beside all others, while there are any to see.

    napari puts as many layers as its grid's stride says into each field, in the order of the list. So layers of the
    second view stand at the end, and the stride counts those before: at least as many, as each has one like it there.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.shown = False
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.connect(self._arrange)

    def disconnect(self) -> None:
        """Leave napari's list of layers alone from now on."""
        self.shown = False
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.disconnect(self._arrange)

    def show(self, shown: bool) -> None:
        """Show both views, or the first alone."""
        if shown != self.shown:
            self.shown = shown
            grid = self._viewer.canvas.grid
            if shown:
                self._arrange()
                grid.shape, grid.spacing = (1, 2), GAP_PX
            else:
                grid.stride, grid.shape, grid.spacing = STRIDE, SHAPE, SPACING
            grid.enabled = shown

    def _arrange(self, event: Any = None) -> None:
        if not self.shown:
            return
        layers = self._viewer.layers
        late = [number for number in range(first_beside(layers), len(layers)) if not is_beside(layers[number])]
        if late:  # what was added after them; moving it has napari tell of another order
            layers.move_multiple(late, first_beside(layers))
            return
        self._viewer.canvas.grid.stride = max(first_beside(layers), 1)
