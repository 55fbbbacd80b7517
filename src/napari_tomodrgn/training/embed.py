"""Latents of images that a run has not seen, through its trained encoder."""

import csv
import logging
from pathlib import Path

import numpy as np

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, refuse_existing
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.runs.latents import NEW, Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.batches import Sampler, split_tilts
from napari_tomodrgn.training.checkpoints import TrainedModel, load_model
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.inference import Images, infer_latents
from napari_tomodrgn.training.options import EmbedOptions, TrainOptions
from napari_tomodrgn.training.store import build_store

PIXEL_SIZE_TOLERANCE = 0.01
log = logging.getLogger("napari_tomodrgn")


def embed(options: EmbedOptions) -> Latents:
    """Write and return the latents of particles, by deterministic inference with a run's encoder.

    Raises
    ------
    InputError
        Where the run has no encoder, or the images don't fit it (box, pixel size, too few tilts), or output exists.
    """
    table = options.output.with_suffix(".csv")
    if options.output.suffix != ".npz":
        raise InputError(f"{options.output}: expected a name that ends in .npz for the latents")
    for path in (options.output, table):
        refuse_existing(path, options.overwrite)
    run = Run.open(options.run)
    if not run.latent_dim:
        raise InputError(f"{run.path}: is a decoder alone (--latent-dim 0) and has no encoder; give another --run")
    compute = choose_compute(options.device, options.amp)
    trained = load_model(run, options.epoch, compute.device)
    particle_set = _open(options, run)
    _check_fit(particle_set, trained, run)
    sampler = _sampler(particle_set, run, trained)
    settings = run.settings
    store = build_store(
        particle_set,
        window=settings["window"],
        standard_deviation=trained.standard_deviation,
        workers=options.workers,
    )
    tilts = TiltImages.of(particle_set, dose_middle=settings["dose_middle"]).to(compute.device)
    images = Images(store, tilts, lattice(particle_set.box).to(compute.device))
    mean, log_variance = infer_latents(trained.model, images, sampler, len(particle_set), compute)
    split = np.full(len(particle_set), NEW)
    latents = Latents(tuple(particle_set.ids), mean, log_variance, split)
    latents.save(options.output)
    _write_table(table, latents)
    return latents


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


def _sampler(particle_set: ParticleSet, run: Run, trained: TrainedModel) -> Sampler:
    """Return what draws tilt images for inference: as many as the encoder takes, whatever this set's poorest has."""
    tilts = trained.model.architecture.tilts
    counts = particle_set.tilts_per_particle
    if tilts and counts.min() < tilts:
        tomogram, name = particle_set.ids[int(counts.argmin())]
        raise InputError(
            f"{particle_set.source.path}: particle {name} of tomogram {tomogram} has {counts.min()} tilt images, and "
            f"the encoder of {run.path} concatenates {tilts}; leave it out with --selection"
        )
    recorded = {name: value for name, value in run.settings.items() if name in TrainOptions.model_fields}
    recorded.update(outdir=run.path, tilts_per_particle=tilts or "all", held_out_fraction=0)
    return Sampler(particle_set, split_tilts(particle_set, 0, "particle", 0), TrainOptions(**recorded))


def _write_table(path: Path, latents: Latents) -> None:
    with atomic_open(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["tomogram", "particle", *(f"z{number}" for number in range(latents.z_mean.shape[1]))])
        for particle, row in zip(latents.ids, latents.z_mean.tolist(), strict=True):
            writer.writerow([*particle, *(f"{value:.7g}" for value in row)])
