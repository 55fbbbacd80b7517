"""Hartley pairs against numpy's Fourier transform and against moved images."""

import numpy as np
import pytest
import torch
from scipy.ndimage import fourier_shift

from napari_tomodrgn.imaging.hartley import (
    complex_to_pairs,
    hartley2,
    pairs_of_plane,
    pairs_to_complex,
    pairs_to_images,
    shift_pairs,
)
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.preprocess import preprocess
from napari_tomodrgn.imaging.window import soft_circle

BOX = 32
POINTS = lattice(BOX)


def random_images(count: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, BOX, BOX))).float()


def pairs_of(images: torch.Tensor) -> torch.Tensor:
    return pairs_of_plane(hartley2(images), POINTS)


def band_limited(images: torch.Tensor) -> torch.Tensor:
    """Remove DC, the Nyquist lines and everything beyond |k| = 0.5, with numpy."""
    frequency = np.fft.fftfreq(BOX)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    kept = (radius > 0) & (radius < 0.5)
    return torch.from_numpy(np.fft.ifft2(np.fft.fft2(images.numpy()) * kept).real).float()


def direct_transform(image: np.ndarray) -> np.ndarray:
    """Return the sum of image exp(-2 pi i k.(x - D/2)) at every lattice point."""
    position = np.arange(BOX) - BOX // 2
    k = POINTS.k.double().numpy()
    wave_x = np.exp(-2j * np.pi * k[:, :1] * position)
    wave_y = np.exp(-2j * np.pi * k[:, 1:] * position)
    return np.einsum("px,py,yx->p", wave_x, wave_y, image)


@pytest.mark.parametrize(("box", "coordinates"), [(32, 796), (64, 3208)])
def test_lattice_has_the_papers_number_of_points(box: int, coordinates: int) -> None:
    assert lattice(box).coordinates == coordinates


def test_lattice_holds_one_of_each_pair_in_order_of_radius() -> None:
    k = POINTS.k
    both = torch.cat([k, -k])

    assert len(torch.unique(both, dim=0)) == len(both)
    assert (torch.diff(k.norm(dim=1)) >= 0).all()
    assert float(k.norm(dim=1).max()) == 0.5


def test_pairs_are_the_centred_unnormalised_fourier_transform() -> None:
    image = random_images(1)[0]

    found = pairs_to_complex(pairs_of(image)).numpy()

    np.testing.assert_allclose(found, direct_transform(image.double().numpy()), atol=2e-4)


def test_pairs_are_real_minus_and_plus_imaginary() -> None:
    image = random_images(1)[0]
    expected = direct_transform(image.double().numpy())

    plus, minus = pairs_of(image).numpy()

    np.testing.assert_allclose(plus, expected.real - expected.imag, atol=2e-4)
    np.testing.assert_allclose(minus, expected.real + expected.imag, atol=2e-4)


def test_complex_values_and_pairs_go_round() -> None:
    pairs = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 2, POINTS.pairs)))

    torch.testing.assert_close(complex_to_pairs(pairs_to_complex(pairs)), pairs)


def test_images_and_pairs_go_round() -> None:
    images = band_limited(random_images())

    torch.testing.assert_close(pairs_to_images(pairs_of(images), POINTS), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shift", [(3, 0), (0, -2), (-5, 4)])
def test_whole_pixel_shift_rolls_the_image(shift: tuple[int, int]) -> None:
    images = band_limited(random_images())

    moved = shift_pairs(pairs_of(images), torch.tensor([shift] * 3), POINTS)

    expected = np.roll(images.numpy(), (shift[1], shift[0]), axis=(-2, -1))
    np.testing.assert_allclose(pairs_to_images(moved, POINTS).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("shift", [(0.5, 0.0), (1.25, -3.7), (-0.3, 0.8)])
def test_fractional_shift_is_scipys_fourier_shift(shift: tuple[float, float]) -> None:
    image = band_limited(random_images(1))

    moved = shift_pairs(pairs_of(image), torch.tensor([shift]), POINTS)

    expected = np.fft.ifft2(fourier_shift(np.fft.fft2(image[0].numpy()), (shift[1], shift[0]))).real
    np.testing.assert_allclose(pairs_to_images(moved, POINTS)[0].numpy(), expected, atol=1e-5)


def test_preprocessing_makes_dark_particles_positive() -> None:
    images, still = random_images(), torch.zeros(3, 2)

    bright = preprocess(images, still, POINTS)
    dark = preprocess(-images, still, POINTS, contrast="dark")

    torch.testing.assert_close(bright, dark)


def test_preprocessing_windows_then_shifts() -> None:
    image, shift = random_images(1), torch.tensor([[2.0, -1.0]])

    found = preprocess(image.to(torch.float16), shift, POINTS)

    windowed = image.to(torch.float16).float() * soft_circle(BOX)
    torch.testing.assert_close(found, shift_pairs(pairs_of(windowed), shift, POINTS))


def test_window_falls_as_a_cosine_from_0_8_to_0_9_of_the_half_box() -> None:
    profile = soft_circle(200)[100, 100:]  # one sample a hundredth of the half-box

    np.testing.assert_allclose(profile[:81], 1.0)
    np.testing.assert_allclose(profile[[82, 85, 88]], 0.5 + 0.5 * np.cos(np.pi * np.array([0.2, 0.5, 0.8])), atol=1e-5)
    np.testing.assert_allclose(profile[90:], 0.0, atol=1e-6)
