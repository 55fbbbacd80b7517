"""What a tilt image is multiplied by and weighed with, on exact values."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_tomodrgn.imaging.ctf import ctf
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleSet

POINTS = lattice(32)
PIXEL_SIZE = 4.0
COSINE = np.cos(np.deg2rad([0.0, 60.0]))
DOSE = np.array([3.0, 90.0])
MakeSet = Callable[..., ParticleSet]


def exposure() -> np.ndarray:
    k = POINTS.k.norm(dim=1).double().numpy() / PIXEL_SIZE
    return np.exp(-DOSE[:, None] / (2 * (0.24499 * k**-1.6649 + 2.8141)))


def tilts(make: MakeSet, **model: object) -> TiltImages:
    forward_model = ForwardModel(voltage_rule="300kv", **model)  # type: ignore[arg-type]
    return TiltImages.of(make(DOSE, tilt_cosine=COSINE, model=forward_model, pixel_size=PIXEL_SIZE))


@pytest.mark.parametrize(
    ("attenuation", "expected"),
    [
        ("none", np.ones((2, POINTS.pairs))),
        ("dose", exposure()),
        ("dose-tilt", exposure() * COSINE[:, None]),
    ],
)
def test_attenuation_is_what_the_extraction_multiplied_in(
    one_particle: MakeSet, attenuation: str, expected: np.ndarray
) -> None:
    found = tilts(one_particle, attenuation=attenuation).attenuation(POINTS)

    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("attenuation", "expected"),
    [
        ("none", exposure() * COSINE[:, None]),
        ("dose", np.ones((2, POINTS.pairs)) * COSINE[:, None]),
        ("dose-tilt", np.ones((2, POINTS.pairs))),
    ],
)
def test_weights_count_what_is_not_in_the_images_already(
    one_particle: MakeSet, attenuation: str, expected: np.ndarray
) -> None:
    found = tilts(one_particle, attenuation=attenuation).weights(POINTS)

    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


def test_cosine_of_60_degrees_weighs_a_half(one_particle: MakeSet) -> None:
    weights = tilts(one_particle, attenuation="none").weights(POINTS, dose=False)

    np.testing.assert_allclose(weights[1].numpy(), 0.5, rtol=1e-6)


def test_weights_can_be_left_out(one_particle: MakeSet) -> None:
    weights = tilts(one_particle, attenuation="none").weights(POINTS, dose=False, tilt=False)

    assert (weights == 1).all()


@pytest.mark.parametrize("power", [0, 1, 2])
def test_transfer_is_the_ctf_to_its_power_times_attenuation(one_particle: MakeSet, power: int) -> None:
    images = tilts(one_particle, ctf_power=power, attenuation="dose-tilt")

    once = ctf(POINTS.k / PIXEL_SIZE, *images.optics.unbind(1)).numpy()
    np.testing.assert_allclose(
        images.transfer(POINTS).numpy(), exposure() * COSINE[:, None] * once**power, rtol=1e-4, atol=1e-7
    )


def test_encoder_sees_phases_flipped_where_the_ctf_is_in_the_images_once(one_particle: MakeSet) -> None:
    once, twice = tilts(one_particle, ctf_power=1), tilts(one_particle, ctf_power=2)

    assert (once.encoder_sign(POINTS) * once.ctf(POINTS) >= 0).all()
    assert (once.encoder_sign(POINTS) < 0).any()
    assert (twice.encoder_sign(POINTS) == 1).all()


def test_slices_lie_where_the_rotation_takes_the_image_plane(one_particle: MakeSet) -> None:
    images = tilts(one_particle)

    k3 = images.k3(POINTS).double().numpy()

    flat = np.concatenate([POINTS.k.double().numpy(), np.zeros((POINTS.pairs, 1))], axis=1)
    for rotation, found in zip(images.rotation.double().numpy(), k3, strict=True):
        np.testing.assert_allclose(found @ rotation.T, flat, atol=1e-6)


def test_shifts_are_in_pixels(one_particle: MakeSet) -> None:
    particle_set = one_particle(DOSE, shift_x=8.0, shift_y=-2.0, pixel_size=4.0)

    np.testing.assert_allclose(TiltImages.of(particle_set).shift_px.numpy(), [[2.0, -0.5]] * 2)


@pytest.mark.parametrize(
    ("box", "pixel_size", "kept", "total"),
    [(64, 6.55, 96776, 131528), (128, 3.275, 194064, 526932), (256, 1.6375, 378516, 2108712)],
)
def test_dose_mask_keeps_what_the_papers_table_1_counts(
    one_particle: MakeSet, box: int, pixel_size: float, kept: int, total: int
) -> None:
    """41 tilt images of 3 e/Å², the dose taken at the middle of each exposure."""
    after_exposure = 3.0 * np.arange(1, 42)
    particle_set = one_particle(after_exposure, box=box, pixel_size=pixel_size, model=ForwardModel(dose_at="after"))
    points = lattice(box)

    mask = TiltImages.of(particle_set, dose_middle=True).dose_mask(points)

    assert (2 * int(mask.sum()), 41 * points.coordinates) == (kept, total)


@pytest.mark.parametrize(("dose_at", "offset"), [("before", 1.5), ("middle", 0.0), ("after", -1.5)])
def test_dose_moves_to_the_middle_of_the_exposure(one_particle: MakeSet, dose_at: str, offset: float) -> None:
    written = np.array([9.0, 3.0, 6.0, 12.0])
    model = ForwardModel(dose_at=dose_at)  # type: ignore[arg-type]

    found = TiltImages.of(one_particle(written, model=model), dose_middle=True).dose

    np.testing.assert_allclose(found.numpy(), written + offset)


def test_indexing_takes_the_same_images_of_everything(one_particle: MakeSet) -> None:
    images = tilts(one_particle, attenuation="dose")

    second = images[torch.tensor([1])]

    torch.testing.assert_close(second.transfer(POINTS), images.transfer(POINTS)[1:])
    torch.testing.assert_close(second.weights(POINTS), images.weights(POINTS)[1:])
