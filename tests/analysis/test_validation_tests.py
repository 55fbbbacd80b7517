"""The tests of a validation on numbers with a known truth, without a network."""

from dataclasses import replace
from itertools import combinations_with_replacement, pairwise
from math import factorial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from napari_tomodrgn.analysis.validation.evidence import Evidence, measure_evidence
from napari_tomodrgn.analysis.validation.independence import Part, Parts, independence, kept_aside, views
from napari_tomodrgn.analysis.validation.significance import amplitude, amplitude_value, standard_error
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.simulation.shapes import four_state_complex
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.points import Weighting

PARTICLES = 400
TOMOGRAM = np.arange(PARTICLES) % 4


def particles_that_show(shares: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return products (N,) and powers (N,) of particles whose images show these shares (N,) of a difference."""
    generator = np.random.default_rng(seed)
    power = generator.uniform(5, 15, len(shares))
    return shares * power + np.sqrt(power) * generator.standard_normal(len(shares)), power


def test_p_of_random_particles_is_uniform() -> None:
    found = []
    for seed in range(200):
        product, power = particles_that_show(np.zeros(PARTICLES), seed)
        chosen = np.random.default_rng([seed, 1]).permutation(PARTICLES) < 12
        found.append(amplitude(product, power, chosen, TOMOGRAM, permutations=199, seed=seed).p)

    assert kstest(found, "uniform").pvalue > 0.01


def test_the_interval_holds_the_true_amplitude_as_often_as_it_says() -> None:
    held = []
    for seed in range(300):
        chosen = np.random.default_rng([seed, 2]).permutation(PARTICLES) < 30
        product, power = particles_that_show(np.where(chosen, 0.8, 0.1), seed)
        error = standard_error(product, power, chosen, TOMOGRAM)
        held.append(abs(amplitude_value(product, power, chosen, TOMOGRAM) - 0.7) < 1.96 * error)

    assert np.mean(held) == pytest.approx(0.95, abs=0.04)


def test_what_a_whole_tomogram_shows_says_nothing_of_particles_in_it() -> None:
    chosen = (TOMOGRAM == 2) & (np.arange(PARTICLES) < 200)
    product, power = particles_that_show(np.where(TOMOGRAM == 2, 1.0, 0.0), 0)

    assert amplitude(product, power, chosen, TOMOGRAM, permutations=199, seed=0).p > 0.05


def chosen_by_noise() -> tuple[Parts, np.ndarray]:
    """Return what two parts of the images say of particles that are all alike, and a class made of that.

    The class is what both parts together say along the first direction, as a model that was trained on both would sort
    them.
    """
    generator = np.random.default_rng(3)
    first, second = generator.standard_normal((2, PARTICLES, 4))
    ids = tuple((f"TS_{tomogram}", str(number)) for number, tomogram in enumerate(TOMOGRAM))
    view = generator.uniform(size=(PARTICLES, 15))
    information = np.tile(np.eye(4), (PARTICLES, 1, 1))
    parts = Parts(ids, Part(first, information), Part(second, information), np.ones(4), view)
    return parts, (first + second)[:, 0] > 1


def with_added(parts: Parts, added: np.ndarray) -> Parts:
    """Return both parts with further products."""
    learned, aside = (replace(each, product=each.product + added) for each in (parts.learned, parts.aside))
    return replace(parts, learned=learned, aside=aside)


def again(parts: Parts, chosen: np.ndarray) -> float:
    particles = np.array(parts.ids, dtype=object)
    inside, outside = ([tuple(each) for each in particles[rows]] for rows in (chosen, ~chosen))
    found = independence(parts, inside, outside, permutations=199, seed=0)
    assert found is not None
    return found.p


def test_a_class_of_noise_is_in_its_images_and_is_not_found_again() -> None:
    parts, chosen = chosen_by_noise()

    fooled = amplitude(parts.aside.product[:, 0], np.ones(PARTICLES), chosen, TOMOGRAM, permutations=199, seed=0)

    assert fooled.p < 0.01
    assert again(parts, chosen) > 0.05


def test_a_true_class_is_found_again() -> None:
    parts, _ = chosen_by_noise()
    true = np.arange(PARTICLES) % 33 == 0  # 3 %
    shift = 4.0 * true[:, None] * np.array([0.0, 1.0, 0.0, 0.0])

    assert again(with_added(parts, shift), true) < 0.01


def test_how_much_is_seen_of_what_all_have_is_no_difference() -> None:
    parts, _ = chosen_by_noise()
    seen = np.random.default_rng(5).uniform(0.2, 3, PARTICLES)
    common = seen[:, None] * np.array([4.0, 0.0, 0.0, 0.0])  # of a latent (4, 0, 0, 0) that all have
    information = seen[:, None, None] * np.eye(4)
    unaware = with_added(parts, common)  # as though of all particles as much was seen
    learned, aside = (Part(each.product, information) for each in (unaware.learned, unaware.aside))
    alike = replace(unaware, learned=learned, aside=aside)
    chosen = (learned.product + aside.product)[:, 0] > 14

    assert again(unaware, chosen) < 0.01
    assert again(alike, chosen) > 0.05


def test_what_a_model_gets_wrong_from_some_sides_is_no_difference() -> None:
    parts, _ = chosen_by_noise()
    wrong = 8 * (parts.view @ np.linspace(-1, 1, 15))[:, None] * np.array([1.0, 0.0, 0.5, 0.0])
    seen = with_added(parts, wrong)
    chosen = (seen.learned.product + seen.aside.product)[:, 0] > 1

    unaware = replace(seen, view=np.zeros((PARTICLES, 15)))

    assert again(unaware, chosen) < 0.01
    assert again(seen, chosen) > 0.05


def test_views_are_those_of_the_viewing_directions(particles_star: Path) -> None:
    particle_set = read_particles(particles_star)
    images = particle_set.tilt_images["particle"].to_numpy() == 3
    z, x, y = np.random.default_rng(0).standard_normal(3)
    # the mean over the tilts of (a . direction)^4, for a = (x, y, z), by the multinomial theorem
    powers = [tuple(map(each.count, range(3))) for each in combinations_with_replacement(range(3), 4)]
    times = np.array([24 / np.prod([factorial(power) for power in each]) for each in powers])
    of_a = np.array([np.prod(np.array([x, y, z]) ** each) for each in powers])

    expected = np.mean((particle_set.rotations[images] @ (x, y, z))[:, 2] ** 4)

    assert views(particle_set)[3] @ (times * of_a) == pytest.approx(expected, rel=1e-5)


def test_two_parts_come_back_from_their_file_where_they_were_made_so(tmp_path: Path) -> None:
    parts, _ = chosen_by_noise()
    parts.save(tmp_path / "parts.npz", seed=1)

    read = Parts.load(tmp_path / "parts.npz", seed=1)

    assert read is not None
    assert read.ids == parts.ids
    np.testing.assert_array_equal(read.aside.product, parts.aside.product)
    np.testing.assert_array_equal(read.learned.information, parts.learned.information)
    np.testing.assert_array_equal(read.view, parts.view)
    assert Parts.load(tmp_path / "parts.npz", seed=2) is None
    assert Parts.load(tmp_path / "none.npz", seed=1) is None


def test_a_quarter_of_the_tilt_images_is_kept_aside(particles_star: Path) -> None:
    particle_set = read_particles(particles_star)

    learned, aside = kept_aside(particle_set)

    for number, (first, second) in enumerate(zip(learned, aside, strict=True)):
        own = np.arange(particle_set.first_tilt[number], particle_set.first_tilt[number + 1])
        np.testing.assert_array_equal(np.sort(np.concatenate([first, second])), own)
        assert len(second) == 1  # of five


class Projected:
    """Images without noise: of a map and, in the second half of the particles, 0.4 of a difference to it."""

    standard_deviation = 1.0

    def __init__(self, particle_set: ParticleSet, baseline: np.ndarray, difference: np.ndarray) -> None:
        self.owner = particle_set.tilt_images["particle"].to_numpy()
        self.particles = len(particle_set)
        self.maps = [Projector(torch.from_numpy(each)) for each in (baseline, baseline + 0.4 * difference)]
        self.images: Images | None = None

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        assert self.images is not None
        tilts, lattice = self.images.tilts[rows], self.images.lattice
        plain, changed = (each.pairs(tilts.k3(lattice)) for each in self.maps)
        second = torch.from_numpy(self.owner[rows.numpy()] >= self.particles // 2)
        return torch.where(second[:, None, None], changed, plain) * tilts.transfer(lattice)[:, None]


def test_images_without_noise_show_the_share_of_a_difference_that_they_were_made_with(particles_star: Path) -> None:
    particle_set = read_particles(particles_star)
    states = four_state_complex(particle_set.box, 12.0)
    difference = (states[1] - states[0]).astype(np.float32)
    source = Projected(particle_set, states[0].astype(np.float32), difference)
    images = source.images = Images.on(torch.device("cpu"), particle_set, source, Weighting(), standard_deviation=1.0)
    first = particle_set.first_tilt
    rows = [np.arange(begin, end) for begin, end in pairwise(first.tolist())]

    *_, found = measure_evidence(images, rows, difference, states[0].astype(np.float32))

    assert isinstance(found, Evidence)
    shares = found.products / found.powers
    np.testing.assert_allclose(shares[:12], 0, atol=1e-3)
    np.testing.assert_allclose(shares[12:], 0.4, rtol=1e-3)
