"""Whether the latents of some particles differ from the others' more than those of random particles would."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.validation.significance import random_choices
from napari_tomodrgn.analysis.validation.subject import Subject


@dataclass(frozen=True)
class Apartness:
    """Whether the latents of some particles differ from the others' more than those of random particles do.

    Attributes
    ----------
    distance
        Of the mean latents.
    p
        Share of random choices of as many particles, as many in each tomogram, that are as far apart.
    null
        (P,) distances of those.
    """

    distance: float
    p: float
    null: npt.NDArray[np.float64]


def apartness(subject: Subject, *, permutations: int, seed: int) -> Apartness:
    """Compare the mean latents with those of random choices among the same particles."""
    used = subject.chosen | subject.others
    z, chosen = subject.z[used].astype(np.float64), subject.chosen[used]
    tomogram = np.unique(subject.tomogram[used], return_inverse=True)[1]
    total, count = z.sum(axis=0), int(chosen.sum())

    def distance(rows: npt.NDArray[np.generic]) -> float:
        inside = z[rows].sum(axis=0)
        return float(np.linalg.norm(inside / count - (total - inside) / (len(z) - count)))

    found = distance(chosen)
    null = np.array([distance(rows) for rows in random_choices(chosen, tomogram, permutations, seed)])
    p = (1 + np.count_nonzero(null >= found)) / (1 + permutations)
    return Apartness(found, float(p), null)
