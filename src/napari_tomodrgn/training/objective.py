"""The loss: what it costs a particle's volume to disagree with its tilt images.

A particle's loss is the mean over its own kept Hartley pixels of w (prediction - x)², plus
beta KLD / (tilts used · D²); a batch's loss is the mean over its particles. Neither depends on batch mates.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.linear_encoder import LinearEncoder
from napari_tomodrgn.model.vae import VAE, gaussian_divergence, kl_divergence, sample_gaussian, sample_latent
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.spectral_prior import SpectralPrior

POINTS_PER_BLOCK = {"cpu": 8192, "mps": 1 << 17, "cuda": 1 << 18}


@dataclass(frozen=True)
class Weighting:
    """Which frequencies count, and how much."""

    dose_mask: bool = True
    dose_weight: bool = True
    tilt_weight: bool = True

    @classmethod
    def of(cls, options: TrainOptions) -> "Weighting":
        """Take the weighting from a training's options."""
        return cls(options.dose_mask, options.dose_weight, options.tilt_weight)

    def weights(self, tilts: TiltImages, lattice: Lattice) -> Tensor:
        """Return the loss weights (n, P), 0 where the dose mask leaves a frequency out."""
        weight = tilts.weights(lattice, dose=self.dose_weight, tilt=self.tilt_weight)
        return weight * tilts.dose_mask(lattice) if self.dose_mask else weight


@dataclass(frozen=True)
class Points:
    """The kept points of some particles, those of one particle contiguous, m in all.

    Attributes
    ----------
    k3
        (m, 3) x, y, z in cycles/px.
    transfer
        (m,) what a central slice is multiplied by.
    weight
        (m,) loss weight.
    share
        (m,) one over the number of points of the particle.
    real, imaginary
        (m,) standardised Fourier values of the images.
    counts
        Number of points of each particle.
    """

    k3: Tensor
    transfer: Tensor
    weight: Tensor
    share: Tensor
    real: Tensor
    imaginary: Tensor
    counts: list[int]

    def blocks(self, size: int) -> Iterator[tuple["Points", list[int]]]:
        """Yield runs of at most ``size`` points, each with the numbers of the particles in it."""
        ends = torch.tensor(self.counts).cumsum(0).tolist()
        for begin in range(0, ends[-1], size):
            end = min(begin + size, ends[-1])
            inside = [
                (number, min(end, last) - max(begin, last - count))
                for number, (last, count) in enumerate(zip(ends, self.counts, strict=True))
                if last > begin and last - count < end and count
            ]
            cut = slice(begin, end)
            numbers, counts = [number for number, _ in inside], [count for _, count in inside]
            tensors = {name: values[cut] for name, values in vars(self).items() if name != "counts"}
            yield Points(**tensors, counts=counts), numbers


def kept_points(tilts: TiltImages, pairs: Tensor, counts: Tensor, lattice: Lattice, weighting: Weighting) -> Points:
    """Return the points at which particles are compared with their images.

    ``tilts`` are the parameters of the batch's n images, ``pairs`` (n, 2, P) their standardised Hartley values, and
    ``counts`` (B,) the number of images of each particle. H(±k) = Re ∓ Im, so the sum over both of a pair of
    (prediction - x)² is twice that over real and imaginary part, and their mean is the mean over kept points.
    """
    transfer = tilts.transfer(lattice)
    weight = tilts.weights(lattice, dose=weighting.dose_weight, tilt=weighting.tilt_weight)
    plus, minus = pairs.unbind(1)
    if weighting.dose_mask:
        mask = tilts.dose_mask(lattice)
        image, point = mask.nonzero(as_tuple=True)
        per_image = mask.sum(1)
    else:
        images = len(tilts)
        image = torch.arange(images, device=pairs.device).repeat_interleave(lattice.pairs)
        point = torch.arange(lattice.pairs, device=pairs.device).repeat(images)
        per_image = torch.full((images,), lattice.pairs, device=pairs.device)
    points = [int(part.sum()) for part in torch.split(per_image.cpu(), counts.tolist())]
    share = torch.tensor([1 / max(count, 1) for count in points], device=pairs.device)
    return Points(
        k3=torch.einsum("mj,mjk->mk", lattice.k[point], tilts.rotation[image, :2]),
        transfer=transfer[image, point],
        weight=weight[image, point],
        share=share.repeat_interleave(torch.tensor(points, device=pairs.device)),
        real=((plus + minus) / 2)[image, point],
        imaginary=((minus - plus) / 2)[image, point],
        counts=points,
    )


