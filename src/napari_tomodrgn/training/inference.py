"""What a trained model says about particles: the same every time it is asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.imaging.lattice import Lattice, lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.linear_encoder import LinearEncoder
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.training.batches import Batch, Rows, Sampler
from napari_tomodrgn.training.corrections import Corrections
from napari_tomodrgn.training.decoding import Decoding
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.distributed import ALONE, Ranks
from napari_tomodrgn.training.feeding import ImageSource, on_device
from napari_tomodrgn.training.gauss_newton import fit_latents, normal_equations
from napari_tomodrgn.training.objective import encode
from napari_tomodrgn.training.points import BatchImages, Weighting
from napari_tomodrgn.training.whitening import with_noise_spectra

IMAGES_PER_BATCH = 512
NYQUIST = 0.5  # cycles/px
FITTING_STEPS = 8  # that take a latent from 0 to where the decoder fits its images best


@dataclass(frozen=True)
class Images:
    """Everything about the tilt images of a set that the network needs."""

    source: ImageSource
    tilts: TiltImages
    lattice: Lattice  # on the device of the tilts
    weighting: Weighting
    kept: npt.NDArray[np.int64]  # (M,) numbers of points of each image that count
    standard_deviation: float  # that images are divided by
    corrections: Corrections | None = None  # of particles' contrasts and poses, as they are at the time

    @classmethod
    def on(
        cls,
        device: torch.device,
        particle_set: ParticleSet,
        source: ImageSource,
        weighting: Weighting,
        *,
        dose_middle: bool = False,
        standard_deviation: float | None = None,
        corrections: Corrections | None = None,
    ) -> "Images":
        """Return the images of a set, their parameters on a device.

        They are divided by ``standard_deviation``: what a run was trained with, or the source's own.
        """
        tilts, points = TiltImages.of(particle_set, dose_middle=dose_middle), lattice(particle_set.box)
        kept, deviation = weighting.kept(tilts, points), standard_deviation or source.standard_deviation
        if weighting.whiten:
            tilts, weighting = with_noise_spectra(
                particle_set, source, tilts, points, weighting, kept, deviation, device
            )
        return cls(source, tilts.to(device), points.to(device), weighting, kept, deviation, corrections)

    def of(self, batch: Batch, radius: float = NYQUIST) -> BatchImages:
        """Return the images of a batch, on the device; of their points, those up to ``radius`` (cycles/px) count."""
        device = self.lattice.k.device
        pairs = on_device(self.source.take(batch.rows), device).float()
        if self.source.standard_deviation != self.standard_deviation:
            pairs *= self.source.standard_deviation / self.standard_deviation
        kept = np.minimum(self.kept[batch.rows.numpy()], self._within(radius))
        tilts = self.tilts[batch.rows.to(device, non_blocking=True)]
        if self.corrections is not None:
            tilts, pairs = self.corrections.applied(batch.rows, tilts, pairs, self.lattice)
        return BatchImages(tilts, pairs, batch.counts, kept)

    def _within(self, radius: float) -> int:
        """Return how many points of the lattice, which is ordered, have a |k| of at most ``radius`` (cycles/px)."""
        if radius >= NYQUIST:
            return self.lattice.pairs
        return int((lattice(self.lattice.box).k.norm(dim=1) <= radius).sum())


def grouped(particles: Sequence[int], rows: Sequence[Rows]) -> Iterator[Batch]:
    """Yield batches of at most 512 images (or one particle)."""
    begin = images = 0
    for end, each in enumerate(rows):
        if end > begin and images + len(each) > IMAGES_PER_BATCH:
            yield Batch.of(particles[begin:end], rows[begin:end])
            begin, images = end, 0
        images += len(each)
    if begin < len(rows):
        yield Batch.of(particles[begin:], rows[begin:])


@dataclass(frozen=True)
class Posteriors:
    """Gaussians of N particles' latents: ``mean`` (N, |z|) and ``covariance`` (N, |z|, |z|), float32."""

    mean: Tensor
    covariance: Tensor


def linear_posteriors(encoder: LinearEncoder, images: Images, rows: Sequence[Rows]) -> Posteriors:
    """Return the posteriors of N particles, of whose tilt images ``rows`` are looked at: they stay as they are."""
    found = []
    for batch in grouped(range(len(rows)), rows):
        own = images.of(batch)
        weight = images.weighting.weights(own.tilts, images.lattice)
        found.append(encoder(own.tilts, own.pairs, own.counts, images.lattice, weight))
    return Posteriors(*(torch.cat(parts) for parts in zip(*found, strict=True)))


