"""Weights by the noise's power: against spectra that the noise was made with."""

from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.embed import embed
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.options import EmbedOptions, TrainOptions
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.store import DirectImages
from napari_tomodrgn.training.train import train

from .test_train import same, small, weights

BOX, TILTS, PIXEL = 32, 3, 8.0
FREQUENCY = np.hypot(*np.meshgrid(np.fft.fftfreq(BOX), np.fft.fftfreq(BOX), indexing="ij"))


def planted(k: np.ndarray, tilt: int) -> np.ndarray:  # type: ignore[type-arg]
    """Return the power of the noise of a tilt at frequencies ``k``: ever more at low and at high ones."""
    return (1 + tilt) * (1 + (4 + 8 * tilt) * np.exp(-((k / 0.12) ** 2)) + 3 * tilt * k)


def coloured(power: np.ndarray, generator: np.random.Generator) -> np.ndarray:  # type: ignore[type-arg]
    """Return an image (D, D) of noise whose variance is 1 where the power (D, D) is."""
    white = np.fft.fft2(generator.standard_normal(power.shape))
    return np.fft.ifft2(white * np.sqrt(power)).real


def write_images(star: Path, images: list[np.ndarray]) -> None:  # type: ignore[type-arg]
    with mrcfile.new(star.parent / "images.mrcs", overwrite=True) as stack:
        stack.set_data(np.stack(images).astype(np.float32))


@pytest.fixture
def noise(tiny_set) -> ParticleSet:  # type: ignore[no-untyped-def]
    """Eighty particles of three tilts that hold noise of the planted spectra."""
    star = tiny_set(tilts=(TILTS,) * 80, box=BOX, dose=40.0)
    generator = np.random.default_rng(1)
    write_images(star, [coloured(planted(FREQUENCY, row % TILTS), generator) for row in range(80 * TILTS)])
    return TrainOptions(particles=star, outdir=Path("unused")).open()


def measured(particle_set: ParticleSet, **given: bool) -> Images:
    source = DirectImages(particle_set, window=False)
    return Images.on(torch.device("cpu"), particle_set, source, Weighting(whiten=True, **given))


def factors(images: Images, **given: bool) -> np.ndarray:  # type: ignore[type-arg]
    """Return what the weights (M, P) of all images are multiplied by."""
    plain = Weighting(**given).within_mask(images.tilts, images.lattice)
    return (images.weighting.within_mask(images.tilts, images.lattice) / plain).numpy()


def test_weights_are_one_over_the_planted_power(noise: ParticleSet) -> None:
    images = measured(noise)
    k = images.lattice.k.norm(dim=1).double().numpy()
    truth = np.stack([planted(k, row % TILTS) for row in range(len(images.tilts))])
    assert truth.max() / truth.min() > 30

    standardised = truth * BOX**2 / images.standard_deviation**2
    assert images.weighting.spectra is not None
    np.testing.assert_allclose(factors(images) * standardised, images.weighting.spectra.level, rtol=0.2)
    assert np.std(np.log(factors(images) * standardised)) < 0.05


def test_the_mean_weight_of_what_counts_stays(noise: ParticleSet) -> None:
    images = measured(noise)
    inside = images.tilts.dose_mask(images.lattice)
    before = Weighting().within_mask(images.tilts, images.lattice)[inside].double().mean()
    after = images.weighting.within_mask(images.tilts, images.lattice)[inside].double().mean()
    assert not inside.all()
    assert float(after) == pytest.approx(float(before), rel=1e-5)


def test_the_encoder_sees_white_noise(noise: ParticleSet) -> None:
    """Each tilt's images have variance 1 in the lowest, a middle and the highest part of their frequencies."""
    images = measured(noise)
    assert images.weighting.spectra is not None
    pairs = images.source.take(torch.arange(len(images.tilts)))
    seen = pairs * images.weighting.spectra.whitening(images.tilts, images.lattice)[:, None]
    for tilt in range(TILTS):
        for part in (slice(0, 30), slice(150, 250), slice(-100, None)):
            assert float(seen[tilt::TILTS, :, part].square().mean()) == pytest.approx(1, abs=0.1)


def test_noise_attenuated_with_its_signal_counts_as_before(tiny_set) -> None:  # type: ignore[no-untyped-def]
    """White noise times the exposure weights of Grant & Grigorieff: nothing is undone of what exposure has taken."""
    star = tiny_set(tilts=(TILTS,) * 80, box=BOX, dose=4.0)
    generator, k = np.random.default_rng(2), np.maximum(FREQUENCY, 1e-6) / PIXEL
    critical = 0.24499 * k**-1.6649 + 2.8141
    write_images(
        star,
        [coloured(np.exp(-4.0 * (1 + row % TILTS) / (2 * critical)) ** 2, generator) for row in range(80 * TILTS)],
    )
    particle_set = TrainOptions(particles=star, outdir=Path("unused"), attenuation="dose").open()
    found = factors(measured(particle_set))
    np.testing.assert_allclose(found / found.mean(), 1, atol=0.15)


