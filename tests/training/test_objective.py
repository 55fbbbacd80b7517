"""The loss: against a sum written out on the whole plane, and independent of batch mates."""

from pathlib import Path

import pytest
import torch

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.vae import VAE, kl_divergence
from napari_tomodrgn.training import decoding, objective
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.objective import train_on_batch
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.points import BatchImages, Weighting, blocks_of, points_of

BOX, COUNTS, BETA = 16, (5, 2, 4), 0.5
SMALL = Layers(8, 1)


@pytest.fixture
def tilts(tiny_set) -> TiltImages:  # type: ignore[no-untyped-def]
    """Parameters of eleven tilt images whose dose mask cuts off ever more."""
    particles = TrainOptions(particles=tiny_set(tilts=COUNTS, dose=20.0), outdir=Path("unused")).open()
    return TiltImages.of(particles)


def noise(count: int) -> torch.Tensor:
    return torch.randn(count, 2, lattice(BOX).pairs, generator=torch.Generator().manual_seed(3))


def a_model(latent_dim: int) -> VAE:
    return VAE(Architecture(BOX, latent_dim, "mean", 0, SMALL, 4, SMALL, Layers(16, 2)))


def batch_of(
    tilts: TiltImages, device: torch.device | str = "cpu", particles: tuple[int, ...] = (0, 1, 2)
) -> BatchImages:
    """Return some particles with noise for images."""
    first = torch.tensor([0, *COUNTS]).cumsum(0)
    rows = torch.cat([torch.arange(int(first[p]), int(first[p + 1])) for p in particles])
    counts = torch.tensor([COUNTS[p] for p in particles])
    kept = Weighting().kept(tilts[rows], lattice(BOX))
    return BatchImages(tilts[rows].to(device), noise(sum(COUNTS))[rows].to(device), counts, kept)


