"""Columns of numbers as star files hold them."""

import numpy as np
import numpy.typing as npt

Columns = dict[str, list[str]]


def numbers(values: npt.NDArray[np.floating], decimals: int) -> list[str]:
    """Return numbers (n,) with a fixed number of decimals."""
    return [f"{value:.{decimals}f}" for value in values.tolist()]


def repeated(value: float, count: int, decimals: int = 3) -> list[str]:
    """Return the same number ``count`` times."""
    return [f"{value:.{decimals}f}"] * count
