"""How alike the volumes of a set are: correlation and Fourier shell correlation of every pair."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.reconstruction.fsc import correlation, fsc

CURVES_FILE = "fsc.csv"
CORRELATIONS_FILE = "correlations.csv"


def pairwise_fsc(volumes: Sequence[npt.NDArray[np.floating]], pixel_size: float) -> pd.DataFrame:
    """Return the unmasked FSC of every pair of volumes (D, D, D).

    One row a shell from 1 (the first, DC, says nothing), index ``frequency`` in 1/Å; one column a pair, named ``a-b``.
    """
    box = len(volumes[0])
    frequency = pd.Index(np.arange(1, box // 2 + 1) / (box * pixel_size), name="frequency")
    pairs = combinations(range(len(volumes)), 2)
    return pd.DataFrame({f"{a}-{b}": fsc(volumes[a], volumes[b])[1:] for a, b in pairs}, index=frequency)


def pairwise_correlation(volumes: Sequence[npt.NDArray[np.floating]]) -> npt.NDArray[np.float64]:
    """Return the Pearson correlation (K, K) of every pair of volumes (D, D, D), unmasked."""
    result = np.eye(len(volumes))
    for a, b in combinations(range(len(volumes)), 2):
        result[a, b] = result[b, a] = correlation(volumes[a], volumes[b])
    return result


def write_comparison(folder: Path, volumes: Sequence[npt.NDArray[np.floating]], pixel_size: float) -> None:
    """Write the curves and correlations of all pairs of volumes beside them."""
    with atomic_open(folder / CURVES_FILE) as stream:
        pairwise_fsc(volumes, pixel_size).to_csv(stream, float_format="%.6g")
    with atomic_open(folder / CORRELATIONS_FILE) as stream:
        pd.DataFrame(pairwise_correlation(volumes)).to_csv(stream, index=False, float_format="%.6g")


def read_comparison(folder: Path) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Return the curves and the correlations (K, K) written by :func:`write_comparison`."""
    curves = pd.read_csv(folder / CURVES_FILE, index_col="frequency")
    return curves, pd.read_csv(folder / CORRELATIONS_FILE).to_numpy(dtype=np.float64)
