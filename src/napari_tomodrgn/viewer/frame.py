"""Which part of a plane a picture shows: between data and pixels, zooming, moving, and ticks of the axes."""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Range = tuple[float, float]
Values = npt.NDArray[np.float64]

MARGIN = 0.05  # of the range, left free at each end so that no marker is cut


def range_of(values: Values) -> Range:
    """Return the smallest and the largest of finite values; around a single value, and without any, it is 1 wide."""
    if not len(values):
        return (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if high - low > 1e-12 * max(abs(low), abs(high)):
        return (low, high)
    half = max(0.5, 1e-6 * abs(low))
    return (low - half, high + half)


@dataclass(frozen=True)
class Frame:
    """The part of a plane that a picture shows; y grows upwards, rows of pixels downwards.

    Attributes
    ----------
    x, y
        What the outer edges of the picture stand for: left and right, bottom and top.
    width, height
        Of the picture, in pixels.
    """

    x: Range
    y: Range
    width: int
    height: int

    @classmethod
    def around(cls, x: Range, y: Range, width: int, height: int) -> "Frame":
        """Return a frame that shows these ranges with a margin."""
        return cls(_widened(x), _widened(y), max(width, 1), max(height, 1))

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels per unit of x and of y."""
        return self.width / (self.x[1] - self.x[0]), self.height / (self.y[1] - self.y[0])

    def to_pixels(self, points: npt.ArrayLike) -> Values:
        """Return points (n, 2) x, y as pixels (n, 2); the centre of the first pixel is (0.5, 0.5)."""
        across, up = self.scale
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        return np.stack([(x - self.x[0]) * across, (self.y[1] - y) * up], axis=1)

    def to_data(self, pixels: npt.ArrayLike) -> Values:
        """Return pixels (n, 2) as points (n, 2) x, y."""
        across, up = self.scale
        column, row = np.asarray(pixels, np.float64).reshape(-1, 2).T
        return np.stack([self.x[0] + column / across, self.y[1] - row / up], axis=1)

    def zoomed(self, factor: float, column: float, row: float) -> "Frame":
        """Return a frame that shows things ``factor`` times as large; what lies at a pixel stays there."""
        x, y = self.to_data([(column, row)])[0]
        return replace(
            self,
            x=(float(x - (x - self.x[0]) / factor), float(x + (self.x[1] - x) / factor)),
            y=(float(y - (y - self.y[0]) / factor), float(y + (self.y[1] - y) / factor)),
        )

    def moved(self, columns: float, rows: float) -> "Frame":
        """Return a frame whose content lies that many pixels further right and down."""
        across, up = self.scale
        dx, dy = -columns / across, rows / up
        return replace(self, x=(self.x[0] + dx, self.x[1] + dx), y=(self.y[0] + dy, self.y[1] + dy))

    def resized(self, width: int, height: int) -> "Frame":
        """Return a frame that shows the same on another number of pixels."""
        return replace(self, width=max(width, 1), height=max(height, 1))


def _widened(limits: Range) -> Range:
    margin = MARGIN * (limits[1] - limits[0])
    return limits[0] - margin, limits[1] + margin


def ticks(limits: Range, most: int) -> list[tuple[float, str]]:
    """Return round values within limits, at most ``most`` of them but two or more, and how each is written."""
    low, high = limits
    rough = (high - low) / max(most, 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * each for each in (1, 2, 5, 10) if magnitude * each >= rough * (1 - 1e-9))
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    if len(numbers) < 2 and most < 20:
        return ticks(limits, most + 1)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    plain = digits <= 4 and max(abs(low), abs(high)) < 1e6
    values = [number * step for number in numbers]
    texts = [f"{value + 0.0:.{digits}f}" if plain else f"{value:.6g}" for value in values]
    return [(value, text.replace("-", "−")) for value, text in zip(values, texts, strict=True)]
