"""Numbers as they are plotted: lines, marks and clouds of points in one plane. No Qt."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.viewer.frame import Range, range_of

Values = npt.NDArray[np.floating]
Rgb = tuple[float, float, float]
BLUE, ORANGE, GREEN, GREY = (0.34, 0.71, 0.91), (0.90, 0.62, 0.0), (0.0, 0.62, 0.45), (0.55, 0.55, 0.55)


@dataclass(frozen=True)
class Series:
    """Points (n,) of one colour under one name.

    Attributes
    ----------
    line, marks
        Whether they are joined, in their order, and whether each is marked.
    hollow
        (n,) which marks are rings.
    cloud
        Whether they are very many, drawn small and behind all others.
    """

    name: str
    x: Values
    y: Values
    colour: Rgb
    line: bool = True
    marks: bool = True
    hollow: npt.NDArray[np.bool_] | None = None
    cloud: bool = False


@dataclass(frozen=True)
class Curves:
    """What a plot shows.

    Attributes
    ----------
    names
        Of the axes.
    series
        Those that are not clouds are numbered alike, where a plot marks one of their points.
    levels
        Values of y at which a line lies across, and what is written there.
    x, y
        What the axes span at least.
    message
        What is said where there is nothing to show, or beside what is shown.
    """

    names: tuple[str, str]
    series: tuple[Series, ...] = ()
    levels: tuple[tuple[float, str], ...] = ()
    x: Range | None = None
    y: Range | None = None
    message: str = ""
    numbered: bool = field(default=False)

    @property
    def ranges(self) -> tuple[Range, Range]:
        """What x and y span."""
        found = []
        for axis, least in (("x", self.x), ("y", self.y)):
            values = [np.asarray(getattr(each, axis), np.float64) for each in self.series]
            own = np.concatenate([*values, np.array([] if least is None else least)])
            found.append(range_of(own[np.isfinite(own)]))
        return found[0], found[1]
