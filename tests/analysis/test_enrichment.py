"""Class beside class: exact means, p values that hold, labels that follow position, and what was planted."""

import numpy as np
import pytest
from scipy.stats import kstest

from napari_tomodrgn.analysis.spatial.autocorrelation import autocorrelation
from napari_tomodrgn.analysis.spatial.blocks import blocks
from napari_tomodrgn.analysis.spatial.cooccurrence import cooccurrence
from napari_tomodrgn.analysis.spatial.enrichment import enrichment, significance
from napari_tomodrgn.analysis.spatial.expectation import expected_pairs
from napari_tomodrgn.analysis.spatial.local_shares import ABOUT, LocalPairs
from napari_tomodrgn.analysis.spatial.nearest import nearest
from napari_tomodrgn.analysis.spatial.permuting import Groups, permuted
from napari_tomodrgn.analysis.spatial.places import Places
from napari_tomodrgn.analysis.spatial.resampling import informing, ratio_interval
from napari_tomodrgn.simulation.neighbourhoods import labels_following_position, scattered, with_a_pair


def local(where: Places, k: int) -> LocalPairs:
    further = nearest(where, k + ABOUT)
    return LocalPairs(where, further.columns(0, k), further.columns(k, further.k))


@pytest.mark.parametrize("in_blocks", [False, True])
def test_the_expected_number_is_the_mean_over_labels_dealt_out(in_blocks: bool) -> None:
    where = scattered(3, 40, 0)
    codes = np.random.default_rng(0).choice(3, len(where), p=[0.6, 0.3, 0.1])
    group = blocks(where, 6) if in_blocks else where.tomogram
    source, target = nearest(where, 2).pairs()

    expected = expected_pairs(source, target, codes, 3, group, where.tomogram)

    def count(order: np.ndarray) -> np.ndarray:
        pair = codes[order][source] * 3 + codes[order][target] + 9 * where.tomogram[source]
        return np.bincount(pair, minlength=27).reshape(3, 3, 3)

    drawn = np.array(list(permuted(count, Groups(group), 4000, 1)))
    error = drawn.std(axis=0) / np.sqrt(4000)
    assert (np.abs(drawn.mean(axis=0) - expected) < 5 * error + 1e-9).all()


def test_labels_stay_in_their_groups_and_take_every_place_equally_often() -> None:
    group = np.array([2, 0, 2, 0, 2, 1])
    seen = np.array(list(permuted(lambda order: order, Groups(group), 3000, 0)))

    assert (group[seen] == group).all()
    for place in (0, 2, 4):
        counts = np.bincount(seen[:, place], minlength=6)[[0, 2, 4]]
        assert ((counts - 1000) ** 2 / 1000).sum() < 14


@pytest.mark.parametrize("null", ["tomogram", "blocks"])
def test_p_is_uniform_where_labels_are_random(null: str) -> None:
    p, family = [], []
    for seed in range(150):
        where = scattered(1, 80, seed)
        codes = np.random.default_rng([seed, 1]).choice(3, 80, p=[0.5, 0.3, 0.2])
        group = where.tomogram if null == "tomogram" else blocks(where, 8)
        pairs = None if null == "tomogram" else local(where, 2)
        found = enrichment(where, nearest(where, 2), codes, 3, group, pairs, permutations=99, replicates=0, seed=seed)
        away = (found.observed - found.expected).sum(axis=0)
        randomised = significance(away, found.null, found.tested, np.random.default_rng([seed, 2]))
        p.append(randomised[1][0, 1])
        family.append(np.nanmin(randomised[2]))

    assert kstest(p, "uniform").pvalue > 0.01
    assert kstest(family, "uniform").pvalue > 0.01
    assert np.mean(np.array(family) <= 0.05) < 0.12


def test_labels_that_follow_position_deceive_the_naive_test_and_not_the_default() -> None:
    naive, default, told = [], [], []
    for seed in range(40):
        where = scattered(5, 120, seed)
        codes = labels_following_position(where, 3, seed)
        further = nearest(where, 3 + ABOUT)
        near, about = further.columns(0, 3), further.columns(3, further.k)
        told.append(autocorrelation(where, about, codes, 3).p <= 0.1)
        common = {"permutations": 99, "replicates": 0, "seed": seed}
        naive.append(np.nanmin(enrichment(where, near, codes, 3, where.tomogram, **common).p_adjusted))
        pairs = LocalPairs(where, near, about)
        default.append(np.nanmin(enrichment(where, near, codes, 3, blocks(where, 8), pairs, **common).p_adjusted))

    assert np.mean(told) == 1
    assert np.mean(np.array(naive) <= 0.05) > 0.9
    assert np.mean(np.array(default) <= 0.05) <= 0.125  # of 40: 5 % and twice its standard error


