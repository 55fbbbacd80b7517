"""Three maps of some particles, each made in its own way, the same of the others, and how they agree."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.window import soft_sphere
from napari_tomodrgn.reconstruction.decode import low_pass_volume
from napari_tomodrgn.reconstruction.fsc import corrected_fsc, correlation, fsc, resolution_at
from napari_tomodrgn.reconstruction.masks import soft_mask

FloatMap = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]

VAE, DECODER_ONLY, BACKPROJECTION = "vae", "decoder_only", "backprojection"
ORIGINS = {
    VAE: "decoded by the VAE",
    DECODER_ONLY: "decoder-only",
    BACKPROJECTION: "averaged by backprojection",
}
HALF_MAPS = 0.143
# The paper's mask in a box of 64 px, and narrower ones for a particle that fills its box.
WIDTHS = ((3.0, 10.0), (2.0, 5.0), (1.0, 1.0))


@dataclass(frozen=True)
class Pair:
    """One way's map of the chosen particles and of the others, (D, D, D) each, in the frame of the poses."""

    chosen: FloatMap
    others: FloatMap

    @property
    def difference(self) -> FloatMap:
        """Chosen less others."""
        return self.chosen - self.others


@dataclass(frozen=True)
class Mask:
    """A soft mask (D, D, D), and its growth and edge, px; ``None`` where only a soft sphere fits the box."""

    values: FloatMap
    widths: tuple[float, float] | None


@dataclass(frozen=True)
class Maps:
    """What the three ways say.

    Attributes
    ----------
    pairs
        By way, in the order VAE, decoder-only (where it was trained), backprojection.
    half_1, half_2
        Backprojections of two halves of the chosen particles.
    mask
        Soft, around what the VAE shows of the chosen particles and of the others.
    pixel_size
        Å per voxel.
    """

    pairs: dict[str, Pair]
    half_1: FloatMap
    half_2: FloatMap
    mask: "Mask"
    pixel_size: float

    @cached_property
    def half_curve(self) -> Curve:
        """(D/2 + 1,) FSC of the half-maps, in the mask and corrected for it; of the whole maps where none fits."""
        if self.mask.widths is None:
            return fsc(self.half_1, self.half_2)
        return corrected_fsc(self.half_1, self.half_2, self.mask.values)

    @property
    def resolution(self) -> float:
        """Where the FSC of the half-maps falls below 0.143, Å: of the backprojection of the chosen particles."""
        return resolution_at(self.half_curve, HALF_MAPS, self.pixel_size)

    @property
    def cutoff(self) -> float:
        """What differences are low-passed to, Å: the resolution, and no coarser than a quarter of the box."""
        box = len(self.mask.values) * self.pixel_size
        return float(np.clip(self.resolution, 2 * self.pixel_size, box / 4))

    def curves(self) -> dict[str, Curve]:
        """Return FSC curves (D/2 + 1,): of every two ways' maps of the chosen particles, and of the half-maps."""
        of_pairs = {
            f"{one}-{other}": fsc(self.pairs[one].chosen, self.pairs[other].chosen, self.mask.values)
            for one, other in combinations(self.pairs, 2)
        }
        return {**of_pairs, "half_maps": fsc(self.half_1, self.half_2), "half_maps_corrected": self.half_curve}

    def correlations(self) -> dict[str, float]:
        """Return the correlation of every two ways' maps in the mask."""
        return {
            f"{one}-{other}": correlation(self.pairs[one].chosen, self.pairs[other].chosen, self.mask.values)
            for one, other in combinations(self.pairs, 2)
        }

    @cached_property
    def low_passed_differences(self) -> dict[str, FloatMap]:
        """Return each way's difference within the mask, low-passed to the cutoff."""
        return {
            way: low_pass_volume(pair.difference * self.mask.values, self.pixel_size, self.cutoff)
            for way, pair in self.pairs.items()
        }

    def difference_correlations(self) -> dict[str, float]:
        """Return the correlation of every two ways' low-passed differences in the mask."""
        differences = self.low_passed_differences
        return {
            f"{one}-{other}": correlation(differences[one], differences[other], self.mask.values)
            for one, other in combinations(differences, 2)
        }


def mask_around(volumes: list[FloatMap]) -> Mask:
    """Return the widest of a few soft masks around what any volume (D, D, D) shows that fits the box.

    Widths are the paper's at a box of 64 px, in proportion at others.
    """
    joined = np.max(np.stack(volumes), axis=0)
    for dilate, edge in WIDTHS:
        widths = tuple(max(1.0, round(each * len(joined) / 64)) for each in (dilate, edge))
        try:
            return Mask(soft_mask(joined, dilate=widths[0], edge=widths[1]), (widths[0], widths[1]))
        except InputError:
            continue
    return Mask(soft_sphere(len(joined)).numpy(), None)
