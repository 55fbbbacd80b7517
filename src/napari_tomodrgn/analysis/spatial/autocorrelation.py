"""Whether labels follow position on a scale beyond the neighbours that are tested."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.spatial.nearest import Neighbours
from napari_tomodrgn.analysis.spatial.permuting import Groups, permuted, share_as_far
from napari_tomodrgn.analysis.spatial.places import Floats, Integers, Places

PERMUTATIONS = 199
_MOST_PAIRS = 2 * 10**6


@dataclass(frozen=True)
class Autocorrelation:
    """Moran's I of labels within tomograms.

    Attributes
    ----------
    value
        Of all classes together: 0 where labels don't follow position, 1 where neighbours are always alike.
    of_class
        (K,) of each class's indicator; NaN where a class has no or all particles of each tomogram.
    p
        One-sided: the share of labellings dealt out within tomograms that follow position as much.
    """

    value: float
    of_class: Floats
    p: float


def autocorrelation(
    places: Places,
    neighbours: Neighbours,
    codes: Integers,  # (N,) from 0
    classes: int,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Autocorrelation:
    """Return Moran's I (Moran 1950, Biometrika 37, 17) of class indicators, with neighbours as weights.

    Indicators are taken less their mean in the tomogram, so a class that is frequent in one tomogram alone does not
    count. With the classes x, Σ_c (x_ic - m_c)(x_jc - m_c) = [c_i = c_j] - m(c_i) - m(c_j) + Σ_c m_c².
    """
    source, target = _thinned(*neighbours.pairs(), seed)
    tomogram = places.tomogram
    counts = np.bincount(tomogram * classes + codes, minlength=len(places.tomograms) * classes)
    mean = counts.reshape(-1, classes) / places.sizes[:, None]
    alike = (mean**2).sum(axis=1)
    variance = float((1 - alike)[tomogram].mean())
    of_class = _of_each_class(source, target, codes, tomogram, mean)
    if not len(source) or variance < 1e-12:
        return Autocorrelation(0.0, of_class, 1.0)
    offset = float(alike[tomogram[source]].mean())
    flat = tomogram * classes

    def value(order: npt.NDArray[np.intp]) -> float:
        dealt = codes[order]
        own = mean.ravel()[flat + dealt]
        together = (dealt[source] == dealt[target]).mean() - own[source].mean() - own[target].mean() + offset
        return float(together) / variance

    observed = value(np.arange(len(places)))
    null = np.array(list(permuted(value, Groups(tomogram), permutations, seed)))
    return Autocorrelation(observed, of_class, float(share_as_far(np.array(observed), null)))


def _thinned(source: Integers, target: Integers, seed: int) -> tuple[Integers, Integers]:
    if len(source) <= _MOST_PAIRS:
        return source, target
    kept = np.sort(np.random.default_rng([seed, 2]).choice(len(source), _MOST_PAIRS, replace=False))
    return source[kept], target[kept]


def _of_each_class(source: Integers, target: Integers, codes: Integers, tomogram: Integers, mean: Floats) -> Floats:
    result = np.full(mean.shape[1], np.nan)
    for label in range(mean.shape[1]):
        away = (codes == label) - mean[tomogram, label]
        variance = float((away**2).mean())
        if variance > 1e-12 and len(source):
            result[label] = float((away[source] * away[target]).mean()) / variance
    return result
