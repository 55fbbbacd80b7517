"""Volumes out of a decoder, held to analytic densities and to volumes decoded by another program."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.positional_encoding import encode
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.reconstruction import decode
from napari_tomodrgn.reconstruction.decode import (
    VolumeDecoder,
    decode_volumes,
    half_grid,
    low_pass_volume,
    volume_of,
)
from napari_tomodrgn.reconstruction.fsc import fsc
from napari_tomodrgn.training.device import Compute

SIGMA = 1.6
OFFSET = np.array([3.0, -2.0, 1.0])  # x, y, z in voxels from D/2


def gaussian_blob(box: int, spacing: float = 1.0) -> np.ndarray:
    """Sample a unit-mass Gaussian at OFFSET on a grid whose voxels are ``spacing`` wide; z, y, x order."""
    steps = (np.arange(box) - box // 2) * spacing
    z, y, x = np.meshgrid(steps, steps, steps, indexing="ij")
    squared = (x - OFFSET[0]) ** 2 + (y - OFFSET[1]) ** 2 + (z - OFFSET[2]) ** 2
    return np.exp(-squared / (2 * SIGMA**2)) / (2 * np.pi * SIGMA**2) ** 1.5


def analytic_transform(k3: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the Fourier transform of that Gaussian at points (n, 3), x, y, z in cycles/voxel."""
    envelope = torch.exp(-2 * torch.pi**2 * SIGMA**2 * (k3**2).sum(1))
    phase = -2 * torch.pi * k3 @ torch.tensor(OFFSET, dtype=k3.dtype)
    return envelope * phase.cos(), envelope * phase.sin()


@pytest.mark.parametrize("box", [32, 20])
def test_a_density_stands_where_its_transform_says_and_keeps_its_units_when_cropped(box: int) -> None:
    grid = half_grid(32, box)
    volume = volume_of(*analytic_transform(grid.k3), grid, scale=(box / 32) ** 3)

    expected = gaussian_blob(box, spacing=32 / box)
    assert np.abs((volume - volume.mean()) - (expected - expected.mean())).max() < 0.02 * expected.max()


def test_low_pass_keeps_what_is_coarse_and_removes_what_is_fine() -> None:
    box, pixel_size = 32, 4.0
    x = np.arange(box)
    coarse = np.cos(2 * np.pi * 2 * x / box) * np.ones((box, box, 1))
    fine = np.cos(2 * np.pi * 12 * x / box) * np.ones((box, box, 1))

    filtered = low_pass_volume((coarse + fine).astype(np.float32), pixel_size, low_pass=box * pixel_size / 6)

    assert np.allclose(filtered, coarse, atol=1e-5)


