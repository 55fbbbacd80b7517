"""Evidence of particles for their classes, where the truth is known."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from napari_tomodrgn.analysis.scoring.class_maps import tilt_halves
from napari_tomodrgn.analysis.scoring.likelihood import likelihood_gains, noise_variance, projectors, shells
from napari_tomodrgn.analysis.scoring.score import gains_of
from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.store import DirectImages
from napari_tomodrgn.training.train import train

from .conftest import SMALL_NETWORK

SIZE: dict[str, Any] = {"box": 16, "pixel_size": 14.0, "tilt_step": 12.0, "tomograms": 2}
QUICK: dict[str, Any] = {**SMALL_NETWORK, "latent_dim": 2, "epochs": 1, "batch_size": 16, "point_fraction": 0.1}


@dataclass(frozen=True)
class Known:
    """A run and the true label (N,) of each of its particles."""

    run: Run
    particle_set: ParticleSet
    label: np.ndarray


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """Particles of four states of assembly, and a run that hardly looked at them."""
    folder = tmp_path_factory.mktemp("known")
    star = simulate(SimulateOptions(outdir=folder / "particles", particles=200, shot_snr=0.5, **SIZE))
    run = train(TrainOptions(particles=star, outdir=folder / "run", **QUICK))
    particle_set = run.particle_set()
    truth = pd.read_csv(folder / "particles" / "truth.csv", dtype={"tomogram": str, "particle": str})
    assert list(zip(truth["tomogram"], truth["particle"], strict=True)) == particle_set.ids
    return Known(run, particle_set, truth["label"].to_numpy())


def score_of(known: Known, label: np.ndarray) -> np.ndarray:
    gains = gains_of(known.run, known.particle_set, label, seed=0)[:, :-1]
    own = np.take_along_axis(gains, label[:, None], axis=1)
    other = np.where(np.arange(gains.shape[1]) == label[:, None], -np.inf, gains)
    return own[:, 0] - other.max(axis=1)


def test_mislabelled_particles_are_found(known: Known) -> None:
    for seed in (0, 1):
        generator = np.random.default_rng(seed)
        wrong = generator.permutation(len(known.label)) < len(known.label) // 20
        given = np.where(wrong, (known.label + generator.integers(1, 4, len(wrong))) % 4, known.label)

        assert roc_auc_score(wrong, -score_of(known, given)) >= 0.9


def test_true_classes_explain_more_than_the_consensus_and_random_ones_do_not(known: Known) -> None:
    gains = gains_of(known.run, known.particle_set, known.label, seed=0)
    own = np.take_along_axis(gains, known.label[:, None], axis=1)[:, 0]
    assert np.mean(own > gains[:, -1]) > 0.7
    assert np.mean(own - gains[:, -1]) > 1
    assert np.mean(gains[:, -1] > 0) > 0.95

    random = np.random.default_rng(2).integers(0, 4, len(known.label))
    gains = gains_of(known.run, known.particle_set, random, seed=0)
    own = np.take_along_axis(gains, random[:, None], axis=1)[:, 0]
    assert abs(np.mean(own - gains[:, -1])) < 0.3


def test_noise_alone_is_no_evidence_for_any_label(tmp_path: Path) -> None:
    """Class volumes of noise explain the noise that made them, and no other."""
    star = simulate(SimulateOptions(outdir=tmp_path / "noise", particles=60, shot_snr=1e-4, **SIZE))
    run = train(TrainOptions(particles=star, outdir=tmp_path / "run", **QUICK))
    label = np.random.default_rng(3).integers(0, 10, 60)
    label[:10] = np.arange(10)

    gains = gains_of(run, run.particle_set(), label, seed=0)[:, :-1]

    own = np.take_along_axis(gains, label[:, None], axis=1)[:, 0]
    better = own - (gains.sum(axis=1) - own) / 9
    assert abs(better.mean()) <= 3 * better.std() / np.sqrt(60)


def test_halves_take_turns_over_the_tilts(known: Known) -> None:
    half, images = tilt_halves(known.particle_set), known.particle_set.tilt_images
    for begin, end in pairwise(known.particle_set.first_tilt[:5]):
        order = np.argsort(images["tilt_angle"].to_numpy()[begin:end])
        assert (half[begin:end][order] == np.arange(end - begin) % 2).all()


def images_of(particle_set: ParticleSet, deviation: float | None = None) -> Images:
    source = DirectImages(particle_set, window=False, standard_deviation=deviation)
    return Images.on(torch.device("cpu"), particle_set, source, Weighting())


def test_the_noise_is_what_a_clean_simulation_lacks_and_gains_are_differences_of_squares(tmp_path: Path) -> None:
    for name, noise in (("noisy", True), ("clean", False)):
        # hardly tilted and hardly exposed: the images are the projections that the model expects, not dimmed ones
        options = {**SIZE, "particles": 40, "noise": noise, "shot_snr": 1.0, "structural_snr": 1e9}
        options |= {"tilt_step": 0.5, "tilts": 11, "dose_per_tilt": 1e-3}
        simulate(SimulateOptions(outdir=tmp_path / name, **options))
    sets = [read_particles(tmp_path / name / "particles.star") for name in ("noisy", "clean")]
    noisy = images_of(sets[0])
    clean = images_of(sets[1], noisy.standard_deviation)
    truth = pd.read_csv(tmp_path / "noisy" / "truth.csv")["label"].to_numpy()
    chosen = np.flatnonzero(truth == 0)
    first = sets[0].first_tilt
    rows = [np.arange(first[row], first[row + 1]) if truth[row] == 0 else np.arange(0) for row in range(40)]
    every = torch.from_numpy(np.concatenate(rows))
    lattice = noisy.lattice
    weight = noisy.weighting.weights(noisy.tilts[every], lattice).double()
    seen, signal = (pairs_to_complex(each.source.take(every)) for each in (noisy, clean))

    (state,) = projectors([read_map(tmp_path / "clean" / "state_0.mrc").values], noisy.standard_deviation)
    variance = noise_variance(noisy, rows, state, seed=0)

    shell = shells(lattice).numpy()
    squares, counts = (weight * (seen - signal).abs() ** 2).sum(0).numpy(), (weight > 0).sum(0).numpy()
    expected = np.bincount(shell, squares)[1:] / np.bincount(shell, counts)[1:]
    np.testing.assert_allclose(variance.numpy()[1:], expected, rtol=0.05)

    *_, gains = likelihood_gains(noisy, rows, [state], variance)
    precision = weight / variance[shell]
    images = (precision * (seen.abs() ** 2 - (seen - signal).abs() ** 2)).sum(1).numpy()
    own = np.bincount(np.repeat(chosen, np.diff(first)[chosen]), images, minlength=40)
    np.testing.assert_allclose(gains[:, 0], own, rtol=0.05, atol=0.02 * own.max())
