"""Outliers of planted latents, held against the distribution that they were drawn from."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import mahalanobis

from napari_tomodrgn.analysis.outliers import outliers, robust_distances


def normal(count: int, dimensions: int, seed: int = 0) -> np.ndarray:
    """Latents of different spreads along turned axes."""
    generator = np.random.default_rng(seed)
    turned = np.linalg.qr(generator.standard_normal((dimensions, dimensions)))[0]
    return generator.standard_normal((count, dimensions)) * np.linspace(1, 3, dimensions) @ turned + 5


def test_of_normal_latents_as_many_are_beyond_as_of_one_number() -> None:
    drawn = [normal(800, 3, seed) for seed in range(4)]
    found = [robust_distances(each) for each in drawn]

    squares = np.concatenate([each.squares for each in found if each is not None])
    assert {each.dimensions for each in found if each is not None} == {3}
    assert stats.kstest(squares, stats.chi2(3).cdf).statistic < 0.03
    for beyond in (1.0, 1.5, 2.0):
        share = (squares > stats.chi2.isf(2 * stats.norm.sf(beyond), 3)).mean()
        assert share == pytest.approx(2 * stats.norm.sf(beyond), rel=0.2)
    assert outliers(drawn[0], 3).mean() == pytest.approx(0.0027, abs=0.005)


def test_many_outliers_in_one_place_do_not_hide_one_another() -> None:
    """A fifth of the particles lies 9 standard deviations away: scipy's plain distance takes that for their spread."""
    generator = np.random.default_rng(1)
    latents = generator.standard_normal((500, 3))
    latents[:100, 0] += 9
    plain = np.linalg.inv(np.cov(latents.T))
    distances = [mahalanobis(each, latents.mean(axis=0), plain) for each in latents[:100]]
    limit = np.sqrt(stats.chi2.isf(2 * stats.norm.sf(3), 3))

    found = outliers(latents, 3)

    assert max(distances) < limit
    assert found[:100].all()
    assert found[100:].mean() < 0.02


def test_within_classes_a_small_class_is_none() -> None:
    generator = np.random.default_rng(2)
    latents = generator.standard_normal((400, 3))
    latents[:60, 0] += 12
    latents[0, 1] += 15
    latents[399, 2] -= 15
    classes = (np.arange(400) >= 60).astype(np.int64)

    assert outliers(latents, 4)[:60].all()
    found = outliers(latents, 4, classes)
    assert found[[0, 399]].all()
    assert found.sum() <= 4
    assert not outliers(latents, 4, np.full(400, -1)).any()


def test_collapsed_dimensions_say_nothing_unless_a_particle_is_far_along_them() -> None:
    generator = np.random.default_rng(3)
    latents = np.concatenate([normal(400, 2), 1e-3 * generator.standard_normal((400, 60))], axis=1)
    latents[7, 30] += 0.1  # 100 times their spread, and nothing of the whole
    latents[9, 40] += 30
    before = outliers(latents[:, :2], 4)

    distances = robust_distances(latents)

    assert distances is not None
    assert distances.dimensions == 2
    assert np.flatnonzero(outliers(latents, 4)).tolist() == sorted({*np.flatnonzero(before).tolist(), 9})


def test_of_more_dimensions_than_are_looked_at_no_more_are_outliers() -> None:
    latents = np.random.default_rng(4).standard_normal((600, 60))
    latents[3, 50] += 40

    found = outliers(latents, 3)

    assert found[3]
    assert found.mean() < 0.02


def test_one_particle_very_far_away_does_not_hide_others() -> None:
    latents = normal(300, 4)
    latents[5] += 1e5
    latents[6] -= [0, 40, 0, 0]

    assert {5, 6} <= set(np.flatnonzero(outliers(latents, 5)).tolist())
    assert outliers(latents, 5).sum() <= 3


def test_of_very_few_or_equal_or_unknown_none_is_an_outlier() -> None:
    assert not outliers(np.array([[0.0], [0], [0], [9]]), 1).any()
    assert not outliers(np.ones((40, 3)), 1).any()
    latents = normal(50, 2)
    latents[4] = np.nan
    latents[5] = 1e3
    assert np.flatnonzero(outliers(latents, 6)).tolist() == [5]
