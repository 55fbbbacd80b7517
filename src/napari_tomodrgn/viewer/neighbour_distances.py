"""Distances to the nearest neighbour, by class: as curves, and how many are in an interval. No Qt."""

import numpy as np

from napari_tomodrgn.analysis.spatial.places import Floats
from napari_tomodrgn.viewer.curves import BLUE, Curves, Series
from napari_tomodrgn.viewer.frame import Range
from napari_tomodrgn.viewer.spatial_context import SpatialContext

BINS = 40
MOST_CLASSES = 12  # the largest are drawn
NAMES = ("distance to the nearest particle (Å)", "% of the class")
FAR = 99.5  # percentile where the axis ends, so that a few that are alone don't flatten the rest
BEYOND = 1.5  # times that end, up to which the box is within the axis


def distance_curves(context: SpatialContext) -> Curves:
    """Return a histogram's outline for each class, or one of all particles where there are no classes."""
    found = context.found
    if found is None or not np.isfinite(found.distance).any():
        return Curves(NAMES, message=context.says)
    distance, known = found.distance, np.isfinite(found.distance)
    low, high = (float(each) for each in np.percentile(distance[known], [0, FAR]))
    edges = np.linspace(low, max(high, low + 1), BINS + 1)
    groups = [("all", known, BLUE)]
    if found.codes is not None:
        colours = context.class_colours()
        sizes = np.bincount(found.codes[known & (found.codes >= 0)], minlength=len(found.names))
        shown = np.sort(np.argsort(-sizes, kind="stable")[:MOST_CLASSES])
        groups = [
            (found.names[code], known & (found.codes == code), colours[code][:3]) for code in shown if sizes[code]
        ]
    series = tuple(
        Series(name, *_outline(distance[chosen], edges), colour, line=True, marks=False)
        for name, chosen, colour in groups
    )
    box = found.box_diameter
    if box is not None and box > BEYOND * edges[-1]:
        return Curves(NAMES, series, y=(0.0, 0.0), message=f"box: {box:.0f} Å, above this axis")
    return Curves(NAMES, series, x=(low, low) if box is None else (min(low, box), max(low, box)), y=(0.0, 0.0))


def _outline(values: Floats, edges: Floats) -> tuple[Floats, Floats]:
    """Return x and y of the outline of a histogram, in percent of the values."""
    counts = 100 * np.histogram(values, edges)[0] / max(len(values), 1)
    return np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(counts, 2), [0.0]])


def first_interval(context: SpatialContext) -> Range:
    """Return the interval in Å that the result was asked about, or else that of the middle half of distances."""
    found = context.found
    if found is None or not np.isfinite(found.distance).any():
        return 0.0, 0.0
    asked = found.document.get("in_interval")
    if asked:
        return float(asked["low"]), float(asked["high"])
    low, high = np.nanquantile(found.distance, [0.25, 0.75])
    return float(low), float(high)


def count_in_words(context: SpatialContext, low: float, high: float) -> str:
    """Return how many particles have their nearest neighbour in an interval, in all and of each class."""
    found = context.found
    if found is None:
        return ""
    inside, with_one = context.between(low, high), np.isfinite(found.distance)
    text = f"{int(inside.sum()):,} of {int(with_one.sum()):,} particles from {low:.0f} to {high:.0f} Å"
    if found.codes is None or len(found.names) > MOST_CLASSES:
        return text
    parts = [
        f"{name} {int((inside & (found.codes == code)).sum()):,} of {int((with_one & (found.codes == code)).sum()):,}"
        for code, name in enumerate(found.names)
    ]
    return f"{text}: {', '.join(parts)}"
