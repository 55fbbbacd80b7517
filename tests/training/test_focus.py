"""A loss within the shadow of a mask: against sums written out, and densities projected in real space."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform, map_coordinates
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training import decoding
from napari_tomodrgn.training.decoding import Decoding
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.focus import FocusMask
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.plan import plan
from napari_tomodrgn.training.points import BatchImages, Weighting, blocks_of_images
from napari_tomodrgn.training.train import train

from .test_train import same, small, weights

BOX, COUNTS, WIDTH = 16, (5, 2, 4), 1.6
CENTRE = np.array([2.5, -1.0, 2.0])  # x, y, z of the mask's middle, px from voxel D/2
SMALL = Layers(8, 1)
Z = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))


def ball(centre: np.ndarray, box: int = BOX, width: float = WIDTH) -> torch.Tensor:  # type: ignore[type-arg]
    """Return a mask (D, D, D), z, y, x: a Gaussian about ``centre`` (x, y, z)."""
    z, y, x = np.mgrid[:box, :box, :box] - box // 2
    squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2
    return torch.from_numpy(np.exp(-squared / (2 * width**2))).float()


def shadow_of_ball(rotation: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Return, in closed form, the shadow at places of the image: 2 px thick is full, softened by 1 px."""
    middle = rotation @ CENTRE
    squared = WIDTH**2 + 1
    thickness = np.sqrt(2 * np.pi) * WIDTH**3 / squared
    return np.clip(thickness * np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (2 * squared)) / 2, 0, 1)


@pytest.fixture
def tilts(tiny_set) -> TiltImages:  # type: ignore[no-untyped-def]
    """Parameters of eleven tilt images whose dose mask cuts off ever more."""
    return TiltImages.of(TrainOptions(particles=tiny_set(tilts=COUNTS, dose=20.0), outdir=Path("unused")).open())


def batch_of(tilts: TiltImages, pairs: torch.Tensor | None = None) -> BatchImages:
    if pairs is None:
        pairs = torch.randn(len(tilts), 2, lattice(BOX).pairs, generator=torch.Generator().manual_seed(3))
    return BatchImages(tilts, pairs, torch.tensor(COUNTS), Weighting().kept(tilts, lattice(BOX)))


def found(images: BatchImages, focus: FocusMask | None) -> tuple[VAE, torch.Tensor, torch.Tensor]:
    """Return a model, the losses, and the gradient of their sum by the decoder's weights and latent input."""
    model = VAE(Architecture(BOX, 2, "mean", 0, SMALL, 4, SMALL, Layers(16, 2)))
    decoder = Decoding(model.decoder, lattice(BOX), Weighting(focus=focus), choose_compute("cpu", "off"))
    losses, latent = decoder.gradient(images, model.decoder.latent_input(Z).detach(), 1.0)
    assert latent is not None
    torch.testing.assert_close(decoder.losses(images, model.decoder.latent_input(Z).detach()), losses)
    parts = [each.grad.flatten() for each in model.decoder.mlp.parameters() if each.grad is not None]
    return model, losses, torch.cat([*parts, latent.flatten()])


