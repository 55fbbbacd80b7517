"""The loss: what it costs a particle's volume to disagree with its tilt images.

A particle's loss is the mean over its own kept Hartley pixels of w (prediction - x)², plus
beta KLD / (tilts used · D²); a batch's loss is the mean over its particles. Neither depends on batch mates.
H(±k) = Re ∓ Im, so the mean over both of each pair is that of the squares of real and imaginary part over the points.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.model.encoder import Encoder
from napari_tomodrgn.model.free_latents import FreeLatents
from napari_tomodrgn.model.linear_encoder import LinearEncoder
from napari_tomodrgn.model.vae import VAE, gaussian_divergence, kl_divergence, sample_gaussian, sample_latent
from napari_tomodrgn.training.decoding import BlockSize, Decoding
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.drawing import DrawnPoints, draw_points
from napari_tomodrgn.training.points import BatchImages, Weighting
from napari_tomodrgn.training.spectral_prior import SpectralPrior


@dataclass(frozen=True)
class Losses:
    """What a batch's particles cost: (B,) each, detached."""

    reconstruction: Tensor
    kld: Tensor

    @property
    def finite(self) -> Tensor:
        """(B,) whether a particle's numbers are finite."""
        return self.reconstruction.isfinite() & self.kld.isfinite()


def train_on_batch(
    model: VAE,
    images: BatchImages,
    lattice: Lattice,
    *,
    weighting: Weighting,
    beta: float,
    noise: torch.Generator,
    compute: Compute,
    scaler: torch.amp.GradScaler,
    prior: SpectralPrior | None = None,
    part: slice = slice(None),
    of: int | None = None,
    posterior: tuple[Tensor, Tensor] | None = None,
    block_size: BlockSize | None = None,
    point_fraction: float = 1.0,
    particles: Tensor | None = None,
    gradient: Callable[..., Losses] | None = None,
) -> Losses:
    """Leave the gradient of the batch's loss in the model's parameters and return what its particles cost.

    Parameters
    ----------
    images
        Of all particles of the batch, or of a ``part`` (perhaps none) of its ``of`` particles. The loss stays the mean
        over the whole batch and the noise is drawn for all of it, so that the parts' gradients add up to the batch's.
    posterior
        Mean (B, |z|) and covariance (B, |z|, |z|) of the latents, where a linear encoder has said them already.
    point_fraction
        Of every particle's points that are drawn to stand for all; the gradient is then right in the mean.
    particles
        (B,) numbers of the particles, where they have latents of their own.
    gradient
        What is called in place of :func:`gradient_of_batch`, with its arguments.
    """
    of = len(images.counts) if of is None else of
    if not len(images.counts):
        return Losses(torch.zeros(0, device=compute.device), torch.zeros(0, device=compute.device))
    normal = torch.randn((of, model.architecture.latent_dim), generator=noise)[part]  # the same on every device
    drawn = None
    if point_fraction < 1:
        start = torch.rand(of, generator=noise)[part]
        drawn = draw_points(images, lattice, weighting, point_fraction, start)
    return (gradient or gradient_of_batch)(
        model,
        images,
        lattice,
        weighting=weighting,
        beta=beta,
        normal=normal.to(compute.device, non_blocking=True),
        compute=compute,
        scaler=scaler,
        prior=prior,
        of=of,
        posterior=posterior,
        block_size=block_size,
        drawn=drawn,
        particles=particles,
    )


def gradient_of_batch(
    model: VAE,
    images: BatchImages,
    lattice: Lattice,
    *,
    weighting: Weighting,
    beta: float | Tensor,
    normal: Tensor,  # (B, |z|) the noise of the latents, on the device
    compute: Compute,
    scaler: torch.amp.GradScaler,
    prior: SpectralPrior | None = None,
    of: int,
    posterior: tuple[Tensor, Tensor] | None = None,
    block_size: BlockSize | None = None,
    drawn: DrawnPoints | None = None,
    particles: Tensor | None = None,
) -> Losses:
    """Do what :func:`train_on_batch` does, once everything random is drawn.

    Where the images' numbering is ``given``, nothing depends on what the host knows of them but their numbers.
    """
    factor = scaler.scale(torch.ones((), device=compute.device)) / of
    decoding = Decoding(model.decoder, lattice, weighting, compute, block_size)
    if model.encoder is None:
        losses, _ = decoding.gradient(images, None, factor, prior, drawn)
        return Losses(losses, torch.zeros_like(losses))
    if isinstance(model.encoder, LinearEncoder):
        mean, covariance = posterior or _solve(model.encoder, images, lattice, weighting)
        kld = gaussian_divergence(mean, covariance, model.encoder.prior_deviation)
        z, regulariser = sample_gaussian(mean, covariance, normal), None
    else:
        if isinstance(model.encoder, FreeLatents):
            assert particles is not None
            mean, log_variance = model.encoder(particles)
        else:
            mean, log_variance = encode(model, images, lattice, weighting)
        z, kld = sample_latent(mean, log_variance, normal), kl_divergence(mean, log_variance)
        regulariser = factor * (beta * kld / (images.numbering.tilts * lattice.box**2)).sum()
    latent_input = model.decoder.latent_input(z)
    losses, gradient = decoding.gradient(images, latent_input.detach(), factor, prior, drawn)
    assert gradient is not None
    torch.autograd.backward(
        [latent_input, *([] if regulariser is None else [regulariser])],
        [gradient, *([] if regulariser is None else [None])],
    )
    return Losses(losses, kld.detach())


def encode(model: VAE, images: BatchImages, lattice: Lattice, weighting: Weighting) -> tuple[Tensor, Tensor]:
    """Return the posterior's mean and log-variance (B, |z|) of particles whose images are whole circles.

    In float32 always: next to the decoder an encoder costs nothing, and latents are not to be rounded.
    """
    assert isinstance(model.encoder, Encoder | LinearEncoder)
    if isinstance(model.encoder, LinearEncoder):
        mean, covariance = _solve(model.encoder, images, lattice, weighting)
        return mean, covariance.diagonal(dim1=1, dim2=2).log()
    signed = images.pairs * images.tilts.encoder_sign(lattice)[:, None, :]
    if weighting.spectra is not None:
        signed = signed * weighting.spectra.whitening(images.tilts, lattice)[:, None, :]
    mean, log_variance = model.encoder(signed, images.counts)
    return mean, log_variance


def _solve(
    encoder: LinearEncoder, images: BatchImages, lattice: Lattice, weighting: Weighting
) -> tuple[Tensor, Tensor]:
    weight = weighting.weights(images.tilts, lattice)
    mean, covariance = encoder(images.tilts, images.pairs, images.counts, lattice, weight)
    return mean, covariance
