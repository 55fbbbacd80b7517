"""A particle's own unknowns: against numbers that images were made with, by the formulas written out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_tomodrgn.imaging.hartley import complex_to_pairs
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.training.decoding import Decoding
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.gauss_newton import Unknowns, fit_latents, normal_equations, solve
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.points import BatchImages, Weighting

BOX, COUNTS = 16, (5, 3, 4)
SMALL = Layers(8, 1)
PLANE = lattice(BOX)


@pytest.fixture
def tilts(tiny_set) -> TiltImages:  # type: ignore[no-untyped-def]
    particles = TrainOptions(particles=tiny_set(tilts=COUNTS, dose=10.0), outdir=Path("unused")).open()
    return TiltImages.of(particles)


@pytest.fixture
def model() -> VAE:
    model = VAE(Architecture(BOX, 3, "mean", 0, SMALL, 4, SMALL, Layers(64, 2)))
    with torch.no_grad():
        model.decoder.mlp.last.weight *= 20
    return model


def images_of(
    tilts: TiltImages,
    model: VAE,
    z: torch.Tensor,  # (3, |z|)
    rotations: Rotation | None = None,
    shifts: torch.Tensor | None = None,  # (3, 3) px, x y z
    contrasts: torch.Tensor | None = None,
) -> BatchImages:
    """Return noiseless images of volumes that are turned about the origin, then moved, then dimmed."""
    owner = torch.arange(3).repeat_interleave(torch.tensor(COUNTS))
    values = []
    for image, particle in enumerate(owner.tolist()):
        k3 = PLANE.k @ tilts.rotation[image, :2]
        seen = k3
        if rotations is not None:  # F'(k) = F(R⁻¹ k) of a volume V'(x) = V(R⁻¹ x)
            seen = torch.from_numpy(rotations[particle].inv().apply(k3.numpy())).float()
        real, imaginary = model.decoder.evaluate(seen, z[particle])
        value = torch.complex(real, imaginary).detach()
        if shifts is not None:
            value = value * torch.exp(-2j * torch.pi * (k3 @ shifts[particle]))
        if contrasts is not None:
            value = value * contrasts[particle]
        values.append(value * tilts.ctf(PLANE)[image])
    pairs = complex_to_pairs(torch.stack(values)).float()
    return BatchImages(tilts, pairs, torch.tensor(COUNTS), Weighting().kept(tilts, PLANE))


def decoding_of(model: VAE) -> Decoding:
    return Decoding(model.decoder, PLANE, Weighting(), choose_compute("cpu", "off"))


def test_latents_are_found(tilts: TiltImages, model: VAE) -> None:
    z = torch.randn(3, 3, generator=torch.Generator().manual_seed(1)) * 0.5
    found = fit_latents(decoding_of(model), images_of(tilts, model, z), torch.zeros(3, 3), 1e-6, torch.ones(3), 8)
    assert float((found.mean - z).abs().max()) < 0.01
    assert float(found.covariance.diagonal(dim1=1, dim2=2).max()) < 1e-3


def test_latents_minimise_the_loss(tilts: TiltImages, model: VAE) -> None:
    """Of noise, with a prior that counts: against the minimum that autograd and L-BFGS find of the loss in the page."""
    images = images_of(tilts, model, torch.zeros(3, 3))
    images.pairs.add_(torch.randn(images.pairs.shape, generator=torch.Generator().manual_seed(2)))
    beta, deviation = 2.0, torch.tensor([1.0, 0.5, 2.0])
    found = fit_latents(decoding_of(model), images, torch.zeros(3, 3), beta, deviation, 12)
    begin = 0
    for particle, count in enumerate(COUNTS):
        own = range(begin, begin + count)
        begin += count
        z = torch.zeros(3, requires_grad=True)
        optimiser = torch.optim.LBFGS([z], max_iter=200, line_search_fn="strong_wolfe", tolerance_change=1e-10)

        def loss(own: range = own, z: torch.Tensor = z, count: int = count) -> torch.Tensor:
            total, kept = torch.zeros(()), 0
            for image in own:
                one = tilts[slice(image, image + 1)]
                mask = one.dose_mask(PLANE)[0]
                weight = (one.exposure(PLANE)[0] * one.tilt_cosine)[mask]
                for side, k in enumerate((PLANE.k, -PLANE.k)):
                    real, imaginary = model.decoder.evaluate((k @ one.rotation[0, :2])[mask], z)
                    predicted = one.ctf(PLANE)[0][mask] * (real - imaginary)
                    total = total + (weight * (predicted - images.pairs[image, side][mask]) ** 2).sum()
                kept += 2 * int(mask.sum())
            return total / kept + beta * 0.5 * ((z / deviation) ** 2).sum() / (count * BOX**2)

        def closure(loss=loss, optimiser=optimiser) -> torch.Tensor:  # type: ignore[no-untyped-def]
            optimiser.zero_grad()
            value = loss()
            value.backward()
            return value

        optimiser.step(closure)
        ours, lowest = float(loss(z=found.mean[particle]).detach()), float(loss().detach())
        assert ours - lowest < 1e-4 * lowest  # at a kink of a ReLU steps get short
        torch.testing.assert_close(found.mean[particle], z.detach(), atol=0.05, rtol=0)


def test_contrast_and_moves_are_found(tilts: TiltImages, model: VAE) -> None:
    """One step from none: the error is of second order in what was planted."""
    z = torch.randn(3, 3, generator=torch.Generator().manual_seed(1)) * 0.5
    generator = np.random.default_rng(0)
    turns = generator.normal(0, 0.003, (3, 3))
    shifts = torch.from_numpy(generator.normal(0, 0.02, (3, 3))).float()
    contrasts = 1 + torch.from_numpy(generator.normal(0, 0.05, 3)).float()
    images = images_of(tilts, model, z, Rotation.from_rotvec(turns), shifts, contrasts)
    found = normal_equations(decoding_of(model), images, z, Unknowns(contrast=True, moves=True))
    step = solve(found.matrix, found.right, torch.zeros(3, 7), torch.full((3, 7), 1e-9))
    torch.testing.assert_close(step[:, 0].float() + 1, contrasts, atol=0.01, rtol=0)
    torch.testing.assert_close(step[:, 4:].float(), shifts, atol=0.003, rtol=0)
    # points move the other way than the volume
    torch.testing.assert_close(-step[:, 1:4].float(), torch.from_numpy(turns).float(), atol=0.001, rtol=0)
