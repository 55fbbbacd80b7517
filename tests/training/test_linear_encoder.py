"""Latents that are solved for: against planted mixtures of volumes, a dense solution, and planted states."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.linear_encoder import LinearEncoder
from napari_tomodrgn.model.vae import gaussian_divergence, sample_gaussian
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.embed import dispersion, embed
from napari_tomodrgn.training.options import EmbedOptions
from napari_tomodrgn.training.train import train

from .test_train import small, weights

BOX = 16


@pytest.fixture(scope="module")
def four_states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 particles of the built-in complex in four states, with little noise."""
    folder = tmp_path_factory.mktemp("states")
    options = SimulateOptions(
        outdir=folder, particles=120, box=BOX, pixel_size=14, tilt_step=10, structural_snr=10, shot_snr=2
    )
    return simulate(options)


def blobs(seed: int) -> torch.Tensor:
    """Return a smooth random volume inside the box."""
    generator = np.random.default_rng(seed)
    z, y, x = np.indices((BOX, BOX, BOX)) - BOX // 2
    volume = np.zeros((BOX, BOX, BOX))
    for _ in range(6):
        cz, cy, cx = generator.uniform(-3, 3, 3)
        volume += generator.normal() * np.exp(-((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) / 8)
    return torch.from_numpy(volume).float()


def planted(star: Path) -> tuple[LinearEncoder, TiltImages, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return an encoder whose grid holds three known volumes, tilts of three particles, and their projections.

    The grid is written from the volumes' FFT, not through the encoder's own interpolation.
    """
    particle_set = read_particles(star).take([0, 1, 2])
    tilts = TiltImages.of(particle_set)
    volumes = [blobs(seed) for seed in range(3)]
    encoder = LinearEncoder(BOX, 2)
    steps = torch.fft.fftfreq(encoder.size, 1 / encoder.size)
    half = torch.arange(encoder.depth, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(steps, steps, half, indexing="ij"), dim=-1).flip(-1) / (2 * BOX)
    position = torch.stack(torch.meshgrid(*[torch.arange(BOX) - BOX // 2] * 3, indexing="ij"), dim=-1).flip(-1)
    phase = torch.exp(-2j * torch.pi * (grid.reshape(-1, 3) @ position.reshape(-1, 3).float().T))
    for column, volume in enumerate(volumes):
        values = phase @ volume.flatten().to(phase)
        encoder.volumes[:, 0, column], encoder.volumes[:, 1, column] = values.real, values.imag
    half_plane = lattice(BOX)
    clean = torch.stack([Projector(volume, padding=4).pairs(tilts.k3(half_plane)) for volume in volumes])
    transfer = tilts.transfer(half_plane)[:, None]
    counts = torch.from_numpy(particle_set.tilts_per_particle)
    return encoder, tilts, clean * transfer, counts, torch.tensor([[1.5, -0.5], [0.0, 2.0], [-1.0, 0.3]])


def test_planted_mixtures_are_found(four_states: Path) -> None:
    encoder, tilts, projections, counts, z = planted(four_states)
    each = z.repeat_interleave(counts, dim=0)
    images = projections[0] + (each.T[:, :, None, None] * projections[1:]).sum(0)
    half_plane = lattice(BOX)
    mean, covariance = encoder(tilts, images, counts, half_plane, tilts.weights(half_plane))
    torch.testing.assert_close(mean, z, atol=0.05, rtol=0.05)
    assert (torch.linalg.eigvalsh(covariance) > 0).all()


def test_the_posterior_is_that_of_the_dense_system(four_states: Path) -> None:
    encoder, tilts, projections, counts, _ = planted(four_states)
    generator = torch.Generator().manual_seed(0)
    half_plane = lattice(BOX)
    low = half_plane.k.norm(dim=1) <= 0.25
    scale = 1 / projections[1][..., low].std()
    encoder.volumes *= scale
    encoder.prior_deviation.copy_(torch.tensor([1.0, 0.5]))
    projections = projections * scale
    images = projections[0] + torch.randn(projections[0].shape, generator=generator)
    mean, covariance = encoder(tilts, images, counts, half_plane, torch.ones(len(tilts), half_plane.pairs))
    begin = 0
    for particle, count in enumerate(counts.tolist()):
        own = slice(begin, begin + count)
        begin += count
        design = projections[1:, own][..., low].flatten(1).double().numpy()  # Hartley values, variance 1 of the noise
        residual = (images - projections[0])[own][..., low].flatten().double().numpy()
        noise = residual.var()
        normal = design @ design.T / noise + np.diag([1.0, 4.0])  # inverse variances of the prior
        # trilinear interpolation between the samples of a given volume loses some of its amplitude
        np.testing.assert_allclose(covariance[particle], np.linalg.inv(normal), rtol=0.2, atol=1e-5)
        expected = np.linalg.solve(normal, design @ residual / noise)
        np.testing.assert_allclose(mean[particle], expected, atol=0.1)


def test_states_are_told_apart_and_stay_so(four_states: Path, tmp_path: Path) -> None:
    options = {
        "pooling": "linear", "latent_dim": 3, "epochs": 2, "held_out_fraction": 0.25, "held_out_by": "tilt",
    }  # fmt: skip
    run = train(small(four_states, tmp_path / "run", **options))
    truth = pd.read_csv(four_states.parent / "truth.csv", dtype={"tomogram": str, "particle": str})
    label = truth.set_index(["tomogram", "particle"])["label"].loc[list(run.latents().ids)]
    found = KMeans(4, n_init=10, random_state=0).fit_predict(run.latents().z_mean)
    assert adjusted_rand_score(label, found) > 0.9


def test_the_same_images_get_the_same_latents_and_say_how_they_scatter(four_states: Path, tmp_path: Path) -> None:
    run = train(small(four_states, tmp_path / "run", pooling="linear", latent_dim=3, epochs=1))
    options = EmbedOptions(particles=four_states, run=run.path, output=tmp_path / "z.npz", draws=4, draw_tilts=3)
    np.testing.assert_allclose(embed(options).z_mean, run.latents().z_mean, atol=1e-3)
    few = pd.read_json(tmp_path / "z.dispersion.json", typ="series")["dispersion"]
    embed(options.model_copy(update={"draw_tilts": 11, "overwrite": True}))
    many = pd.read_json(tmp_path / "z.dispersion.json", typ="series")["dispersion"]
    assert 0 < many < few < 1.2


def test_a_run_that_was_stopped_ends_as_the_undisturbed_one(four_states: Path, tmp_path: Path) -> None:
    settings = {"pooling": "linear", "latent_dim": 3}
    whole = train(small(four_states, tmp_path / "whole", epochs=2, **settings))
    train(small(four_states, tmp_path / "parts", epochs=1, **settings))
    resumed = train(small(four_states, tmp_path / "parts", epochs=2, resume=True, **settings))
    for name, values in weights(whole).items():
        assert torch.equal(values, weights(resumed)[name]), name
    assert np.array_equal(whole.latents().z_mean, resumed.latents().z_mean)


def test_fewer_particles_than_dimensions_train(four_states: Path, tmp_path: Path) -> None:
    ids = list(read_particles(four_states).ids[:5])
    Selection("few", frozenset(ids), {"rule": "ids"}).save(tmp_path / "few.json")
    few = small(four_states, tmp_path / "run", pooling="linear", latent_dim=8, selection=tmp_path / "few.json")
    assert np.isfinite(train(few).latents().z_mean).all()


def test_too_many_dimensions_are_refused(four_states: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--latent-dim 128: is more than --pooling linear can solve for, 16"):
        train(small(four_states, tmp_path / "run", pooling="linear", latent_dim=128))
    assert not (tmp_path / "run").exists()


def test_gaussians_are_drawn_and_measured() -> None:
    mean = torch.tensor([[1.0, -2.0]])
    covariance = torch.tensor([[[2.0, 0.5], [0.5, 1.0]]])
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    drawn = sample_gaussian(mean.expand(200_000, -1), covariance.expand(200_000, -1, -1), noise)
    torch.testing.assert_close(drawn.T.cov(), covariance[0], atol=0.02, rtol=0)
    expected = torch.distributions.kl_divergence(
        torch.distributions.MultivariateNormal(mean[0], covariance[0]),
        torch.distributions.MultivariateNormal(torch.zeros(2), torch.diag(torch.tensor([1.0, 0.25]))),
    )
    torch.testing.assert_close(gaussian_divergence(mean, covariance, torch.tensor([1.0, 0.5]))[0], expected)


def test_dispersion_is_the_ratio_of_the_planted_scatters() -> None:
    generator = np.random.default_rng(0)
    own = generator.standard_normal((2000, 3))
    redrawn = own + 0.5 * generator.standard_normal((10, 2000, 3))
    assert dispersion(redrawn.astype(np.float32)) == pytest.approx(0.5 / np.sqrt(1.25), rel=0.02)
