"""Evidence of a decoder that has learned a chiral map: against projections made in real space, and planted noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch_ctf
from scipy import ndimage
from scipy.special import j1

from napari_tomodrgn.analysis.particle_evidence import ParticleEvidence, deviation
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.stacks import ImageStacks

from .conftest import CHIRAL, Taught

BOX, PIXEL_SIZE, TILTS = 32, CHIRAL["pixel_size"], CHIRAL["tilts"]
LOOKED_AT = range(6)


@pytest.fixture(scope="module")
def evidence(taught: Taught) -> list[ParticleEvidence]:
    return [taught.source.of(particle) for particle in LOOKED_AT]


def turned_and_summed(volume: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Turn a map (z, y, x) about voxel D/2 and sum along z."""
    back = rotation.T[::-1, ::-1].astype(float)
    pivot = np.full(3, BOX // 2)
    return ndimage.affine_transform(volume.astype(float), back, offset=pivot - back @ pivot, order=3).sum(axis=0)


def through_microscope(image: np.ndarray, particle_set: ParticleSet, row: int) -> np.ndarray:
    """Multiply an image by the CTF of another package; what lies beyond the circle of the lattice is left out."""
    optics = particle_set.tilt_images.iloc[row]
    ctf = torch_ctf.calculate_ctf_2d(
        defocus=(optics["defocus_u"] + optics["defocus_v"]) / 2e4,
        astigmatism=(optics["defocus_u"] - optics["defocus_v"]) / 2e4,
        astigmatism_angle=optics["defocus_angle"],
        voltage=300.0,
        spherical_aberration=2.7,
        amplitude_contrast=0.1,
        phase_shift=0.0,
        pixel_size=PIXEL_SIZE,
        image_shape=(BOX, BOX),
        rfft=False,
        fftshift=False,
    ).reshape(BOX, BOX)
    k = np.hypot(np.fft.fftfreq(BOX)[:, None], np.fft.fftfreq(BOX)[None])
    return np.fft.ifft2(np.fft.fft2(image) * ctf.numpy() * ((k > 0) & (k <= 0.5))).real


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def shell_power(pairs: torch.Tensor, source: ParticleEvidence) -> np.ndarray:
    """(D/2,) mean power of pairs in the shells 1 … D/2, beyond no mask."""
    shell = (lattice(source.box).k.norm(dim=1) * source.box).round().long().numpy()
    power = (pairs**2).mean(dim=(0, 1)).numpy()
    return (np.bincount(shell, weights=power) / np.maximum(np.bincount(shell), 1))[1:]


def test_projections_are_those_made_in_real_space_and_no_others(taught: Taught, evidence: list) -> None:
    """Turned and summed, through another package's CTF: closer than flipped, transposed, or of another tilt."""
    for particle in LOOKED_AT:
        found = evidence[particle].in_real_space("projection", masked=False).numpy()
        rows = taught.rows(particle)
        truth = [
            through_microscope(turned_and_summed(taught.map, taught.particle_set.rotations[row]), taught.clean, row)
            for row in rows
        ]
        for tilt in range(TILTS):
            own = correlation(found[tilt], truth[tilt])
            assert own > 0.92
            assert own > correlation(found[tilt], truth[(tilt + 3) % TILTS]) + 0.005
            assert own > correlation(found[tilt][::-1], truth[tilt]) + 0.1
            assert own > correlation(found[tilt].T, truth[tilt]) + 0.1


def test_images_are_centred_and_bright_as_they_are_compared(taught: Taught, evidence: list) -> None:
    """Closer to the clean images moved in real space by the star's shifts than to those as they are, or moved back."""
    found = {sign: [] for sign in (1, 0, -1)}  # type: dict[int, list[float]]
    for particle in LOOKED_AT:
        rows = taught.rows(particle)
        shifts = taught.clean.tilt_images[["shift_y", "shift_x"]].to_numpy()[rows] / PIXEL_SIZE
        clean = -ImageStacks(taught.clean).read(rows)  # cryosrpnt: dark
        shown = evidence[particle].in_real_space("image", masked=False).numpy()
        for sign, values in found.items():
            for image, shift, own in zip(clean, shifts, shown, strict=True):
                values.append(correlation(own, ndimage.shift(image, sign * shift, order=3, mode="grid-wrap")))
    moved, unmoved, back = (float(np.mean(values)) for values in found.values())
    assert moved > 0.6  # half of the images is noise
    assert moved > unmoved + 0.05 > back + 0.1


def test_residual_of_the_right_volume_is_the_noise_and_white(taught: Taught, evidence: list) -> None:
    for particle in LOOKED_AT:
        rows = taught.rows(particle)
        noise = ImageStacks(taught.particle_set).read(rows) - ImageStacks(taught.clean).read(rows)
        shifts = taught.clean.tilt_images[["shift_y", "shift_x"]].to_numpy()[rows] / PIXEL_SIZE
        planted = [
            ndimage.fourier_shift(np.fft.fft2(-image), shift) for image, shift in zip(noise, shifts, strict=True)
        ]
        left = evidence[particle].in_real_space("residual", masked=False).numpy()
        assert correlation(left, np.fft.ifft2(planted).real) > 0.85
    residual = torch.cat([each.pairs("residual") for each in evidence])
    images = torch.cat([each.pairs("image") for each in evidence])
    turned = torch.cat([each.images - each.projections.flip(0) for each in evidence])  # of other tilts
    floor = shell_power(residual, evidence[0])[-5:].mean()
    assert (shell_power(residual, evidence[0]) / floor).max() < 1.6
    assert (shell_power(turned, evidence[0]) / floor).max() > 3
    assert (shell_power(images, evidence[0]) / floor).max() > 8
    real = torch.cat([each.in_real_space("residual", masked=False) for each in evidence]).numpy()
    # of white noise within a circle of Fourier space, neighbours are as alike as its Airy pattern says
    assert correlation(real[:, :, 1:], real[:, :, :-1]) == pytest.approx(2 * j1(np.pi) / np.pi, abs=0.05)


def test_loss_falls_and_correlation_rises_with_the_right_projection(evidence: list) -> None:
    for each in evidence:
        weight = each.weights.numpy()[:, None]
        without = (weight * each.images.numpy() ** 2).sum((1, 2)) / (2 * each.kept)
        assert (each.loss < 0.7 * without).all()
        assert (each.correlation > 0.5).all()
        expected = (weight * each.pairs("residual").numpy() ** 2).sum((1, 2)) / (2 * each.kept)
        np.testing.assert_allclose(each.loss, expected, rtol=1e-4)


def test_what_is_known_of_the_images_is_that_of_the_star(taught: Taught, evidence: list) -> None:
    for particle in LOOKED_AT:
        own, table = evidence[particle], taught.clean.tilt_images.iloc[taught.rows(particle)]
        np.testing.assert_allclose(own.dose, table["dose"])
        np.testing.assert_allclose(own.defocus, (table["defocus_u"] + table["defocus_v"]) / 2)
        np.testing.assert_allclose(own.tilt, [0, 10, 10, 20, 20, 30, 30], atol=1e-3)
        assert not own.signed  # an image series has cosines only
        assert own.order("dose").tolist() == list(range(TILTS))
        assert sorted(own.order("tilt")) == list(range(TILTS))
        k = 0.25 / PIXEL_SIZE
        assert (own.weight < 1).all()
        assert (np.diff(own.weight) < 0).all()
        expected = np.exp(-own.dose / (2 * (0.24499 * k**-1.6649 + 2.8141))) * np.cos(np.deg2rad(own.tilt))
        np.testing.assert_allclose(own.weight, expected, atol=0.12)


def test_low_pass_and_mask_take_away_what_they_say(evidence: list) -> None:
    own, k = evidence[0], lattice(BOX).k.norm(dim=1) / PIXEL_SIZE
    coarse = own.shown("image", low_pass=40.0, masked=False)
    assert float(coarse[..., k > 1 / 40 + 1.1 / (BOX * PIXEL_SIZE)].abs().max()) == 0
    low = k < 1 / 40 - 1.1 / (BOX * PIXEL_SIZE)
    torch.testing.assert_close(coarse[..., low], own.images[..., low])
    cut = replace(own, kept=np.full(TILTS, 100))
    assert float(cut.shown("image")[..., 100:].abs().max()) == 0
    torch.testing.assert_close(cut.shown("image")[..., :100], own.images[..., :100])
    images = own.in_real_space("image", low_pass=40.0)
    found = deviation(own.shown("image", low_pass=40.0), BOX)
    assert found == pytest.approx(float(images.square().mean().sqrt()), rel=0.01)