@torch.no_grad()
def infer_latents(
    model: VAE, images: Images, draws: Sequence[Sequence[Rows]], ranks: Ranks = ALONE
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return mean and log-variance (N, |z|) of the latents of N particles, each the mean over its draws of images.

    Each rank infers a part of them.
    """
    model.eval()
    own = torch.from_numpy(np.stack(_inferred(model, images, draws[ranks.part(len(draws))]), axis=1))
    mean, log_variance = ranks.together(own, len(draws)).numpy().swapaxes(0, 1)
    return mean, log_variance


def _inferred(
    model: VAE, images: Images, draws: Sequence[Sequence[Rows]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    owners = [particle for particle, own in enumerate(draws) for _ in own]
    size = (len(draws), model.architecture.latent_dim)
    mean, log_variance = np.zeros(size), np.zeros(size)
    for batch in grouped(owners, [rows for own in draws for rows in own]):
        drawn_mean, drawn_log_variance = encode(model, images.of(batch), images.lattice, images.weighting)
        np.add.at(mean, batch.particles, drawn_mean.cpu().double().numpy())
        np.add.at(log_variance, batch.particles, drawn_log_variance.cpu().double().numpy())
    times = np.bincount(owners, minlength=len(draws))[:, None]
    return (mean / times).astype(np.float32), (log_variance / times).astype(np.float32)


@torch.no_grad()
def fitted_latents(
    model: VAE,
    images: Images,
    rows: Sequence[Rows],
    start: npt.NDArray[np.float32],  # (N, |z|)
    beta: float,
    compute: Compute,
    steps: int,
    ranks: Ranks = ALONE,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return mean and log-variance (N, |z|) that fit the images ``rows`` of N particles best, from a start on.

    Each rank fits a part of them.
    """
    model.eval()
    decoding = Decoding(model.decoder, images.lattice, images.weighting, compute)
    # of a linear encoder, dimensions are not of the same spread before they are scaled
    deviation = 1 / model.decoder.latent_scale.cpu()
    part = ranks.part(len(rows))
    found = [torch.zeros(0, 2, model.architecture.latent_dim)]
    for batch in grouped(range(len(rows))[part], rows[part]):
        own = torch.from_numpy(start[batch.particles])
        fitted = fit_latents(decoding, images.of(batch), own, beta, deviation, steps)
        spread = fitted.covariance.diagonal(dim1=1, dim2=2).log()
        found.append(torch.stack([fitted.mean, spread], 1))
    mean, log_variance = ranks.together(torch.cat(found), len(rows)).numpy().swapaxes(0, 1)
    return mean, log_variance


def correct(
    model: VAE,
    images: Images,
    sampler: Sampler,
    z_mean: npt.NDArray[np.float32] | None,  # (N, |z|)
    compute: Compute,
    ranks: Ranks = ALONE,
) -> None:
    """Fit the corrections of the particles trained on to their images; each rank does so for a part of them."""
    corrections = images.corrections
    assert corrections is not None
    model.eval()
    noise = 1.0 if images.weighting.spectra is None else images.weighting.spectra.level
    decoding = Decoding(model.decoder, images.lattice, images.weighting, compute)
    particles = sampler.split.particles
    own = particles[ranks.part(len(particles))]
    steps = [np.zeros((0, corrections.unknowns.count(0)))]
    for batch in grouped(own.tolist(), [sampler.split.training[number] for number in own]):
        z = None if z_mean is None else torch.from_numpy(z_mean[batch.particles])
        found = normal_equations(decoding, images.of(batch), z, corrections.unknowns)
        steps.append(corrections.step(batch.particles, found, noise))
    corrections.take(particles, ranks.together(torch.from_numpy(np.concatenate(steps)), len(particles)).numpy())


@torch.no_grad()
def held_out_reconstruction(
    model: VAE,
    images: Images,
    sampler: Sampler,
    z_mean: npt.NDArray[np.float32] | None,  # (N, |z|)
    compute: Compute,
    ranks: Ranks = ALONE,
) -> float:
    """Return the mean reconstruction loss of what is held out, decoded from the latents' means; NaN if nothing is."""
    model.eval()
    held_out = sampler.split.held_out
    particles = [number for number, rows in enumerate(held_out) if len(rows)]
    losses: list[float] = []
    decoding = Decoding(model.decoder, images.lattice, images.weighting, compute)
    own = particles[ranks.part(len(particles))]
    for batch in grouped(own, [held_out[number] for number in own]):
        z = None if z_mean is None else torch.from_numpy(z_mean[batch.particles]).to(compute.device)
        losses += decoding.losses(images.of(batch), None if z is None else model.decoder.latent_input(z)).tolist()
    everyones = ranks.together(torch.tensor(losses, dtype=torch.float64), len(particles))
    return float(np.mean(everyones.numpy())) if particles else float("nan")
