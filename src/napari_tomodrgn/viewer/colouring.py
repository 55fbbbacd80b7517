"""Colours of particles by a column, the same in every view: computed here, so that no view has to know how."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.class_names import NOISE
from napari_tomodrgn.analysis.columns import NONE, Classes, Column
from napari_tomodrgn.figures.style import GREY

# Okabe and Ito's colour-blind-safe palette, ordered so that neighbours differ in lightness too; without black, which
# the dark theme swallows.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
WITHOUT = (0.55, 0.55, 0.55, 0.6)  # of particles that have no value
FADED = 0.25  # alpha of classes that a person faded
CONTINUOUS = "cividis"  # readable with any colour vision
SHOWN = (2.0, 98.0)  # percentiles that the colour map spans, so that a few outliers don't flatten the rest
GOLDEN = 0.6180339887498949

Colour = tuple[float, float, float, float]
Colours = npt.NDArray[np.float32]


def palette(count: int) -> list[Colour]:
    """Return ``count`` colours: the palette, and after it hues that are far from those before."""
    first = [matplotlib.colors.to_rgba(each) for each in PALETTE[:count]]
    later = [
        (*colorsys.hls_to_rgb((number * GOLDEN) % 1, (0.45, 0.65, 0.55)[number % 3], 0.65), 1.0)
        for number in range(max(count - len(first), 0))
    ]
    return [*first, *later]


def palette_of(names: Sequence[str]) -> list[Colour]:
    """Return one colour a class, by the classes' names: that of particles in none is grey, as in figures."""
    colours = iter(palette(sum(name != NOISE for name in names)))
    return [matplotlib.colors.to_rgba(GREY) if name == NOISE else next(colours) for name in names]


@dataclass(frozen=True)
class ClassStyle:
    """Names and colours that a person gave to classes, by code."""

    names: dict[int, str]
    colours: dict[int, Colour]


@dataclass(frozen=True)
class LegendEntry:
    """A class in the legend."""

    code: int
    name: str
    colour: Colour
    size: int


@dataclass(frozen=True)
class Colouring:
    """What particles look like by one column.

    Attributes
    ----------
    rgba
        (N, 4) float32, 0 to 1.
    classes
        What the legend lists, for a column of classes.
    limits
        What the ends of the colour map stand for, for a column of numbers.
    """

    rgba: Colours
    classes: tuple[LegendEntry, ...] = ()
    limits: tuple[float, float] | None = None


def colour_by(column: Column, style: ClassStyle | None = None, limits: tuple[float, float] | None = None) -> Colouring:
    """Return the colours of particles by a column; ``limits`` stand in for the column's own percentiles."""
    if isinstance(column, Classes):
        return _by_class(column, style or ClassStyle({}, {}))
    values = column.values
    finite = np.isfinite(values)
    if limits is None:
        limits = tuple(np.percentile(values[finite], SHOWN)) if finite.any() else (0.0, 1.0)
    assert limits is not None
    low, high = float(limits[0]), float(limits[1])
    share = (np.where(finite, values, low) - low) / (high - low) if high > low else np.full(len(values), 0.5)
    rgba = matplotlib.colormaps[CONTINUOUS](np.clip(share, 0, 1)).astype(np.float32)
    rgba[~finite] = WITHOUT
    return Colouring(rgba, limits=(low, high))


def legend_of(column: Classes, style: ClassStyle | None = None) -> tuple[LegendEntry, ...]:
    """Return the classes of a column as the legend lists them."""
    style = style or ClassStyle({}, {})
    colours = [style.colours.get(code, colour) for code, colour in enumerate(palette_of(column.names))]
    return tuple(
        LegendEntry(code, style.names.get(code, name), colours[code], int(size))
        for code, (name, size) in enumerate(zip(column.names, column.sizes, strict=True))
    )


def _by_class(column: Classes, style: ClassStyle) -> Colouring:
    entries = legend_of(column, style)
    # the last is what code -1 finds
    table = np.array([*(entry.colour for entry in entries), WITHOUT], dtype=np.float32)
    assert NONE == -1
    return Colouring(table[column.codes], entries)
