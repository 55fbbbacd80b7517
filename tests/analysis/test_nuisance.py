"""What latents follow: planted leaks, a class of one tomogram, and nothing at all."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import binom
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from napari_tomodrgn.analysis.nuisance.findings import TOMOGRAM, Finding, find_nuisance, sentence_of_no_alarm
from napari_tomodrgn.analysis.nuisance.prediction import (
    PENALTY,
    Dealing,
    RidgeFolds,
    means_and_deviations,
    particle_folds,
    tomogram_folds,
)
from napari_tomodrgn.analysis.nuisance.quantities import (
    VIEW,
    Quantity,
    directions_of,
    quadratic_harmonics,
    quantities_of,
)
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate

TOMOGRAMS, EACH = 10, 24
TOMOGRAM_OF = np.repeat(np.arange(TOMOGRAMS), EACH)
COUNT = len(TOMOGRAM_OF)


def taken(seed: int) -> list[Quantity]:
    """Return how the images of 240 particles in 10 tomograms may have been taken, without any latents."""
    generator = np.random.default_rng([seed, 1])
    defocus = generator.uniform(1.5, 3.5, TOMOGRAMS)[TOMOGRAM_OF] + generator.normal(0, 0.05, COUNT)
    tilts = generator.integers(30, 42, TOMOGRAMS)[TOMOGRAM_OF].astype(float)
    view = generator.normal(size=(COUNT, 3))
    view /= np.linalg.norm(view, axis=1)[:, None]
    return [
        Quantity("defocus", "µm", defocus[:, None]),
        Quantity("tilt count", "images", tilts[:, None]),
        Quantity("last dose", "e/Å²", 3 * tilts[:, None]),
        Quantity(VIEW, "", np.column_stack([view, quadratic_harmonics(view)])),
    ]


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 2]).normal(size=(COUNT, 6))


def asked(z: np.ndarray, quantities: list[Quantity], seed: int = 0, permutations: int = 99) -> dict[str, Finding]:
    found = find_nuisance(z, TOMOGRAM_OF, quantities, permutations=permutations, seed=seed)
    return {each.name: each for each in found}


def alarms(z: np.ndarray, quantities: list[Quantity], seed: int = 0) -> set[str]:
    return {name for name, each in asked(z, quantities, seed).items() if each.alarm(0.05)}


def test_latents_of_noise_raise_an_alarm_as_rarely_as_the_level_says() -> None:
    sets = 50
    p = [min(each.adjusted_p for each in asked(noise(seed), taken(seed), seed).values()) for seed in range(sets)]

    assert sum(each <= 0.05 for each in p) <= binom.ppf(0.999, sets, 0.05)


@pytest.mark.parametrize(("leaking", "others"), [("defocus", set()), ("tilt count", {"last dose"}), (VIEW, set())])
def test_a_leak_is_caught_and_nothing_else_but_what_goes_with_it(leaking: str, others: set[str]) -> None:
    for seed in range(3):
        quantities = taken(seed)
        leak = next(each.values[:, 0] for each in quantities if each.name == leaking)
        z = noise(seed)
        z[:, 2] += 1.5 * (leak - leak.mean()) / leak.std()

        assert alarms(z, quantities, seed) - {TOMOGRAM} == {leaking, *others}


def test_the_direction_of_a_leak_goes_with_it() -> None:
    quantities, z = taken(0), noise(0)
    defocus = quantities[0].values[:, 0]
    z[:, 2] += 2 * defocus

    along = asked(z, quantities)["defocus"].along
    assert np.corrcoef(along, z[:, 2])[0, 1] > 0.98


def test_a_class_of_one_tomogram_is_told_as_that_and_as_nothing_else() -> None:
    for seed in range(3):
        z = noise(seed)
        z[(TOMOGRAM_OF == 4) & (np.arange(COUNT) % 2 == 0), :2] += 3

        found = asked(z, taken(seed), seed)
        assert {name for name, each in found.items() if each.alarm(0.05)} == {TOMOGRAM}
        assert found[TOMOGRAM].which == 4
        lowest, highest = np.argsort(found[TOMOGRAM].along)[[0, -1]]
        assert TOMOGRAM_OF[highest] == 4 != TOMOGRAM_OF[lowest]


def test_tomograms_that_differ_are_not_taken_for_defocus() -> None:
    """Particles shuffled over all tomograms would say that any difference of tomograms follows their defocus."""
    wrong = 0
    for seed in range(30):
        z = noise(seed) + np.random.default_rng([seed, 3]).normal(size=(TOMOGRAMS, 6))[TOMOGRAM_OF]
        wrong += asked(z, taken(seed)[:1], seed)["defocus"].p <= 0.05

    assert wrong <= binom.ppf(0.999, 30, 0.05)


def test_what_does_not_vary_or_is_not_known_is_not_asked() -> None:
    same, unknown = np.full((COUNT, 1), 3.0), np.where(np.arange(COUNT) == 7, np.nan, 1.0)[:, None]

    found = asked(noise(0), [Quantity("first dose", "e/Å²", same), Quantity("last dose", "e/Å²", unknown)])

    assert found["first dose"].untested == "is the same for all particles"
    assert found["last dose"].untested == "is not known of all particles"
    assert not found["first dose"].alarm(1.0)


def test_ridge_is_that_of_scikit_learn() -> None:
    features, generator = noise(0), np.random.default_rng(4)
    targets = features[:, :2] + generator.normal(size=(COUNT, 2))
    fold = tomogram_folds(TOMOGRAM_OF)
    assert (fold == fold[::EACH][TOMOGRAM_OF]).all()

    expected = cross_val_predict(Ridge(alpha=PENALTY), features, targets, cv=PredefinedSplit(fold))

    residuals, _ = RidgeFolds(features, fold).residuals(targets)
    np.testing.assert_allclose(targets - residuals, expected, atol=1e-9)
    assert set(particle_folds(COUNT, 0)) == {0, 1, 2, 3, 4}


def test_classes_are_told_apart_as_columns_of_ones_and_zeros_would_be() -> None:
    features = noise(0)
    features[TOMOGRAM_OF == 2, 1] += 2
    ridge = RidgeFolds(features, particle_folds(COUNT, 3))
    columns = (TOMOGRAM_OF[:, None] == np.arange(TOMOGRAMS)).astype(float)

    found = ridge.told_apart(TOMOGRAM_OF)

    expected = ridge.explained(columns, [slice(column, column + 1) for column in range(TOMOGRAMS)])
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert found.argmax() == 2


def test_a_shuffle_keeps_means_whole_and_deviations_in_their_tomogram() -> None:
    values = np.random.default_rng(5).normal(size=(COUNT, 2)) + TOMOGRAM_OF[:, None]
    means, deviations = means_and_deviations(values, TOMOGRAM_OF)
    dealing = Dealing.draw(TOMOGRAM_OF, np.random.default_rng(6))

    shuffled = means[dealing.tomogram_to][TOMOGRAM_OF] + deviations[dealing.particle_to]

    np.testing.assert_allclose(pd.DataFrame(shuffled).groupby(TOMOGRAM_OF).mean(), means[dealing.tomogram_to])
    assert (TOMOGRAM_OF[dealing.particle_to] == TOMOGRAM_OF).all()
    assert sorted(dealing.tomogram_to) == list(range(TOMOGRAMS))
    assert sorted(dealing.anywhere) == list(range(COUNT))


def test_quantities_are_those_that_were_simulated(tmp_path: Path) -> None:
    size = {"particles": 12, "box": 16, "pixel_size": 12.0, "tilts": 9, "tilt_step": 6.0, "missing_tilts": 3}
    star = simulate(SimulateOptions(outdir=tmp_path, tomograms=3, defocus_error=0.0, noise=False, **size))
    particle_set = read_particles(star)
    truth = pd.read_csv(tmp_path / "truth.csv", dtype={"tomogram": str, "particle": str})
    series = pd.read_csv(tmp_path / "tomograms.csv", dtype={"tomogram": str}).set_index("tomogram")
    assert list(zip(truth["tomogram"], truth["particle"], strict=True)) == particle_set.ids

    found = {each.name: each for each in quantities_of(particle_set)}

    assert (found["tilt count"].values[:, 0] == series["tilts"].loc[truth["tomogram"]].to_numpy()).all()
    # a particle's height over the middle of the tomogram adds to its defocus, up to half of the thickness
    away = found["defocus"].values[:, 0] - series["defocus"].loc[truth["tomogram"]].to_numpy()
    assert np.abs(away).max() < 0.15
    standing = Rotation.from_euler("ZYZ", truth[["rot", "tilt", "psi"]].to_numpy(), degrees=True)
    view, axis = directions_of(particle_set)
    untilted = particle_set.tilt_images["tilt_cosine"].groupby(particle_set.tilt_images["particle"]).max() > 0.9999
    np.testing.assert_allclose(view[untilted], standing.apply([0, 0, 1])[untilted], atol=1e-4)
    assert untilted.sum() > 3
    np.testing.assert_allclose(np.abs((axis * standing.apply([0, 1, 0])).sum(axis=1)), 1, atol=1e-4)


def test_what_is_there_but_small_is_not_called_absent() -> None:
    assert sentence_of_no_alarm(0.002, 0.005, 0.05) == "followed too little to matter (R² 0.00, family-wise p = 0.005)"
    assert sentence_of_no_alarm(0.02, 0.31, 0.05) == "not followed (R² 0.02, family-wise p = 0.31)"
