"""The CTF against torch-ctf, which measures the astigmatism angle from the x axis as well and has the same sign."""

import math

import pytest
import torch
import torch_ctf

from napari_tomodrgn.imaging.ctf import ctf, electron_wavelength
from napari_tomodrgn.imaging.lattice import lattice

BOX, PIXEL_SIZE = 64, 3.0
# Two programs' wavelengths differ by 2.6e-5, which is worth up to 5e-3 in the CTF at Nyquist.
TOLERANCE = 5e-3


def ours(
    defocus_u: float,
    defocus_v: float,
    angle: float,
    *,
    voltage: float = 300.0,
    spherical_aberration: float = 2.7,
    amplitude_contrast: float = 0.1,
    phase_shift: float = 0.0,
    **more: float,
) -> torch.Tensor:
    scalars = (defocus_u, defocus_v, angle, voltage, spherical_aberration, amplitude_contrast, phase_shift)
    extra = {name: torch.tensor([value]) for name, value in more.items()}
    return ctf(lattice(BOX).k / PIXEL_SIZE, *(torch.tensor([value]) for value in scalars), **extra)[0]


def oracle(
    defocus_u: float,
    defocus_v: float,
    angle: float,
    voltage: float,
    spherical_aberration: float,
    amplitude_contrast: float,
    phase_shift: float,
) -> torch.Tensor:
    plane = torch_ctf.calculate_ctf_2d(
        defocus=(defocus_u + defocus_v) / 2e4,
        astigmatism=(defocus_u - defocus_v) / 2e4,
        astigmatism_angle=angle,
        voltage=voltage,
        spherical_aberration=spherical_aberration,
        amplitude_contrast=amplitude_contrast,
        phase_shift=phase_shift,
        pixel_size=PIXEL_SIZE,
        image_shape=(BOX, BOX),
        rfft=False,
        fftshift=False,
    ).reshape(BOX, BOX)
    index = torch.round(lattice(BOX).k * BOX).long() % BOX
    return plane[index[:, 1], index[:, 0]]


@pytest.mark.parametrize("voltage", [200.0, 300.0])
@pytest.mark.parametrize("phase_shift", [0.0, 90.0])
@pytest.mark.parametrize(("u", "v", "angle"), [(15000.0, 15000.0, 0.0), (22000.0, 19000.0, 35.0), (32000, 30500, -70)])
def test_agrees_with_torch_ctf(u: float, v: float, angle: float, phase_shift: float, voltage: float) -> None:
    found = ours(u, v, angle, voltage=voltage, phase_shift=phase_shift)

    expected = oracle(u, v, angle, voltage, 2.7, 0.1, phase_shift)

    assert (found - expected).abs().max() < TOLERANCE


def test_u_below_v_is_the_same_ellipse_turned_by_90_degrees() -> None:
    found = ours(19000.0, 22000.0, 35.0)

    assert torch.isfinite(found).all()
    assert (found - oracle(22000.0, 19000.0, 125.0, 300.0, 2.7, 0.1, 0.0)).abs().max() < TOLERANCE


def test_defocus_u_lies_along_its_angle_from_the_x_axis() -> None:
    points = lattice(BOX)
    along_x = (points.k[:, 1] == 0).nonzero().flatten()

    astigmatic = ours(30000.0, 20000.0, 0.0)[along_x]
    round_one = ours(30000.0, 30000.0, 0.0)[along_x]

    torch.testing.assert_close(astigmatic, round_one, atol=1e-4, rtol=0)


def test_is_positive_at_low_resolution_for_underfocus() -> None:
    assert ours(20000.0, 20000.0, 0.0)[0] > 0.1


def test_amplitude_contrast_alone_is_left_without_defocus_and_aberration() -> None:
    found = ours(0.0, 0.0, 0.0, spherical_aberration=0.0, amplitude_contrast=0.07)

    torch.testing.assert_close(found, torch.full_like(found, 0.07))


def test_scale_and_b_factor_multiply() -> None:
    k = lattice(BOX).k.norm(dim=1) / PIXEL_SIZE

    found = ours(20000.0, 21000.0, 10.0, scale=0.5, b_factor=80.0)

    expected = ours(20000.0, 21000.0, 10.0) * 0.5 * torch.exp(-80.0 * k**2 / 4)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("kilovolts", "picometres"), [(200, 2.508), (300, 1.969)])
def test_wavelength_is_the_textbook_one(kilovolts: int, picometres: float) -> None:
    found = float(electron_wavelength(torch.tensor(float(kilovolts)))) * 100

    assert math.isclose(found, picometres, rel_tol=5e-4)
