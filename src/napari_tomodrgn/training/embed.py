"""Latents of images that a run has not seen, through its trained encoder."""

import csv
import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, atomic_path, refuse_existing
from napari_tomodrgn.model.free_latents import FreeLatents
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.runs.latents import NEW, Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.batches import Rows, Sampler, split_tilts
from napari_tomodrgn.training.checkpoints import TrainedModel, load_model
from napari_tomodrgn.training.device import Compute, choose_compute
from napari_tomodrgn.training.inference import FITTING_STEPS, Images, fitted_latents, infer_latents
from napari_tomodrgn.training.options import EmbedOptions, TrainOptions
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.store import DirectImages

PIXEL_SIZE_TOLERANCE = 0.01
log = logging.getLogger("napari_tomodrgn")


def embed(options: EmbedOptions) -> Latents:
    """Write and return the latents of particles, by deterministic inference with a run's encoder or decoder.

    Raises
    ------
    InputError
        Where the run has no encoder, or the images don't fit it (box, pixel size, too few tilts), or output exists.
    """
    table = options.output.with_suffix(".csv")
    if options.output.suffix != ".npz":
        raise InputError(f"{options.output}: expected a name that ends in .npz for the latents")
    dispersion_file = options.output.with_suffix(".dispersion.json")
    for path in (options.output, table, *([dispersion_file] if options.draws else [])):
        refuse_existing(path, options.overwrite)
    run = Run.open(options.run)
    if not run.latent_dim:
        raise InputError(f"{run.path}: is a decoder alone (--latent-dim 0) and has no encoder; give another --run")
    compute = choose_compute(options.device, options.amp)
    trained = load_model(run, options.epoch, compute.device)
    particle_set = _open(options, run)
    _check_fit(particle_set, trained, run)
    recorded = recorded_options(run, trained)
    sampler = _sampler(particle_set, run, trained, recorded)
    drawn = None if not options.draws else _random_draws(particle_set, trained, options)
    settings = run.settings
    source = DirectImages(particle_set, window=settings["window"], standard_deviation=trained.standard_deviation)
    images = Images.on(
        compute.device, particle_set, source, Weighting.of(recorded), dose_middle=settings["dose_middle"]
    )
    draws = [sampler.inference_draws(particle) for particle in range(len(particle_set))]
    infer = _Inference(trained.model, images, recorded.base_beta, compute, options.polish)
    mean, log_variance = infer(draws)
    split = np.full(len(particle_set), NEW)
    latents = Latents(tuple(particle_set.ids), mean, log_variance, split)
    redrawn = [infer(each)[0] for each in drawn or ()]
    with ExitStack() as whole:  # all of them, or where one can't be written, none
        latents.save(whole.enter_context(atomic_path(options.output)))
        _write_table(whole.enter_context(atomic_path(table)), latents)
        if drawn is not None:
            path = whole.enter_context(atomic_path(dispersion_file))
            _write_dispersion(path, np.stack(redrawn), len(drawn[0][0][0]))
    return latents


