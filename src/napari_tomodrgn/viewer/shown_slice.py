"""Which slices the sliders stop at, and how far particles may lie from one to be seen in it."""

from typing import Any
from weakref import ref


class ShownSlice:
    """Keeps the step of a viewer's sliders, which napari takes from the finest of all layers: 1 Å, that of points.

    Attributes
    ----------
    step
        Å from one slice to the next; ``None`` leaves the sliders as napari has them.
    thickness
        Å, of what is seen of points, arrows and surfaces in 2D; a person may change it in napari.
    """

    def __init__(self, viewer: Any) -> None:
        viewer = getattr(viewer, "__wrapped__", viewer)
        self._viewer = ref(viewer)
        self.step: float | None = None
        self.thickness = 0.0
        viewer.dims.events.range.connect(self._keep)
        viewer.dims.events.ndim.connect(self._thicken)  # an axis that is new, with the first layer, has no thickness

    def take(self, step: float | None, thickness: float) -> None:
        """Go by other steps, and show what lies within another thickness about a slice."""
        self.step = step
        self._keep()
        if thickness != self.thickness:
            self.thickness = thickness
            self._thicken()

    def _thicken(self, _: Any = None) -> None:
        viewer = self._viewer()
        if viewer is not None and self.thickness:
            viewer.dims.thickness = (self.thickness,) * viewer.dims.ndim

    def _keep(self, _: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None or self.step is None or viewer.dims.ndim != 3:
            return
        ranges = tuple((start, stop, self.step) for start, stop, _ in viewer.dims.range)
        if ranges != tuple(tuple(each) for each in viewer.dims.range):
            point = viewer.dims.point
            viewer.dims.range = ranges
            viewer.dims.point = point  # the slider kept its number of steps, which are others now
