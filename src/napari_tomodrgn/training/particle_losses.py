"""How well a run's decoder explains each particle: its loss, and the correlation of prediction and images.

Both are over all tilt images of a particle, at the frequencies and with the weights of the training, decoded from the
mean of its latent. The loss is the mean of w (prediction - x)² over a particle's Hartley pixels, as the trainer's, but
of the whole particle also where a focus mask was given. It grows with noise, so that it compares particles of alike
images; the correlation does not depend on how strong the images are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.corrections import Corrections
from napari_tomodrgn.training.decoding import Decoding
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.embed import recorded_options
from napari_tomodrgn.training.gauss_newton import Unknowns, normal_equations
from napari_tomodrgn.training.inference import Images, grouped
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.store import DirectImages

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PartOfLosses:
    """Of some particles: their rows in the set, losses and correlations, (n,) each."""

    rows: npt.NDArray[np.int64]
    loss: Floats
    correlation: Floats


def particle_losses(run: Run, epoch: int, particle_set: ParticleSet, compute: Compute) -> Iterator[PartOfLosses]:
    """Yield the losses of a run's own particles, part by part.

    Raises
    ------
    InputError
        Where the run lacks the epoch, or image stacks are not found.
    """
    trained = load_model(run, epoch, compute.device)
    options = recorded_options(run, trained)
    source = DirectImages(particle_set, window=options.window, standard_deviation=trained.standard_deviation)
    images = Images.on(
        compute.device,
        particle_set,
        source,
        Weighting.of(options),
        dose_middle=options.dose_middle,
        corrections=_corrections(particle_set, trained.corrections),
    )
    decoding = Decoding(trained.model.decoder, images.lattice, images.weighting, compute)
    latents = _latents(run, epoch, particle_set)
    every = [np.arange(begin, end) for begin, end in pairwise(particle_set.first_tilt)]
    known = np.arange(len(every)) if latents is None else np.flatnonzero(np.isfinite(latents).all(axis=1))
    for batch in grouped(known.tolist(), [every[row] for row in known]):
        own = images.of(batch)
        z = None if latents is None else torch.from_numpy(latents[batch.particles])
        found = normal_equations(decoding, own, z, Unknowns(contrast=True))
        squares, predicted = found.squares.numpy(), found.matrix[:, 0, 0].numpy()
        both = found.right[:, 0].numpy() + predicted  # sum of w prediction x
        seen = squares - predicted + 2 * both
        points = np.diff(own.edges)
        with np.errstate(invalid="ignore", divide="ignore"):  # of a particle without a frequency
            yield PartOfLosses(batch.particles, squares / points, both / np.sqrt(predicted * seen))


def _latents(run: Run, epoch: int, particle_set: ParticleSet) -> npt.NDArray[np.float32] | None:
    """Return the latents (N, |z|), NaN where a particle has none, or ``None`` of a decoder alone."""
    if not run.latent_dim:
        return None
    latents = run.latents(epoch)
    row_of = {particle: row for row, particle in enumerate(latents.ids)}
    result = np.full((len(particle_set), run.latent_dim), np.nan, dtype=np.float32)
    for row, particle in enumerate(particle_set.ids):
        if particle in row_of:
            result[row] = latents.z_mean[row_of[particle]]
    return result


def _corrections(particle_set: ParticleSet, state: dict[str, torch.Tensor] | None) -> Corrections | None:
    """Return the contrasts and poses that were fitted up to the epoch."""
    if state is None:
        return None
    corrections = Corrections.of(particle_set, Unknowns(contrast=True, moves=True))
    corrections.restore(state)
    return corrections