@dataclass(frozen=True)
class _Inference:
    """How latents are found: by the encoder, by fitting them to the decoder, or one after the other."""

    model: VAE
    images: Images
    beta: float
    compute: Compute
    polish: int

    def __call__(self, draws: Sequence[Sequence[Rows]]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return mean and log-variance (N, |z|) of N particles, of whose images draws are looked at."""
        if isinstance(self.model.encoder, FreeLatents):
            start = np.zeros((len(draws), self.model.architecture.latent_dim), np.float32)
            return self._fitted(draws, start, self.polish or FITTING_STEPS)
        mean, log_variance = infer_latents(self.model, self.images, draws)
        return self._fitted(draws, mean, self.polish) if self.polish else (mean, log_variance)

    def _fitted(
        self, draws: Sequence[Sequence[Rows]], start: npt.NDArray[np.float32], steps: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        rows = [np.unique(np.concatenate(own)) for own in draws]
        return fitted_latents(self.model, self.images, rows, start, self.beta, self.compute, steps)


def dispersion(redrawn: npt.NDArray[np.float32]) -> float:
    """Return how far latents scatter with the tilt images they are inferred from, for latents (draws, N, |z|).

    The root mean square, over particles and dimensions, of the standard deviation over the draws, in units of the
    standard deviation over the particles: 0 where the choice of tilt images does not matter. Draws of n from T images
    have images in common, so where that choice is all that the latents show it is √(1 - n/T).
    """
    within = redrawn.var(axis=0, ddof=1).mean(axis=0).sum()
    return float(np.sqrt(within / redrawn.var(axis=1, ddof=1).mean(axis=0).sum()))


def _open(options: EmbedOptions, run: Run) -> ParticleSet:
    """Return the particles as the run's own were read: its tilts and forward model hold where no option says else."""
    tilts = {name: run.settings[name] for name in ("first_tilts", "tilt_order") if name not in options.model_fields_set}
    particle_set = options.model_copy(update=tilts).open()
    recorded = run.document["data"]
    if particle_set.dialect != recorded["dialect"]:
        log.warning(
            "%s: is of dialect %s, the run of %s, so the run's forward model is not taken over; check that they agree",
            particle_set.source.path,
            particle_set.dialect,
            recorded["dialect"],
        )
        return particle_set
    model = recorded["forward_model"]
    return particle_set.with_forward_model(
        **{name: model[name] for name in model if name not in options.model_fields_set}
    )


def _check_fit(particle_set: ParticleSet, trained: TrainedModel, run: Run) -> None:
    if particle_set.box != trained.box:
        raise InputError(
            f"{particle_set.source.path}: its images have {particle_set.box} px, {run.path} was trained with "
            f"{trained.box} px; use `napari-tomodrgn downsample` or `crop` first"
        )
    if abs(particle_set.pixel_size / trained.pixel_size - 1) > PIXEL_SIZE_TOLERANCE:
        raise InputError(
            f"{particle_set.source.path}: its pixels are {particle_set.pixel_size:.4g} Å, {run.path} was trained with "
            f"{trained.pixel_size:.4g} Å; use `napari-tomodrgn downsample` first"
        )


def _random_draws(particle_set: ParticleSet, trained: TrainedModel, options: EmbedOptions) -> list[list[list[Rows]]]:
    """Return, for every draw and particle, the drawn rows of its tilt images."""
    fewest = int(particle_set.tilts_per_particle.min())
    count = options.draw_tilts or trained.model.architecture.tilts or max(1, fewest // 2)
    needed = trained.model.architecture.tilts
    if options.draws < 2 or len(particle_set) < 2:
        raise InputError(f"--draws {options.draws}: a scatter needs two draws and two particles or more")
    if count > fewest or (needed and count != needed):
        expected = f"{needed}, as the encoder concatenates" if needed else f"at most {fewest}, the poorest particle's"
        raise InputError(f"--draw-tilts {count}: expected {expected}")
    generator = np.random.default_rng(0)
    own = [np.arange(begin, end) for begin, end in pairwise(particle_set.first_tilt)]
    return [[[np.sort(generator.permutation(rows)[:count])] for rows in own] for _ in range(options.draws)]


def recorded_options(run: Run, trained: TrainedModel) -> TrainOptions:
    """Return the options that a run was trained with, but for which tilt images are looked at."""
    recorded: dict[str, Any] = {name: own for name, own in run.settings.items() if name in TrainOptions.model_fields}
    tilts = trained.model.architecture.tilts or "all"
    return TrainOptions(**{**recorded, "outdir": run.path, "tilts_per_particle": tilts, "held_out_fraction": 0})


def _sampler(particle_set: ParticleSet, run: Run, trained: TrainedModel, recorded: TrainOptions) -> Sampler:
    """Return what draws tilt images for inference: as many as the encoder takes, whatever this set's poorest has."""
    tilts = trained.model.architecture.tilts
    counts = particle_set.tilts_per_particle
    if tilts and counts.min() < tilts:
        tomogram, name = particle_set.ids[int(counts.argmin())]
        raise InputError(
            f"{particle_set.source.path}: particle {name} of tomogram {tomogram} has {counts.min()} tilt images, and "
            f"the encoder of {run.path} concatenates {tilts}; leave it out with --selection"
        )
    return Sampler(particle_set, split_tilts(particle_set, 0, "particle", 0), recorded)


def _write_dispersion(path: Path, redrawn: npt.NDArray[np.float32], tilts: int) -> None:
    value = dispersion(redrawn)
    log.info("dispersion over %d draws of %d tilt images: %.3f", len(redrawn), tilts, value)
    with atomic_open(path) as stream:
        json.dump({"draws": len(redrawn), "tilts": tilts, "dispersion": value}, stream, indent=1)


def _write_table(path: Path, latents: Latents) -> None:
    with atomic_open(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["tomogram", "particle", *(f"z{number}" for number in range(latents.z_mean.shape[1]))])
        for particle, row in zip(latents.ids, latents.z_mean.tolist(), strict=True):
            writer.writerow([*particle, *(f"{value:.7g}" for value in row)])
