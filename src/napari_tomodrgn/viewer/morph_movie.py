"""Pictures of the volumes along a way through latent space, as the Volumes widget shows them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.latent_paths import LatentPath
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.shaded import PLAIN, Matrix, Picture
from napari_tomodrgn.figures.surface_frames import labelled, scale_for, stretched
from napari_tomodrgn.viewer.meshes import Look
from napari_tomodrgn.viewer.volume_panel import VolumePanel, shown_of
from napari_tomodrgn.viewer.volume_picture import beside_slices, surface_picture
from napari_tomodrgn.viewer.volume_source import VolumeSource


@dataclass(frozen=True)
class MorphMovie:
    """What is needed to draw any place on a way, in any thread, whatever a person does meanwhile.

    Attributes
    ----------
    source, look
        Of the volumes.
    path
        The way.
    turn, slices
        As :class:`VolumePanel` has them.
    side
        Of the pictures, px.
    labelled
        Whether a scale bar and the place on the way are written in them.
    """

    source: VolumeSource
    look: Look
    path: LatentPath
    turn: Matrix
    slices: bool
    side: int
    labelled: bool = True

    @classmethod
    def of(cls, panel: VolumePanel, side: int, *, labelled: bool = True) -> "MorphMovie":
        """Return the movie of the way that was chosen last.

        Raises
        ------
        InputError
            Where none was, or there is no run.
        """
        source = panel.source()
        if panel.path is None:
            raise InputError("morph: no way is chosen yet; choose one in the Volumes widget, or move its slider")
        return cls(source, panel.look(source), panel.path, panel.turn, panel.slices, side, labelled)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        return self.side, self.side + (self.side // 3 if self.slices else 0)

    def picture(self, share: float) -> Picture:
        """Return the picture (H, W, 3) at a share of the way."""
        shown = shown_of(self.source, self.path.at(share), self.look, f"{self.path.name}, {share:.0%}")
        box = len(shown.volume)
        surface = surface_picture(shown.clean(), self.turn, PLAIN, scale_for(self.side, box))
        picture = stretched(surface, self.side)
        if self.labelled:
            picture = labelled(picture, shown.caption, self.side / (box * shown.pixel_size))
        return beside_slices(picture, shown.volume) if self.slices else picture

    def frames(self, count: int, *, back: bool = True) -> Iterator[Picture]:
        """Yield pictures from one end of the way to the other, and ``back``."""
        for share in shares(count, back=back):
            yield self.picture(float(share))


def shares(count: int, *, back: bool) -> npt.NDArray[np.float64]:
    """Return the places of ``count`` pictures on a way, ``back`` to where the first one follows again."""
    if not back:
        return np.linspace(0, 1, count)
    return 1 - np.abs(1 - 2 * np.arange(count) / count)
