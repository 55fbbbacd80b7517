"""What lies over the scene: a scale bar in nm, and axes."""

import math
from typing import Any
from weakref import ref

from psygnal import Signal

BAR_PX = 150  # longest
BAR_TEXT = "napari_tomodrgn_scale_bar"  # the name of the overlay with the bar's length in nm
TEXT_SIZE = 12.0  # points
NO_TEXT_SIZES = (0.1, 0.11)
OWN_TEXT_SIZE = 10.0  # of napari's bar
ANGSTROM_PER_NM = 10.0


def bar_length(longest_nm: float) -> float:
    """Return the longest of 1, 2 and 5 times powers of ten that is not longer, in nm."""
    power = 10.0 ** math.floor(math.log10(longest_nm))
    return power * max(each for each in (1, 2, 5) if each * power <= longest_nm * (1 + 1e-9))


def length_text(nm: float) -> str:
    """Return a length as it is written beside a bar."""
    return f"{nm / 1000:g} µm" if nm >= 1000 else f"{nm:g} nm"


class Overlays:
    """The overlays of a viewer.

    napari's own scale bar of layers in ångström would say 2 kÅ for 200 nm, and has no other unit. So its length is set
    here, and a text above it says what it is; where layers are in another unit it is left as it is.
    """

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        from napari.components.overlays import TextOverlay

        viewer = getattr(viewer, "__wrapped__", viewer)
        self._viewer = ref(viewer)
        overlays = viewer.canvas.overlays
        if BAR_TEXT not in overlays:
            text = TextOverlay(font_size=TEXT_SIZE, position=overlays["scale_bar"].position)
            text.order = overlays["scale_bar"].order - 1
            overlays[BAR_TEXT] = text
        self._bar, self._text, self._axes = overlays["scale_bar"], overlays[BAR_TEXT], overlays["axes"]
        self._bar.events.visible.connect(self._show_bar)
        for overlay in (self._bar, self._axes):
            overlay.events.visible.connect(self._tell)  # also where it was done in napari's own menu
        viewer.scene.camera.events.zoom.connect(self._show_bar)
        viewer.layers.events.inserted.connect(self._show_bar)
        viewer.layers.events.removed.connect(self._show_bar)

    @property
    def scale_bar(self) -> bool:
        """Whether there is a scale bar."""
        return bool(self._bar.visible)

    @scale_bar.setter
    def scale_bar(self, shown: bool) -> None:
        self._bar.visible = shown

    @property
    def axes(self) -> bool:
        """Whether there are axes in a corner."""
        return bool(self._axes.visible)

    @axes.setter
    def axes(self, shown: bool) -> None:
        self._axes.visible = shown

    def _tell(self) -> None:
        self.changed.emit()

    def _show_bar(self, _: Any = None) -> None:
        """Give the bar a round length in nm, and its text."""
        viewer = self._viewer()
        if viewer is None:
            return
        units = viewer.layers.units if len(viewer.layers) else None
        in_angstrom = units is not None and str(units[-1]) == "angstrom"
        self._text.visible = self._bar.visible and in_angstrom
        if not self._bar.visible:
            return
        if in_angstrom:
            nm = bar_length(BAR_PX / viewer.scene.camera.zoom / ANGSTROM_PER_NM)
            self._text.text = length_text(nm)
            self._bar.length = nm * ANGSTROM_PER_NM
            # another length alone is not drawn where the bar has heard of the zoom already; another size of text is
            self._bar.font_size = NO_TEXT_SIZES[self._bar.font_size == NO_TEXT_SIZES[0]]
        elif self._bar.length is not None:
            self._bar.length = None
            self._bar.font_size = OWN_TEXT_SIZE

    def as_dict(self) -> dict[str, bool]:
        """Return what is shown, as plain values for JSON."""
        return {"scale_bar": self.scale_bar, "axes": self.axes}
