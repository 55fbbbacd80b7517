"""What a training measures, epoch by epoch, as curves. No Qt."""

import numpy as np
import pandas as pd

from napari_tomodrgn.viewer.curves import BLUE, ORANGE, Curves, Series

MEASURES: dict[str, dict[str, str]] = {  # what is drawn together: columns of metrics.csv and what they are called
    "reconstruction": {"reconstruction": "trained on", "held_out_reconstruction": "held out"},
    "loss": {"loss": "loss"},
    "KL divergence": {"kld": "KL divergence"},
    "beta": {"beta": "beta"},
    "learning rate": {"learning_rate": "learning rate"},
    "particles a second": {"particles_per_second": "particles a second"},
    "memory, GB": {"peak_memory_gb": "memory, GB"},
}
MOST_MARKED = 30  # epochs; more are drawn as a line alone
MOST_POINTS = 2000  # of a curve that are drawn


def curves_of(metrics: pd.DataFrame, measure: str) -> Curves:
    """Return curves of metrics, one row an epoch; each name ends with its curve's last value."""
    series = []
    for (column, name), colour in zip(MEASURES[measure].items(), (BLUE, ORANGE), strict=False):
        epoch, values = (metrics[each].to_numpy(np.float64) for each in ("epoch", column))
        known = np.flatnonzero(np.isfinite(values))
        if not len(known):
            continue
        step = max(1, len(known) // MOST_POINTS)
        shown = np.unique(np.append(known[::step], known[-1]))
        last = f"{name} {values[known[-1]]:.5g}"
        series.append(Series(last, epoch[shown], values[shown], colour, marks=len(shown) <= MOST_MARKED))
    message = "" if series else "What is measured is drawn here, epoch by epoch"
    return Curves(("epoch", measure), tuple(series), message=message)