def losses_and_gradient(model: VAE, tilts: TiltImages, particles: list[int], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(objective, "sample_latent", lambda mean, log_variance, noise: mean + 0.1 * log_variance)
    compute = choose_compute("cpu", "off")
    model.zero_grad()
    losses = train_on_batch(
        model,
        batch_of(tilts, particles=tuple(particles)),
        lattice(BOX),
        weighting=Weighting(),
        beta=BETA,
        noise=torch.Generator(),
        compute=compute,
        scaler=compute.scaler(),
    )
    return losses, [each.grad.clone() for each in model.parameters()]


@pytest.mark.parametrize("latent_dim", [0, 3])
def test_a_batch_is_the_mean_of_its_particles(
    tilts: TiltImages, latent_dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = a_model(latent_dim)
    together, gradient = losses_and_gradient(model, tilts, [0, 1, 2], monkeypatch)
    alone = [losses_and_gradient(model, tilts, [p], monkeypatch) for p in range(3)]
    torch.testing.assert_close(together.reconstruction, torch.cat([each.reconstruction for each, _ in alone]))
    torch.testing.assert_close(together.kld, torch.cat([each.kld for each, _ in alone]))
    for number, joint in enumerate(gradient):
        mean = sum(single[number] for _, single in alone) / 3
        torch.testing.assert_close(joint, mean, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("size", [50, 333, 10**6])
def test_blocks_of_any_size_give_the_same(tilts: TiltImages, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = a_model(3)
    expected, gradient = losses_and_gradient(model, tilts, [0, 1, 2], monkeypatch)
    monkeypatch.setitem(decoding.POINTS_PER_BLOCK, "cpu", size)
    losses, in_blocks = losses_and_gradient(model, tilts, [0, 1, 2], monkeypatch)
    torch.testing.assert_close(losses.reconstruction, expected.reconstruction)
    for ours, theirs in zip(in_blocks, gradient, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)


def test_loss_written_out_on_both_halves_of_the_plane(tilts: TiltImages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean over kept Hartley pixels, at k and at -k apart, plus beta KLD / (tilts D²), by autograd."""
    model, plane = a_model(3), lattice(BOX)
    losses, gradient = losses_and_gradient(model, tilts, [2], monkeypatch)

    own, pairs = tilts[slice(7, 11)], noise(11)[7:11]
    assert model.encoder is not None
    mean, log_variance = model.encoder(pairs * own.encoder_sign(plane)[:, None], torch.tensor([4]))
    z = mean + 0.1 * log_variance
    total, kept = torch.zeros(()), 0
    for tilt in range(4):
        one = own[slice(tilt, tilt + 1)]
        mask = one.dose_mask(plane)[0]
        weight = (one.exposure(plane)[0] * one.tilt_cosine)[mask]
        for side, k in enumerate((plane.k, -plane.k)):
            real, imaginary = model.decoder.evaluate((k @ one.rotation[0, :2])[mask], z[0])
            predicted = one.ctf(plane)[0][mask] * (real - imaginary)
            total = total + (weight * (predicted - pairs[tilt, side][mask]) ** 2).sum()
        kept += 2 * int(mask.sum())
    assert kept < 2 * 4 * plane.pairs
    reconstruction, kld = total / kept, kl_divergence(mean, log_variance)[0]
    expected = torch.autograd.grad(reconstruction + BETA * kld / (4 * BOX**2), list(model.parameters()))

    torch.testing.assert_close(losses.reconstruction[0], reconstruction.detach())
    torch.testing.assert_close(losses.kld[0], kld.detach())
    for ours, theirs in zip(gradient, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)


def test_blocks_of_many_particles_give_the_same(tilts: TiltImages, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: blocks that begin and end within particles and images, with the particle of each point beside it."""
    model = a_model(3)
    expected, gradient = losses_and_gradient(model, tilts, [0, 1, 2], monkeypatch)
    for size in (100, 10**6):
        monkeypatch.setattr(
            decoding, "blocks_of", lambda edges, _, size=size, **__: blocks_of(edges, size, one_particle=False)
        )
        losses, in_blocks = losses_and_gradient(model, tilts, [0, 1, 2], monkeypatch)
        torch.testing.assert_close(losses.reconstruction, expected.reconstruction)
        for ours, theirs in zip(in_blocks, gradient, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("size", "one_particle"), [(100, False), (100, True), (7, True), (10**6, False)])
def test_blocks_hold_every_kept_point_once(tilts: TiltImages, size: int, one_particle: bool) -> None:
    """Against the mask of every image, asked for the whole plane."""
    images, plane = batch_of(tilts), lattice(BOX)
    mask, particle = tilts.dose_mask(plane), torch.arange(3).repeat_interleave(torch.tensor(COUNTS))
    found = []
    for block in blocks_of(images.edges, size, one_particle=one_particle):
        points = points_of(images, block, plane, Weighting(), multiple=16)
        assert len(points.k3) % 16 == 0
        assert points.weight[len(block) :].abs().sum() == 0
        owner = torch.zeros(len(points.k3), dtype=torch.int64) if points.owner is None else points.owner
        values = [
            points.k3,
            points.transfer,
            points.weight,
            points.real,
            points.imaginary,
            owner + block.particles.start,
        ]
        found.append(torch.cat([value.reshape(len(value), -1).double() for value in values], 1)[: len(block)])
    plus, minus = noise(sum(COUNTS)).unbind(1)
    weight = tilts.exposure(plane) * tilts.tilt_cosine[:, None]
    expected = [
        tilts.k3(plane)[mask],
        *(value[mask] for value in (tilts.ctf(plane), weight, (plus + minus) / 2, (minus - plus) / 2)),
        particle[:, None].expand(mask.shape)[mask],
    ]
    joined = torch.cat([value.reshape(int(mask.sum()), -1).double() for value in expected], 1)
    assert (~mask).any()
    torch.testing.assert_close(torch.cat(found), joined, rtol=1e-5, atol=1e-6)


def test_without_a_mask_every_pair_is_kept(tilts: TiltImages) -> None:
    assert Weighting(dose_mask=False).kept(tilts, lattice(BOX)).tolist() == [lattice(BOX).pairs] * 11
    masked = Weighting().kept(tilts, lattice(BOX))
    assert masked.tolist() == tilts.dose_mask(lattice(BOX)).sum(1).tolist()
    assert masked.min() < lattice(BOX).pairs