def places(size: int = BOX + 2) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Return x and y, px from the pivot, of the places that a field of D px is sampled at."""
    along = np.fft.ifftshift(np.arange(size) - size // 2) * BOX / size
    x, y = np.meshgrid(along, along, indexing="ij")
    return x, y


def written_out(
    decoder: Decoder, latent_input: torch.Tensor, images: BatchImages, shadows: torch.Tensor
) -> torch.Tensor:
    """Return the losses (B,) in float64: residuals of the whole plane, k and -k apart, summed up as waves."""
    plane, size, row = lattice(BOX), BOX + 2, 0
    x, y = (each.ravel() for each in places())
    both = torch.cat([plane.k, -plane.k]).double()
    phase = 2 * torch.pi * both @ torch.from_numpy(np.stack([x, y]))
    waves = torch.polar(torch.ones_like(phase), phase)
    losses = []
    for particle, count in enumerate(COUNTS):
        total, kept = torch.zeros(()).double(), 0
        for image in range(row, row + count):
            one = images.tilts[slice(image, image + 1)]
            inside = one.dose_mask(plane)[0].repeat(2)
            weight = (one.exposure(plane)[0] * one.tilt_cosine).double().repeat(2)
            real, imaginary = decoder(both @ one.rotation[0, :2].double(), latent_input[particle])
            plus, minus = images.pairs[image].double()
            seen = torch.complex(((plus + minus) / 2).repeat(2), torch.cat([minus - plus, plus - minus]) / 2)
            residual = one.ctf(plane)[0].double().repeat(2) * torch.complex(real.double(), imaginary.double()) - seen
            density = ((weight * inside).sqrt() * residual) @ waves / size
            total = total + (shadows[image].flatten() ** 2 * density.abs() ** 2).sum()
            kept += int(inside.sum())
        losses.append(total / kept)
        row += count
    return torch.stack(losses)


def test_loss_and_gradient_written_out_on_the_whole_plane(tilts: TiltImages) -> None:
    images = batch_of(tilts)
    focus = FocusMask(ball(CENTRE))
    model, losses, gradient = found(images, focus)

    decoder = deepcopy(model.decoder).double()
    latent_input = decoder.latent_input(Z.double()).detach().requires_grad_()
    expected = written_out(decoder, latent_input, images, focus.shadows(tilts.rotation).double())
    slopes = torch.autograd.grad(expected.sum(), [*decoder.mlp.parameters(), latent_input])
    slopes[0][:, decoder.features :] = 0  # the latents' own weights, whose gradient comes by the latent input

    assert (losses < 0.5 * found(images, None)[1]).all()
    torch.testing.assert_close(losses.double(), expected.detach(), rtol=1e-5, atol=0)
    theirs = torch.cat([each.flatten() for each in slopes])
    assert float((gradient - theirs).norm() / theirs.norm()) < 1e-5


def test_the_shadow_of_a_ball_is_the_one_in_closed_form(tilts: TiltImages) -> None:
    shadows = FocusMask(ball(CENTRE)).shadows(tilts.rotation).numpy()
    expected = np.stack([shadow_of_ball(rotation, *places()) for rotation in tilts.rotation.double().numpy()])
    assert (expected == 1).any()
    np.testing.assert_allclose(shadows, expected, atol=0.02)


def test_a_mask_of_ones_leaves_the_plain_loss(tilts: TiltImages) -> None:
    images = batch_of(tilts)
    (_, losses, gradient), (_, plain, expected) = (
        found(images, focus) for focus in (FocusMask(torch.ones(BOX, BOX, BOX)), None)
    )
    torch.testing.assert_close(losses, plain, rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize(("size", "one_particle"), [(1, True), (300, True), (1, False), (300, False), (10**6, False)])
def test_blocks_of_whole_images_give_the_same(
    tilts: TiltImages, size: int, one_particle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, focus = batch_of(tilts), FocusMask(ball(CENTRE))
    _, losses, gradient = found(images, focus)
    blocks = blocks_of_images(images, size, one_particle=one_particle)
    first = images.first_points.tolist()
    assert [block.begin for block in blocks] == [0, *(block.end for block in blocks[:-1])]
    assert blocks[-1].end == first[-1]
    assert all(block.begin in first for block in blocks)
    monkeypatch.setattr(decoding, "blocks_of_images", lambda *_, **__: blocks)
    _, in_blocks, other = found(images, focus)
    torch.testing.assert_close(in_blocks, losses, rtol=1e-4, atol=0)
    torch.testing.assert_close(other, gradient, rtol=1e-3, atol=1e-5 * float(gradient.abs().max()))


@pytest.mark.parametrize("angles", [(0, 0, 0), (35, 50, -70), (110, 130, 20), (-20, 85, 150)])
def test_the_shadow_covers_what_the_mask_does(angles: tuple[float, float, float]) -> None:
    """A dense spot turned and summed along the beam by scipy, in a mask around it and in that mask's mirror image."""
    box, place = 32, np.array([6.0, -3.0, 5.0])  # x, y, z
    matrix = Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix().T  # from the reference to the image
    spot, half = ball(place, box, 1.5).numpy(), box // 2
    backward = matrix.T[::-1, ::-1]  # z, y, x of the image frame to those of the reference
    turned = affine_transform(spot, backward, half - backward @ np.full(3, half), order=3)
    projected = turned.sum(axis=0)

    def covered(centre: np.ndarray) -> float:  # type: ignore[type-arg]
        mask = (ball(centre, box, 4.0) > 0.3).float()
        shadow = FocusMask(mask).shadows(torch.from_numpy(matrix)[None].float())[0].numpy()
        y, x = np.mgrid[:box, :box] - half
        size = box + 2
        own = map_coordinates(shadow, np.stack([x, y]) * size / box, order=1, mode="grid-wrap")
        assert own.min() >= 0
        assert 0.05 < own.mean() < 0.3
        return float((own * projected).sum() / projected.sum())

    assert covered(place) > 0.95
    for mirrored in ([-1, 1, 1], [1, -1, 1], [1, 1, -1], [-1, -1, -1]):
        if np.linalg.norm((matrix @ (place * mirrored) - matrix @ place)[:2]) > 9:
            assert covered(place * mirrored) < 0.2


def test_what_stands_outside_the_shadow_does_not_count(tilts: TiltImages) -> None:
    """Images that the model explains, with something bright planted on the far side of the mask's middle."""
    tilts, plane = tilts[torch.arange(11)], lattice(BOX)
    images = batch_of(tilts)
    model = found(images, None)[0]
    latent, pairs = model.decoder.latent_input(Z).detach(), []
    owner = torch.repeat_interleave(torch.tensor(COUNTS))
    for image in range(11):
        with torch.no_grad():
            real, imaginary = model.decoder(tilts.k3(plane)[image], latent[owner[image]])
        own = tilts.ctf(plane)[image] * torch.complex(real, imaginary)
        middle = tilts.rotation[image].numpy() @ CENTRE
        away = torch.from_numpy(-middle[:2] / np.linalg.norm(middle[:2]) * 5).float()
        size = 20 * torch.exp(-2 * (torch.pi * plane.k.norm(dim=1)) ** 2)
        planted = own + torch.polar(size, -2 * torch.pi * plane.k @ away)
        pairs.append(torch.stack([planted.real - planted.imag, planted.real + planted.imag]))
    planted = batch_of(tilts, torch.stack(pairs))
    plain, within = found(planted, None)[1], found(planted, FocusMask(ball(CENTRE)))[1]
    assert (within < 0.02 * plain).all()


