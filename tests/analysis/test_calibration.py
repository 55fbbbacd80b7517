"""Posterior widths against disagreement of halves, where the noise is known."""

import numpy as np
import pytest

from napari_tomodrgn.analysis.calibrate_options import CalibrateOptions
from napari_tomodrgn.analysis.calibration import calibration_of, half_posteriors
from napari_tomodrgn.runs.run import Run

PARTICLES = 3000


def halves(claimed: float, seed: int = 0) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return means and log-variances of posteriors of two independent measurements of 3000 latents.

    Each particle is measured with a precision of its own, and believes to be measured ``claimed`` times as precisely.
    """
    generator = np.random.default_rng(seed)
    z = generator.normal(size=(PARTICLES, 3))
    precision = generator.uniform(1, 40, (PARTICLES, 1)) * np.ones((1, 3))
    believed = claimed * precision
    width = 1 / (1 + believed)
    measured = [z + generator.normal(size=z.shape) / np.sqrt(precision) for _ in range(2)]
    means = tuple(width * believed * each for each in measured)
    return means, (np.log(width), np.log(width))


def test_exact_posteriors_are_calibrated() -> None:
    found = calibration_of(*halves(1.0))

    assert found.factor == pytest.approx(1, abs=0.03)
    assert found.low < 1 < found.high
    assert found.calibrated
    assert found.tells_particles_apart
    assert found.verdict.startswith("calibrated: ")


@pytest.mark.parametrize("claimed", [0.25, 4.0, 16.0])
def test_the_factor_is_by_how_much_widths_are_too_small(claimed: float) -> None:
    """Who believes in four times the precision believes in half the width."""
    found = calibration_of(*halves(claimed))

    assert found.factor == pytest.approx(np.sqrt(claimed), rel=0.05)
    assert found.low < np.sqrt(claimed) < found.high
    np.testing.assert_allclose(found.by_dimension, np.sqrt(claimed), rtol=0.1)
    assert not found.calibrated
    assert found.verdict.startswith("not calibrated: ")


def test_widths_that_say_nothing_of_particles_are_told() -> None:
    means, widths = halves(1.0)
    order = np.random.default_rng(1).permutation(PARTICLES)

    found = calibration_of(means, (widths[0][order], widths[1][order]))

    assert not found.tells_particles_apart
    assert "do not tell which particles are uncertain" in found.verdict


def test_a_width_of_the_prior_expects_no_disagreement() -> None:
    means, widths = halves(1.0)
    nothing = [np.column_stack([each, np.zeros(PARTICLES)]) for each in means]
    prior = [np.column_stack([each, np.zeros(PARTICLES)]) for each in widths]

    found = calibration_of((nothing[0], nothing[1]), (prior[0], prior[1]))

    assert found.factor == pytest.approx(1, abs=0.03)
    assert np.isnan(found.by_dimension[3])


def test_halves_of_a_run_are_asked_by_its_encoder(run: Run) -> None:
    particle_set = run.particle_set()

    means, widths = half_posteriors(run, run.chosen_epoch, particle_set, CalibrateOptions(run=run.path, device="cpu"))

    assert means[0].shape == means[1].shape == widths[0].shape == (len(particle_set), 3)
    assert not np.array_equal(means[0], means[1])
    # the encoder averages over tilts before its second part: both halves lie about the whole
    whole = run.latents().z_mean
    middle = (means[0] + means[1]) / 2
    assert np.abs(middle - whole).mean() < np.abs(means[0] - means[1]).mean()
