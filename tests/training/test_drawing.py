"""Points drawn to stand for all: the right gradient in the mean, and less noise than drawing them all alike."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.training.batches import Batch
from napari_tomodrgn.training.decoding import Decoding
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.drawing import draw_points
from napari_tomodrgn.training.feeding import ImageSource
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.packed import open_packed
from napari_tomodrgn.training.points import BatchImages, Weighting

BOX, COUNTS, FRACTION = 16, (5, 2, 4), 0.2
SMALL = Layers(8, 1)


@pytest.fixture
def images(tiny_set) -> BatchImages:  # type: ignore[no-untyped-def]
    """Three particles whose dose mask cuts off ever more, with noise for images."""
    particles = TrainOptions(particles=tiny_set(tilts=COUNTS, dose=20.0), outdir=Path("unused")).open()
    tilts = TiltImages.of(particles)
    pairs = torch.randn(len(tilts), 2, lattice(BOX).pairs, generator=torch.Generator().manual_seed(3))
    return BatchImages(tilts, pairs, torch.tensor(COUNTS), Weighting().kept(tilts, lattice(BOX)))


def gradient(images: BatchImages, start: float | None, fraction: float = FRACTION) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the losses, and the gradient of their sum, of all points or of a draw."""
    model = VAE(Architecture(BOX, 2, "mean", 0, SMALL, 4, SMALL, Layers(16, 2)))
    decoding = Decoding(model.decoder, lattice(BOX), Weighting(), choose_compute("cpu", "off"))
    latent = model.decoder.latent_input(torch.randn(3, 2, generator=torch.Generator().manual_seed(1))).detach()
    drawn = None
    if start is not None:
        drawn = draw_points(images, lattice(BOX), Weighting(), fraction, torch.full((3,), start))
    losses, latent_gradient = decoding.gradient(images, latent, 1.0, drawn=drawn)
    assert latent_gradient is not None
    weights = [each.grad.flatten() for each in model.decoder.parameters() if each.grad is not None]
    return losses, torch.cat([*weights, latent_gradient.flatten()])


def test_the_mean_over_all_draws_is_the_whole(images: BatchImages) -> None:
    """The draws differ in one number a particle: what they give in the mean is an integral over it."""
    losses, whole = gradient(images, None)
    draws = [gradient(images, (number + 0.5) / 400) for number in range(400)]
    torch.testing.assert_close(torch.stack([each for each, _ in draws]).mean(0), losses, rtol=0.01, atol=0)
    mean = torch.stack([each for _, each in draws]).mean(0)
    assert float((mean - whole).norm() / whole.norm()) < 0.02
    assert float((draws[0][1] - whole).norm() / whole.norm()) > 0.1


def test_it_is_less_noisy_than_drawing_all_points_alike(images: BatchImages, monkeypatch: pytest.MonkeyPatch) -> None:
    def spread() -> float:
        _, whole = gradient(images, None)
        draws = torch.stack([gradient(images, (number + 0.5) / 100)[1] for number in range(100)])
        return float((draws - whole).norm(dim=1).square().mean())

    ours = spread()
    monkeypatch.setattr("napari_tomodrgn.training.drawing.FLOOR", 1e6)
    assert ours < 0.85 * spread()


def test_as_many_as_asked_for_of_every_particle(images: BatchImages) -> None:
    drawn = draw_points(images, lattice(BOX), Weighting(), FRACTION, torch.tensor([0.0, 0.5, 0.999]))
    assert np.diff(drawn.edges).tolist() == np.rint(FRACTION * np.diff(images.edges)).tolist()
    first = images.first_images
    for particle in range(3):
        own = drawn.image[drawn.edges[particle] : drawn.edges[particle + 1]]
        assert first[particle] <= int(own.min()) <= int(own.max()) < first[particle + 1]
    assert (drawn.point < torch.from_numpy(images.kept)[drawn.image]).all()
    everything = draw_points(images, lattice(BOX), Weighting(), 1.0, torch.full((3,), 0.5))
    assert everything.edges.tolist() == images.edges.tolist()


def test_a_batch_within_a_radius_has_its_low_frequencies(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    particles = TrainOptions(particles=tiny_set(tilts=COUNTS, dose=20.0), outdir=Path("unused")).open()
    source: ImageSource = open_packed(particles, tmp_path)
    every = Images.on(torch.device("cpu"), particles, source, Weighting())
    batch = Batch.of([0], [np.arange(5)])
    low, whole = every.of(batch, 0.25), every.of(batch)
    within = int((lattice(BOX).k.norm(dim=1) <= 0.25).sum())
    assert 0 < within < whole.kept.max()
    assert low.kept.tolist() == np.minimum(whole.kept, within).tolist()
