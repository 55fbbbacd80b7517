"""How many pairs of classes to expect among neighbours where labels are dealt out at random within groups."""

import numpy as np

from napari_tomodrgn.analysis.spatial.places import Floats, Integers


def expected_pairs(
    source: Integers,  # (P,)
    target: Integers,  # (P,)
    codes: Integers,  # (N,) from 0
    classes: int,
    group: Integers,  # (N,) from 0, those of a tomogram following one another
    tomogram: Integers,  # (N,) ascending from 0
) -> Floats:
    """Return (T, K, K): the mean number of pairs of each tomogram with a source of one class and a target of another.

    It is exact. Of two different particles of a group of n the classes are a and b with probability
    n_a (n_b - [a = b]) / (n (n - 1)); classes of particles of two groups are independent.
    """
    groups, tomograms = int(group.max()) + 1, int(tomogram.max()) + 1
    counts = np.bincount(group * classes + codes, minlength=groups * classes).reshape(groups, classes)
    size = counts.sum(axis=1)
    share = counts / size[:, None]
    of_group = np.zeros(groups, dtype=np.int64)
    of_group[group] = tomogram
    links, times = np.unique(group[source] * groups + group[target], return_counts=True)
    first, second = np.divmod(links, groups)
    same = first == second
    weight = times * np.where(same, size[first] / np.maximum(size[first] - 1, 1), 1.0)
    alike = np.where(same, times / np.maximum(size[first] - 1, 1), 0.0)
    result = np.zeros((tomograms, classes, classes))
    bounds = np.searchsorted(of_group[first], np.arange(tomograms + 1))
    for number in range(tomograms):
        part = slice(int(bounds[number]), int(bounds[number + 1]))
        own = share[first[part]]
        result[number] = (own * weight[part, None]).T @ share[second[part]]
        result[number][np.diag_indices(classes)] -= (own * alike[part, None]).sum(axis=0)
    return np.maximum(result, 0.0)  # the difference of two equal numbers may be below 0 by rounding
