"""Labels from thresholds on occupancies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.occupancy.result import Occupancy
from napari_tomodrgn.errors import InputError

MOST = 6
BINS = 256  # of the distribution that a valley is looked for in
HILL = 0.05  # of the highest hill: what rises less above its surroundings is none
_SIDES = 3  # of the distribution's spread that it is smoothed by, left free on either side


@dataclass(frozen=True)
class Threshold:
    """A part is there where its occupancy is at least ``value``."""

    part: str
    value: float


@dataclass(frozen=True)
class Labels:
    """A label for each combination of parts that are there or not.

    Attributes
    ----------
    codes
        (n,) from 0: the sum of 2^i over the thresholds i that are reached.
    names
        What each code means, 2^thresholds of them.
    """

    codes: npt.NDArray[np.int64]
    names: tuple[str, ...]


def parse_thresholds(texts: Sequence[str]) -> tuple[Threshold, ...]:
    """Return thresholds of ``PART=VALUE``; raises one sentence on a text that is none, and on more than six."""
    found = []
    for text in texts:
        part, equals, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not equals or not part or not np.isfinite(number):
            raise InputError(f"--threshold {text}: expected PART=VALUE, as prots1:A=0.5")
        found.append(Threshold(part, number))
    if len(found) > MOST:
        raise InputError(
            f"--threshold: {len(found)} were given, which makes {2 ** len(found)} labels; give at most {MOST}"
        )
    return tuple(found)


def column_of(parts: Sequence[str], wanted: str) -> int:
    """Return the column of a part, by its name or its chain alone where one part only has it.

    Raises
    ------
    InputError
        Where there is none.
    """
    if wanted in parts:
        return list(parts).index(wanted)
    of_chain = [place for place, name in enumerate(parts) if name.rpartition(":")[2] == wanted]
    if len(of_chain) != 1:
        shown = ", ".join(parts[:24]) + (", …" if len(parts) > 24 else "")
        raise InputError(f"--threshold {wanted}: there is no such part; there are {shown}")
    return of_chain[0]


def threshold_labels(occupancy: Occupancy, thresholds: Sequence[Threshold]) -> Labels:
    """Return the label of each volume.

    Raises
    ------
    InputError
        Where a part was not measured.
    """
    columns = [column_of(occupancy.parts, each.part) for each in thresholds]
    reached = occupancy.values[:, columns] >= np.array([each.value for each in thresholds])
    powers = 1 << np.arange(len(columns))
    names = tuple(
        ", ".join(
            f"{occupancy.parts[column]} {'≥' if code >> place & 1 else '<'} {each.value:g}"
            for place, (column, each) in enumerate(zip(columns, thresholds, strict=True))
        )
        for code in range(1 << len(columns))
    )
    return Labels((reached @ powers).astype(np.int64), names)


def valley(values: npt.ArrayLike) -> float | None:
    """Return the lowest place between the two largest hills of a distribution (n,), ``None`` where it has one.

    The distribution is a histogram, smoothed by a Gaussian as wide as Silverman's rule of thumb says (1986, eq. 3.31).
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return None
    quarters = np.percentile(values, (25, 75))
    spread = min(float(values.std()), float(quarters[1] - quarters[0]) / 1.34)
    width = 0.9 * spread * len(values) ** -0.2
    low, high = float(values.min()) - _SIDES * width, float(values.max()) + _SIDES * width
    if not width > 1e-9 * max(abs(low), abs(high)):  # most are one number
        return None
    counts, edges = np.histogram(values, BINS, (low, high))
    density = gaussian_filter1d(counts.astype(np.float64), width / (edges[1] - edges[0]), mode="constant")
    hills, found = find_peaks(density, prominence=HILL * density.max())
    if len(hills) < 2:
        return None
    first, last = np.sort(hills[np.argsort(-found["prominences"], kind="stable")[:2]])
    lowest = first + int(density[first : last + 1].argmin())
    return float((edges[lowest] + edges[lowest + 1]) / 2)