def test_tomograms_of_few_images_share_their_spectra(noise: ParticleSet) -> None:
    """Three particles are too few for spectra of their own: theirs are those of all images at the same dose."""
    tomogram = np.repeat(["large", "small"], [77, 3])
    images = measured(replace(noise, particles=noise.particles.assign(tomogram=tomogram)))
    group = images.tilts.noise_group
    assert group is not None
    of_tilt = [
        [set(group[rows][tilt::TILTS].tolist()) for tilt in range(TILTS)] for rows in (slice(231), slice(231, 240))
    ]
    assert all(len(groups) == 1 for rows in of_tilt for groups in rows)
    assert len(set.union(*of_tilt[0], *of_tilt[1])) == 2 * TILTS
    k = images.lattice.k.norm(dim=1).double().numpy()
    last = factors(images)[-1] * planted(k, TILTS - 1)
    assert np.std(np.log(last)) < 0.1


def test_empty_frequencies_do_not_count_without_end(noise: ParticleSet) -> None:
    star = Path(noise.source.path)
    generator = np.random.default_rng(3)
    write_images(star, [coloured((FREQUENCY < 0.3) * 1.0, generator) for _ in range(80 * TILTS)])
    found = factors(measured(TrainOptions(particles=star, outdir=Path("unused")).open()))
    assert np.isfinite(found).all()
    assert found.max() / found.min() < 300


def test_a_run_goes_on_and_embeds_as_it_began(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=(4,) * 25)
    whole = train(small(path, tmp_path / "whole", whiten=True, epochs=2))
    train(small(path, tmp_path / "parts", whiten=True, epochs=1))
    resumed = train(TrainOptions(particles=path, outdir=tmp_path / "parts", epochs=2, resume=True))
    assert same(weights(resumed), weights(whole))
    plain = train(small(path, tmp_path / "plain", epochs=2))
    assert not same(weights(plain), weights(whole))
    embedded = embed(EmbedOptions(particles=path, run=whole.path, output=tmp_path / "z.npz"))
    np.testing.assert_allclose(embedded.z_mean, whole.latents().z_mean, atol=1e-3)


def test_a_map_comes_out_nearer_to_the_truth(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A decoder alone on projections of blobs, whose transform is known, in noise that differs from tilt to tilt."""
    box, particles = 16, 60
    star = tiny_set(tilts=(4,) * particles, box=box, dose=0.0)
    rotations = TrainOptions(particles=star, outdir=Path("unused"), ctf_power="0").open().rotations
    centres, width = np.array([[2.5, 0, 0], [-1, 2, 0], [0, -2, 2.5], [0, 0, -3]]), 1.2
    generator = np.random.default_rng(4)
    steps = np.arange(box) - box // 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(box), np.fft.fftfreq(box), indexing="ij"))
    power = [1 + 60 * np.exp(-((frequency / 0.12) ** 2)), 0.5 + 60 * (frequency > 0.2)]
    images = []
    for row, rotation in enumerate(rotations):
        x, y = (centres @ rotation.T)[:, :2].T + np.array([[-0.5], [0.3]]) / 8.0  # origins of 0.5 and -0.3 Å
        blobs = (
            np.exp(-((steps - y[:, None]) ** 2) / (2 * width**2)),
            np.exp(-((steps - x[:, None]) ** 2) / (2 * width**2)),
        )
        images.append(0.3 * np.einsum("by,bx->yx", *blobs) + coloured(power[row % 2], generator))
    write_images(star, images)

    half = torch.nn.functional.normalize(torch.randn(4000, 3, generator=torch.Generator().manual_seed(5)), dim=1)
    k3 = half * (0.05 + 0.4 * torch.rand(4000, 1, generator=torch.Generator().manual_seed(6)))
    waves = np.exp(-2j * np.pi * k3.numpy() @ centres.T).sum(1)
    truth = waves * np.exp(-2 * (np.pi * width * np.linalg.norm(k3.numpy(), axis=1)) ** 2)

    def agreement(**given: bool) -> float:
        name = "whitened" if given else "plain"
        options = small(
            star, tmp_path / name, latent_dim=0, decoder="32x2", epochs=12, batch_size=4, learning_rate=3e-3,
            ctf_power="0", contrast="bright", window=False, device="cpu", amp="off", **given,
        )  # fmt: skip
        with torch.no_grad():
            real, imaginary = load_model(train(options)).model.decoder.evaluate(k3, None)
        found = real.numpy() + 1j * imaginary.numpy()
        return float((found * truth.conj()).sum().real / np.sqrt((abs(found) ** 2).sum() * (abs(truth) ** 2).sum()))

    plain, whitened = agreement(), agreement(whiten=True)
    assert whitened > plain + 0.1
