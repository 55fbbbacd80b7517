"""How tomograms are looked at: the version, its contrast, and the average of neighbouring slices."""

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.layers import LayerData, image_layer
from napari_tomodrgn.viewer.mrc_volume import CUT, Volume, contrast_limits
from napari_tomodrgn.viewer.slab import Averages, SlabVolume
from napari_tomodrgn.viewer.tomogram_files import RAW
from napari_tomodrgn.viewer.tomogram_view import OpenedTomogram

SMALLEST, LARGEST = 64, 256  # px, side of what the contrast of averages is taken of
MOST_VOXELS = 800_000  # that are read of each average for it

Limits = tuple[float, float]


@dataclass(frozen=True)
class TomogramLook:
    """How tomograms are looked at.

    Attributes
    ----------
    version
        Which of a tomogram's files is shown where there is a choice.
    inverted
        Whether high values are shown dark.
    half
        Slices averaged on either side of the one that is looked at.
    low_pass
        Å at which the shown slab keeps half its amplitude; 0: all of it.
    percent
        Of the voxels that are black, and as many white.
    auto
        Whether the contrast is taken anew of each file and slab; else it stays as it is.
    """

    version: str = RAW
    inverted: bool = False
    half: int = 0
    low_pass: float = 0.0
    percent: float = CUT
    auto: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Any) -> "TomogramLook":
        """Return what :meth:`as_dict` gave.

        Raises
        ------
        InputError
            Where it has another form.
        """
        try:
            return TypeAdapter(cls).validate_python(document)
        except ValidationError as error:
            raise InputError(
                f"look of tomograms: could not be read ({error.errors()[0]['msg']}); set it again"
            ) from error

    @property
    def colormap(self) -> str:
        """The name of napari's colour map."""
        return "gray_r" if self.inverted else "gray"

    def _slab(self, values: Volume, pixel_size: float | None, averages: Averages | None) -> Volume:
        low_pass = self.low_pass if self.low_pass and pixel_size else None
        if not self.half and low_pass is None:
            return values
        return SlabVolume(values, self.half, low_pass, pixel_size, averages)

    def layer(self, opened: OpenedTomogram, averages: Averages | None = None) -> LayerData:
        """Return a tomogram as it is looked at; averages that take long are asked of ``averages``."""
        values = self._slab(opened.file.values, opened.pixel_size, averages)
        data, attributes, kind = image_layer(
            opened.file.path.stem,
            values,
            opened.pixel_size,
            inverted=self.inverted,
            contrast_limits=self.contrast(opened),
            projection_mode="none",
        )
        return data, {**attributes, "metadata": opened.layer[1]["metadata"]}, kind

    def contrast(self, opened: OpenedTomogram) -> Limits:
        """Return what is black and what is white of what is looked at."""
        values = opened.file.values
        if self.half or self.low_pass:
            reach = min(max(int((MOST_VOXELS / (2 * self.half + 1)) ** 0.5), SMALLEST), LARGEST) // 2
            across = (slice(max(0, length // 2 - reach), length // 2 + reach) for length in values.shape[1:])
            values = self._slab(values[(slice(None), *across)], opened.pixel_size, None)
        return contrast_limits(values, self.percent)
