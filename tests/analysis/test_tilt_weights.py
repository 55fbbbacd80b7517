"""Weights and mask of tilt images against the published formula, worked out anew."""

from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.inspection.weights import (
    TiltWeights,
    commonest_scheme,
    facts_of,
    read_weights,
    tilt_weights,
    write_weights,
)
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.weights import weights_figure
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate

BOX, PIXEL_SIZE, TILTS = 32, 4.0, 21


@pytest.fixture(scope="module")
def particles(tmp_path_factory: pytest.TempPathFactory) -> ParticleSet:
    """Six particles of 21 tilts from 0° to 30°, 3 e/Å² each; 300 kV."""
    folder = tmp_path_factory.mktemp("tilts") / "set"
    options = SimulateOptions(outdir=folder, particles=6, tilts=TILTS, box=BOX, pixel_size=PIXEL_SIZE)
    return read_particles(simulate(options))


@pytest.fixture(scope="module")
def found(particles: ParticleSet) -> TiltWeights:
    return tilt_weights(particles, 0)


def test_weights_are_those_of_grant_and_grigorieff_and_the_tilt(found: TiltWeights) -> None:
    """exp(-dose/2N) cos(tilt) with the critical dose N = 0.24499 k^-1.6649 + 2.8141 e/Å² of 300 kV."""
    critical = 0.24499 * found.frequency[1:] ** -1.6649 + 2.8141

    expected = np.exp(-found.dose[:, None] / (2 * critical)) * np.cos(np.radians(found.tilt))[:, None]

    whole = found.used[:, 1:] == 1
    assert whole.sum() > 100
    np.testing.assert_allclose(found.weight[:, 1:][whole], expected[whole], atol=0.02)  # a shell is not one frequency
    assert found.dose.tolist() == sorted(found.dose)
    assert found.tilt[0] == pytest.approx(0, abs=0.1)


def test_the_mask_ends_where_the_optimal_dose_is_past(found: TiltWeights) -> None:
    """At k with dose = 2.51284 N(k), solved for k."""
    for image in range(TILTS):
        dose = float(found.dose[image])
        last = ((dose / 2.51284 - 2.8141) / 0.24499) ** (-1 / 1.6649) if dose / 2.51284 > 2.8141 else np.inf
        shell = 1 / (BOX * PIXEL_SIZE)
        inside, outside = found.frequency < last - shell, found.frequency > last + shell
        assert (found.used[image, 1:][inside[1:]] == 1).all()
        assert (found.used[image][outside] == 0).all()
        assert (found.weight[image][outside] == 0).all()
    assert (found.used[:, 1:] == 0).any()


def test_the_scheme_is_that_of_most_particles(particles: ParticleSet) -> None:
    row, count = commonest_scheme(particles)
    assert (row, count) == (0, 6)
    image = int(particles.first_tilt[0])
    table = particles.tilt_images.copy()
    table.loc[image, "dose"] += 1.0
    from dataclasses import replace

    assert commonest_scheme(replace(particles, tilt_images=table)) == (1, 5)


def test_the_table_gives_back_what_was_found(found: TiltWeights, tmp_path: Path) -> None:
    write_weights(tmp_path / "weights.csv", found)
    again = read_weights(tmp_path / "weights.csv")
    for name in ("dose", "tilt", "frequency", "used", "weight"):
        np.testing.assert_allclose(getattr(again, name), getattr(found, name), rtol=1e-3, atol=1e-3)
    (tmp_path / "weights.csv").write_text("image\n1\n")
    with pytest.raises(InputError, match="could not be read"):
        read_weights(tmp_path / "weights.csv")


def test_what_is_left_out_is_white_and_the_caption_counts(found: TiltWeights, particles: ParticleSet) -> None:
    figure = weights_figure(found, facts_of(particles, 5), 6)

    shown = figure.axes[0].collections[0].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), found.used < 0.5)
    np.testing.assert_allclose(shown.compressed(), found.weight[found.used >= 0.5])
    assert "5 of 6 particles have" in " ".join(figure.get_supxlabel().split())