def mask_file(path: Path, values: np.ndarray, pixel_size: float = 8.0) -> Path:  # type: ignore[type-arg]
    with mrcfile.new(path, overwrite=True) as stream:
        stream.set_data(np.zeros(values.shape, np.float32))
        stream.voxel_size = pixel_size
        stream.data[:] = values  # as the library warns of NaN
    return path


def test_a_run_goes_on_within_the_same_mask(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path, mask = tiny_set(), mask_file(tmp_path / "mask.mrc", ball(CENTRE).numpy())
    given = {"held_out_fraction": 0.3, "spectral_prior": True}
    options = small(path, tmp_path / "whole", focus_mask=mask, **given)
    assert plan(options)["seconds_per_epoch"] > 0
    whole = train(options)
    assert whole.settings["focus_mask"] == str(mask)
    assert not same(weights(train(small(path, tmp_path / "plain", **given))), weights(whole))
    train(small(path, tmp_path / "parts", focus_mask=mask, epochs=1, **given))
    moved = mask.rename(tmp_path / "moved.mrc")
    go_on = {"particles": path, "outdir": tmp_path / "parts", "epochs": 2, "resume": True}
    with pytest.raises(InputError, match=r"mask\.mrc: can't be read"):
        train(TrainOptions(**go_on))
    other = mask_file(tmp_path / "other.mrc", ball(-CENTRE).numpy())
    with pytest.raises(InputError, match="was begun with another --focus-mask, or with none; give the same mask"):
        train(TrainOptions(**go_on, focus_mask=other))
    assert same(weights(train(TrainOptions(**go_on, focus_mask=moved))), weights(whole))


def test_what_is_held_out_is_measured_within_the_mask(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def held_out(**given: Any) -> float:
        name = str(len(list(tmp_path.iterdir())))
        run = train(small(tiny_set(name), tmp_path / f"run-{name}", epochs=1, held_out_fraction=0.3, **given))
        return float((run.path / "metrics.csv").read_text().splitlines()[1].split(",")[_column(run, "held_out")])

    mask = mask_file(tmp_path / "mask.mrc", ball(CENTRE).numpy())
    assert held_out(focus_mask=mask) < 0.5 * held_out()


def _column(run: Run, name: str) -> int:
    return next(
        n for n, each in enumerate((run.path / "metrics.csv").read_text().splitlines()[0].split(",")) if name in each
    )


def test_a_mask_is_of_the_hand_that_maps_are_written_in(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    flipped = np.roll(ball(CENTRE).numpy()[::-1], 1, axis=0)
    runs = [
        train(small(path, tmp_path / hand, map_hand=hand, focus_mask=mask_file(tmp_path / f"{hand}.mrc", values)))
        for hand, values in (("keep", ball(CENTRE).numpy()), ("flip", flipped))
    ]
    assert same(weights(runs[0]), weights(runs[1]))


@pytest.mark.parametrize(
    ("values", "pixel_size", "given", "sentence"),
    [
        (np.ones((20,) * 3), 8.0, {}, "has 20 voxels a side, the images 16 px; resample or crop the mask"),
        (np.ones((16,) * 3), 8.2, {}, "has voxels of 8.2 Å, the images pixels of 8 Å; resample the mask"),
        (np.full((16,) * 3, 3.0), 8.0, {}, "has values from 3 to 3; a mask has values from 0 to 1, so scale it"),
        (np.full((16,) * 3, -0.5), 8.0, {}, "has values from -0.5 to -0.5; a mask has values from 0 to 1"),
        (np.zeros((16,) * 3), 8.0, {}, "is 0 everywhere and leaves nothing to look at"),
        (np.full((16,) * 3, np.nan), 8.0, {}, "4096 of 4096 voxels are NaN or infinite"),
        (None, 8.0, {}, r"mask\.mrc: can't be read \(No such file"),
        (np.ones((16,) * 3), 8.0, {"point_fraction": 0.5}, "needs all frequencies of an image, .* leave one of them"),
    ],
)
def test_what_is_no_mask_is_refused(  # type: ignore[no-untyped-def]
    tiny_set, tmp_path: Path, values: np.ndarray | None, pixel_size: float, given: dict[str, Any], sentence: str
) -> None:
    mask = tmp_path / "mask.mrc"
    if values is not None:
        mask_file(mask, values, pixel_size)
    options = small(tiny_set(), tmp_path / "run", focus_mask=mask, **given)
    for work in (train, plan):
        with pytest.raises(InputError, match=sentence) as refused:
            work(options)
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()
