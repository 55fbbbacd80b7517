"""How alike the volumes of a set are: correlation and Fourier shell correlation of every pair."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.reconstruction.fsc import correlation, fsc, resolution_at
from napari_tomodrgn.reconstruction.masks import soft_mask

CURVES_FILE = "fsc.csv"
CORRELATIONS_FILE = "correlations.csv"
MASK_FILE = "mask.mrc"
THRESHOLD = 0.5  # where two maps without noise of their own are said to differ

Volumes = Sequence[npt.NDArray[np.floating]]
Mask = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Comparison:
    """The volumes of a set against one another.

    Attributes
    ----------
    curves
        FSC, one row a shell from 1 up to Nyquist or a low-pass, index ``frequency`` in 1/Å; one column a pair, ``a-b``.
    correlations
        (K, K) Pearson correlations.
    masked
        Whether both were computed within one mask around the density of all volumes.
    """

    curves: pd.DataFrame
    correlations: npt.NDArray[np.float64]
    masked: bool

    def resolutions(self) -> npt.NDArray[np.float64]:
        """Return (K, K) where the FSC of each pair falls below 0.5, Å; the end of the curve where it never does."""
        size = len(self.correlations)
        result = np.full((size, size), np.nan)
        if self.curves.empty:
            return result
        box = 2 * len(self.curves)
        pixel_size = 1 / (float(self.curves.index[0]) * box)
        for a, b in combinations(range(size), 2):
            curve = np.concatenate([[1.0], self.curves[f"{a}-{b}"].to_numpy()])
            result[a, b] = result[b, a] = resolution_at(curve, THRESHOLD, pixel_size)
        return result


def common_mask(volumes: Iterable[npt.NDArray[np.floating]]) -> npt.NDArray[np.float32] | None:
    """Return the paper's soft mask (D, D, D) around what any of the volumes shows; ``None`` where none fits the box.

    Volumes are looked at one after the other.
    """
    try:
        return soft_mask(reduce(np.maximum, volumes))
    except InputError:
        return None


def pairwise_fsc(volumes: Volumes, pixel_size: float, mask: Mask | None = None) -> pd.DataFrame:
    """Return the FSC of every pair of volumes (D, D, D), multiplied by ``mask`` where there is one.

    One row a shell from 1 (the first, DC, says nothing), index ``frequency`` in 1/Å; one column a pair, named ``a-b``.
    """
    box = len(volumes[0])
    frequency = pd.Index(np.arange(1, box // 2 + 1) / (box * pixel_size), name="frequency")
    pairs = combinations(range(len(volumes)), 2)
    return pd.DataFrame({f"{a}-{b}": fsc(volumes[a], volumes[b], mask)[1:] for a, b in pairs}, index=frequency)


def pairwise_correlation(volumes: Volumes, mask: Mask | None = None) -> npt.NDArray[np.float64]:
    """Return the Pearson correlation (K, K) of every pair of volumes (D, D, D), weighted by ``mask`` where given."""
    result = np.eye(len(volumes))
    for a, b in combinations(range(len(volumes)), 2):
        result[a, b] = result[b, a] = correlation(volumes[a], volumes[b], mask)
    return result


def write_comparison(folder: Path, volumes: Volumes, pixel_size: float, low_pass: float | None = None) -> None:
    """Write the curves and correlations of all pairs of volumes beside them, and the mask where one fits.

    Shells beyond ``low_pass`` (Å) hold nothing and are left out of the curves.
    """
    mask = common_mask(volumes)
    curves = pairwise_fsc(volumes, pixel_size, mask)
    if low_pass:
        curves = curves[curves.index <= max(1 / low_pass, curves.index[0])]
    with atomic_open(folder / CURVES_FILE) as stream:
        curves.to_csv(stream, float_format="%.6g")
    with atomic_open(folder / CORRELATIONS_FILE) as stream:
        pd.DataFrame(pairwise_correlation(volumes, mask)).to_csv(stream, index=False, float_format="%.6g")
    if mask is None:
        (folder / MASK_FILE).unlink(missing_ok=True)
    else:
        write_map(folder / MASK_FILE, mask, pixel_size, overwrite=True)


def read_comparison(folder: Path) -> Comparison:
    """Return what :func:`write_comparison` wrote."""
    curves = pd.read_csv(folder / CURVES_FILE, index_col="frequency")
    correlations = pd.read_csv(folder / CORRELATIONS_FILE).to_numpy(dtype=np.float64)
    return Comparison(curves, correlations, (folder / MASK_FILE).is_file())
