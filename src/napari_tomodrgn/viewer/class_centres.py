"""The middle of each class: the particle whose latent is nearest to the mean of its class's latents."""

import itertools

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.columns import NONE, Classes

Rows = npt.NDArray[np.int64]


def centre_rows(
    classes: Classes,
    latents: npt.NDArray[np.float32],  # (N, |z|)
    known: npt.NDArray[np.bool_],  # (N,), which particles have a latent
) -> Rows:
    """Return the row (k,) of the particle in the middle of each class, -1 where none of its particles has a latent."""
    rows = np.flatnonzero(known & (classes.codes >= 0))
    rows = rows[np.argsort(classes.codes[rows], kind="stable")]
    codes = classes.codes[rows]
    bounds = np.searchsorted(codes, np.arange(len(classes.names) + 1))
    centres = np.full(len(classes.names), NONE, dtype=np.int64)
    for code, (begin, end) in enumerate(itertools.pairwise(bounds)):
        if end > begin:
            members = rows[begin:end]
            own = latents[members]
            centres[code] = members[np.linalg.norm(own - own.mean(axis=0), axis=1).argmin()]
    return centres