@dataclass(frozen=True)
class Losses:
    """What a batch's particles cost: (B,) each, detached."""

    reconstruction: Tensor
    kld: Tensor

    @property
    def finite(self) -> Tensor:
        """(B,) whether a particle's numbers are finite."""
        return self.reconstruction.isfinite() & self.kld.isfinite()


def reconstruction_losses(
    model: VAE,
    points: Points,
    z: Tensor | None,  # (B, |z|)
    compute: Compute,
    scaler: torch.amp.GradScaler | None = None,
    prior: SpectralPrior | None = None,
) -> Tensor:
    """Return each particle's mean squared disagreement (B,), detached.

    With a ``scaler``, the gradient of their mean is left in the decoder's parameters and in ``z``, a leaf. Blocks of
    points go forward and backward one after the other, which bounds the memory and keeps activations in cache.
    """
    losses = torch.zeros(len(points.counts), device=points.k3.device)
    for block, inside in points.blocks(POINTS_PER_BLOCK[points.k3.device.type]):
        with compute.autocast():
            latent = None if z is None else model.decoder.latent_input(z[inside])
            real, imaginary = model.decoder(block.k3, latent, block.counts)
        error = (block.transfer * real - block.real) ** 2 + (block.transfer * imaginary - block.imaginary) ** 2
        error = block.share * block.weight * error
        if scaler is not None:
            cost = error
            if prior is not None:
                precision = block.weight * block.transfer**2
                cost = cost + block.share * prior.terms(block.k3, real, imaginary, precision)
            scaler.scale(cost.sum() / len(points.counts)).backward()
        for number, part in zip(inside, torch.split(error.detach(), block.counts), strict=True):
            losses[number] += part.sum()
    return losses


def train_on_batch(
    model: VAE,
    tilts: TiltImages,  # of the n images of the batch, on the model's device
    pairs: Tensor,  # (n, 2, P)
    counts: Tensor,  # (B,)
    lattice: Lattice,
    *,
    weighting: Weighting,
    beta: float,
    noise: torch.Generator,
    compute: Compute,
    scaler: torch.amp.GradScaler,
    prior: SpectralPrior | None = None,
) -> Losses:
    """Leave the gradient of the batch's loss in the model's parameters and return what its particles cost."""
    points = kept_points(tilts, pairs, counts, lattice, weighting)
    if model.encoder is None:
        reconstruction = reconstruction_losses(model, points, None, compute, scaler, prior)
        return Losses(reconstruction, torch.zeros_like(reconstruction))
    if isinstance(model.encoder, LinearEncoder):
        mean, covariance = model.encoder(tilts, pairs, counts, lattice, weighting.weights(tilts, lattice))
        z = sample_gaussian(mean, covariance, noise)
        reconstruction = reconstruction_losses(model, points, z, compute, scaler, prior)
        return Losses(reconstruction, gaussian_divergence(mean, covariance, model.encoder.prior_deviation))
    mean, log_variance = encode(model, tilts, pairs, counts, lattice, weighting, compute)
    z = sample_latent(mean, log_variance, noise)
    kld = kl_divergence(mean, log_variance)
    leaf = z.detach().requires_grad_()
    reconstruction = reconstruction_losses(model, points, leaf, compute, scaler, prior)
    regulariser = scaler.scale((beta * kld / (counts.to(kld) * lattice.box**2)).mean())
    torch.autograd.backward([z, regulariser], [leaf.grad, None])
    return Losses(reconstruction, kld.detach())


def encode(
    model: VAE,
    tilts: TiltImages,
    pairs: Tensor,
    counts: Tensor,
    lattice: Lattice,
    weighting: Weighting,
    compute: Compute,
) -> tuple[Tensor, Tensor]:
    """Return the posterior's mean and log-variance (B, |z|) of particles whose images are whole circles."""
    assert model.encoder is not None
    if isinstance(model.encoder, LinearEncoder):
        mean, covariance = model.encoder(tilts, pairs, counts, lattice, weighting.weights(tilts, lattice))
        return mean, covariance.diagonal(dim1=1, dim2=2).log()
    signed = pairs * tilts.encoder_sign(lattice)[:, None, :]
    with compute.autocast():
        mean, log_variance = model.encoder(signed, counts.to(signed.device))
    return mean, log_variance
