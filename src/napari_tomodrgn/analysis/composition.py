"""Which classes are found in which tomograms."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd


def composition(
    labels: npt.NDArray[np.integer],  # (N,)
    tomograms: Sequence[str],  # (N,)
    classes: int | None = None,
) -> pd.DataFrame:
    """Return the number of particles of each class (columns, from 0) in each tomogram (rows, in order of first use)."""
    count = int(labels.max()) + 1 if classes is None else classes
    names = list(dict.fromkeys(tomograms))
    row_of = {name: row for row, name in enumerate(names)}
    table = np.zeros((len(names), count), dtype=np.int64)
    rows = np.array([row_of[name] for name in tomograms])
    np.add.at(table, (rows, labels), 1)
    return pd.DataFrame(table, index=pd.Index(names, name="tomogram"), columns=pd.RangeIndex(count, name="class"))
