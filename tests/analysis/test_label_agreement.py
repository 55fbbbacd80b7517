"""Agreement of labellings against scikit-learn, a search over all matchings, and planted changes."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.label_agreement import (
    NO_PARTNER,
    agreement,
    ari_between,
    ari_over_tomograms,
    ari_within,
    best_partners,
    confusion,
)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(4, size=200)


def test_renamed_classes_are_the_same_classes(labels: np.ndarray) -> None:
    renamed = np.array([2, 0, 3, 1])[labels]

    found = agreement(labels, renamed, (4, 4))

    assert found.partner.tolist() == [2, 0, 3, 1]
    assert found.partner_of_second.tolist() == [1, 3, 0, 2]
    assert not found.changed.any()
    assert found.ari == found.ami == pytest.approx(1)


def test_planted_changes_are_found_one_by_one(labels: np.ndarray) -> None:
    moved = np.array([3, 50, 51, 120, 199])
    second = np.array([2, 0, 3, 1])[labels]
    second[moved] = (second[moved] + 1) % 4

    found = agreement(labels, second, (4, 4))

    assert np.flatnonzero(found.changed).tolist() == moved.tolist()
    assert found.ari == pytest.approx(adjusted_rand_score(labels, second))
    assert found.ari < 1


def test_the_matching_is_the_best_of_all() -> None:
    counts = np.random.default_rng(1).integers(40, size=(5, 5))

    partner = best_partners(counts)

    assert counts[np.arange(5), partner].sum() == max(
        counts[np.arange(5), list(order)].sum() for order in permutations(range(5))
    )


def test_a_class_that_was_split_keeps_its_larger_part_and_an_empty_one_has_no_partner() -> None:
    first, second = np.repeat([0, 1], [10, 6]), np.repeat([0, 1, 2], [7, 3, 6])

    found = agreement(first, second, (3, 3))

    assert found.counts.tolist() == [[7, 3, 0], [0, 0, 6], [0, 0, 0]]
    assert found.partner.tolist() == [0, 2, NO_PARTNER]
    assert found.partner_of_second.tolist() == [0, NO_PARTNER, 1]
    assert np.flatnonzero(found.changed).tolist() == [7, 8, 9]


def test_tomograms_are_drawn_whole(labels: np.ndarray) -> None:
    """Each draw's index is scikit-learn's of the particles drawn, those of one tomogram together."""
    generator = np.random.default_rng(3)
    second = np.where(generator.random(200) < 0.3, generator.integers(5, size=200), labels)
    tomograms = generator.integers(6, size=200)

    found = ari_over_tomograms(labels, second, tomograms, replicates=20, seed=9)

    assert found is not None
    for value, times in zip(
        found.values, np.random.default_rng(9).multinomial(6, np.full(6, 1 / 6), size=20), strict=True
    ):
        rows = np.repeat(np.arange(200), times[tomograms])
        assert value == pytest.approx(adjusted_rand_score(labels[rows], second[rows]))


def test_the_interval_over_tomograms_is_wide_where_one_of_them_disagrees(labels: np.ndarray) -> None:
    tomograms = np.repeat(np.arange(4), 50)
    second = labels.copy()
    second[tomograms == 2] = np.random.default_rng(5).integers(4, size=50)

    found = ari_over_tomograms(labels, second, tomograms)

    assert found is not None
    low, high = found.interval
    assert low < 0.5 < adjusted_rand_score(labels, second) < high == 1


@pytest.mark.parametrize(("tomograms", "replicates"), [(np.zeros(200, int), 100), (np.arange(200) % 4, 0)])
def test_one_tomogram_has_no_interval(labels: np.ndarray, tomograms: np.ndarray, replicates: int) -> None:
    assert ari_over_tomograms(labels, labels, tomograms, replicates=replicates) is None


def test_one_class_on_both_sides_agrees() -> None:
    one = np.zeros(12, dtype=np.int64)

    found = ari_over_tomograms(one, one, np.arange(12) % 3, replicates=5)

    assert found is not None
    assert found.values.tolist() == [1] * 5


def test_every_clustering_is_held_against_every_other(labels: np.ndarray) -> None:
    others = [np.random.default_rng(seed).integers(4, size=200) for seed in range(3)]

    assert ari_between([labels, others[0]], others).values[3] == pytest.approx(1)
    assert ari_between([labels], others).values == pytest.approx([adjusted_rand_score(labels, each) for each in others])
    within = ari_within(others)
    assert within is not None
    assert len(within.values) == 3
    assert ari_within([labels]) is None


def test_confusion_counts_pairs() -> None:
    assert confusion(np.array([0, 0, 1]), np.array([1, 1, 0]), (2, 3)).tolist() == [[0, 2, 0], [1, 0, 0]]