def planted(seed: int, classes: int, *, trend: bool = False) -> tuple[Places, np.ndarray]:
    """Return particles of which those of class 0 have one of class 1 as their nearest twice as often as by chance."""
    where = scattered(60, 250, seed, apart=200)
    at_random = np.random.default_rng(seed).integers(0, classes, len(where))
    codes = labels_following_position(where, classes, seed) if trend else at_random
    return where, with_a_pair(where, codes, classes, seed)


def test_a_pair_of_twenty_classes_that_is_twice_as_frequent_is_found() -> None:
    found = []
    for seed in range(5):
        where, codes = planted(seed, 20)
        result = enrichment(where, nearest(where, 1), codes, 20, where.tomogram, permutations=199, replicates=200)
        found.append((result.p_adjusted[0, 1], result.log2_ratio[0, 1], result.low[0, 1], result.high[0, 1]))

    p, effect, low, high = np.array(found).T
    assert (p < 0.05).sum() >= 4
    assert np.median(effect) == pytest.approx(1, abs=0.2)
    assert ((low < 1) & (high > 1)).sum() >= 3


def test_the_default_still_finds_a_pair_among_labels_that_follow_position() -> None:
    where, codes = planted(0, 4, trend=True)
    result = enrichment(
        where, nearest(where, 1), codes, 4, blocks(where, 8), local(where, 1), permutations=199, replicates=0
    )
    assert result.p_adjusted[0, 1] < 0.05
    assert result.log2_ratio[0, 1] > 0.2


def test_morans_i_is_that_of_its_definition() -> None:
    where = scattered(2, 50, 5)
    codes = labels_following_position(where, 2, 5, strength=3)
    near = nearest(where, 4)

    found = autocorrelation(where, near, codes, 2, permutations=99)

    away = np.concatenate([codes[rows] - codes[rows].mean() for rows in (where.rows_of(0), where.rows_of(1))])
    weights = np.zeros((100, 100))
    for row in range(100):
        weights[row, near.row[row]] = 1
    expected = 100 / weights.sum() * (away @ weights @ away) / (away @ away)
    assert found.value == pytest.approx(expected)
    np.testing.assert_allclose(found.of_class, expected)
    assert found.p == pytest.approx(1 / 100)


def test_the_same_seed_gives_the_same_numbers() -> None:
    where = scattered(3, 50, 6)
    codes = np.random.default_rng(6).integers(0, 3, len(where))
    first, again = (
        enrichment(where, nearest(where, 2), codes, 3, where.tomogram, permutations=99, seed=4) for _ in range(2)
    )
    for name in ("null", "p", "p_adjusted", "low", "high"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_an_interval_takes_two_tomograms_that_say_something() -> None:
    """Pairs in columns: expected in all of four tomograms, in two, in one, in one and by rounding in another, found
    in none."""
    observed = np.array([[4, 2, 3, 3, 0], [2, 8, 0, 0, 0], [1, 0, 0, 0, 0], [3, 0, 0, 0, 0]])
    expected = np.array([[2, 1, 1.5, 1.5, 2], [2, 2, 0, 1e-16, 1], [2, 0, 0, 0, 1], [2, 0, 0, 0, 1.0]])

    low, high = ratio_interval(observed, expected, 4000, 0)

    np.testing.assert_array_equal(np.isfinite(low), [True, True, False, False, False])
    np.testing.assert_array_equal(np.isfinite(high), np.isfinite(low))
    assert (low[1], high[1]) == (1, 2)  # log₂ of 2/1 and of 8/2: the range of the two
    assert -1 < low[0] < np.log2(10 / 8) < high[0] < 1
    np.testing.assert_array_equal(informing(expected), [4, 2, 1, 1, 4])


def test_of_a_class_in_one_tomogram_shares_have_no_interval() -> None:
    tomogram = np.repeat([0, 1, 2], 20)
    first = np.where((tomogram == 2) & (np.arange(60) % 2 == 0), 1, 0)
    second = np.arange(60) // 3 % 2

    found = cooccurrence(first, second, (2, 2), tomogram)

    np.testing.assert_array_equal(np.isfinite(found.low), [[True, True], [False, False]])
    np.testing.assert_array_equal(np.isfinite(found.high), np.isfinite(found.low))
    np.testing.assert_allclose(found.share.sum(axis=1), 1)