def test_decoded_volume_is_the_inverse_transform_of_the_decoder_over_the_whole_cube() -> None:
    box = 12
    decoder = Decoder(Architecture(box, 3, decoder=Layers(16, 2), seed=4))
    z = np.array([[0.3, -1.0, 0.5]], dtype=np.float32)

    volume = next(iter(decode_volumes(decoder, z, standard_deviation=2.5)))

    steps = np.arange(-box // 2 + 1, box // 2)
    expected = np.zeros((box, box, box))
    grid = np.arange(box) - box // 2
    for kz in steps:
        for ky in steps:
            kx = steps[(steps**2 + ky**2 + kz**2 <= (box // 2) ** 2) & (steps**2 + ky**2 + kz**2 > 0)]
            if len(kx) == 0:
                continue
            k3 = torch.tensor(np.stack([kx, np.full_like(kx, ky), np.full_like(kx, kz)], 1) / box, dtype=torch.float32)
            with torch.no_grad():
                real, imaginary = decoder.evaluate(k3, torch.from_numpy(z[0]))
            waves = np.exp(2j * np.pi * np.outer(kx, grid) / box)
            row = ((real.numpy() + 1j * imaginary.numpy())[:, None] * waves).sum(0)
            plane = np.exp(2j * np.pi * (ky * grid[:, None] + kz * grid[:, None, None]) / box)
            expected += 2.5 * (plane * row).real / box**3
    outside_nyquist = np.fft.fftn(np.fft.ifftshift(volume))
    outside_nyquist[box // 2] = outside_nyquist[:, box // 2] = outside_nyquist[:, :, box // 2] = 0
    assert np.allclose(np.fft.fftshift(np.fft.ifftn(outside_nyquist).real), expected, atol=1e-5)


@pytest.mark.parametrize(("box", "kept"), [(24, True), (16, True), (24, False)])
def test_volumes_are_the_same_together_alone_and_with_nothing_kept(
    box: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the decoder asked plainly, point by point of the half grid."""
    monkeypatch.setitem(decode.POINTS_PER_BLOCK, "cpu", 500)
    if not kept:
        monkeypatch.setattr(decode, "MOST_KEPT", 0)
    decoder = Decoder(Architecture(24, 3, decoder=Layers(32, 2), seed=1))
    decoder.latent_scale.copy_(torch.tensor([1.0, 2.0, 0.5]))
    z = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    volumes, grid = VolumeDecoder(decoder, standard_deviation=2.0, box=box), half_grid(24, box)
    together = volumes.volumes(z.numpy())
    for latent, found in zip(z, together, strict=True):
        with torch.no_grad():
            real, imaginary = decoder.evaluate(grid.k3, latent)
        expected = volume_of(real, imaginary, grid, 2.0 * (box / 24) ** 3)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5)
        (alone,) = volumes.volumes(latent[None].numpy())
        np.testing.assert_allclose(alone / scale, expected / scale, atol=1e-5)
    one_by_one = list(decode_volumes(decoder, z.numpy(), standard_deviation=2.0, box=box))
    assert all(np.array_equal(one, other) for one, other in zip(one_by_one, together, strict=True))


def test_half_precision_leaves_a_volume_as_it_is_but_for_rounding() -> None:
    decoder = Decoder(Architecture(32, 2, seed=3))
    z = np.array([[0.5, -1.0]], np.float32)
    (exact,) = decode_volumes(decoder, z, standard_deviation=1)
    (rough,) = decode_volumes(decoder, z, standard_deviation=1, compute=Compute(torch.device("cpu"), "bf16"))
    assert 0 < np.linalg.norm(rough - exact) < 0.01 * np.linalg.norm(exact)
    assert fsc(rough, exact)[1:].min() > 0.999


def test_latents_of_another_dimension_are_refused() -> None:
    decoder = Decoder(Architecture(8, 3, decoder=Layers(8, 1)))
    with pytest.raises(InputError, match="2 dimensions, the decoder was trained with 3"):
        next(decode_volumes(decoder, np.zeros((1, 2)), standard_deviation=1))


def test_weights_of_another_program_decode_to_its_own_volumes(shared_data: Path) -> None:
    """The reference evaluates both halves of Fourier space, so its network is asked on both here."""
    folder = shared_data / "tomodrgn_run"
    stored = torch.load(folder / "weights.pkl", weights_only=True)["model_state_dict"]
    decoder = Decoder(Architecture(32, 4, decoder=Layers(64, 3)))
    decoder.vectors = stored["decoder.freqs"]
    names = ["0", *(f"{2 * n}.linear" for n in (1, 2, 3)), "8"]
    for layer, name in zip((decoder.mlp.first, *decoder.mlp.hidden, decoder.mlp.last), names, strict=True):
        layer.weight.data = stored[f"decoder.decoder.main.{name}.weight"]
        layer.bias.data = stored[f"decoder.decoder.main.{name}.bias"]
    z = torch.tensor(np.loadtxt(folder / "z_values.txt"), dtype=torch.float32)
    grid = half_grid(32, 32)

    for number, latent in enumerate(z):
        with torch.no_grad():
            row = decoder.latent_input(latent[None])

            def hartley(k3: torch.Tensor, row: torch.Tensor = row) -> torch.Tensor:
                hidden = torch.relu(
                    decoder.mlp.first.bias
                    + encode(k3, decoder.vectors) @ decoder.mlp.first.weight[:, : decoder.features].T
                    + row
                )
                for layer in decoder.mlp.hidden:
                    hidden = torch.relu(layer(hidden) + hidden)
                values = decoder.mlp.last(hidden)
                return values[:, 0] - values[:, 1]

            plus, minus = hartley(grid.k3), hartley(-grid.k3)
        volume = volume_of((plus + minus) / 2, (minus - plus) / 2, grid, scale=173.8)
        theirs = read_map(folder / f"vol_{number:03d}.mrc").values
        assert np.corrcoef(volume.ravel(), theirs.ravel())[0, 1] > 0.999
        assert volume.std() == pytest.approx(theirs.std(), rel=0.02)
