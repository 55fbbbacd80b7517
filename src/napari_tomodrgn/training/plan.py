"""What a training would do and cost, without doing it."""

import shutil
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.encoder import Encoder
from napari_tomodrgn.model.vae import VAE, learned_parameters
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.runs.lock import lock_holder
from napari_tomodrgn.training.batches import Sampler
from napari_tomodrgn.training.decoding import BlockSize, Decoding
from napari_tomodrgn.training.device import Compute, choose_compute
from napari_tomodrgn.training.focus import FocusMask, read_focus_mask
from napari_tomodrgn.training.going_on import check_same_mask
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.packed import Contents
from napari_tomodrgn.training.points import BatchImages, Weighting
from napari_tomodrgn.training.preparation import assumptions_left_out, check_kept, make_model, make_sampler
from napari_tomodrgn.training.train import previous_run, resumed_options, state_to_go_on_from

TRAINING_OVER_FORWARD = 3  # backward is twice the forward's multiplications
TRIAL_GFLOP = 4.0
LARGE_COPIES = 14  # per-point numbers held at once beside the activations


def plan(options: TrainOptions) -> dict[str, Any]:
    """Return the plan of a training as plain values (the object of ``--dry-run --json``); creates nothing.

    Raises
    ------
    InputError
        Where options, particles or the output folder can't be worked with.
    """
    previous = previous_run(options)
    if previous is not None and options.resume:
        options = resumed_options(options, previous)
    compute = choose_compute(options.device, options.amp)
    particle_set = options.open()
    if not particle_set.box:
        ImageStacks(particle_set)  # says which stack is missing, where the star doesn't give the box either
    if previous is not None and options.resume:
        state_to_go_on_from(previous, options, particle_set)
    mask = read_focus_mask(options, particle_set)
    if previous is not None and options.resume:
        check_same_mask(previous, mask)
    sampler = make_sampler(particle_set, options)
    model = make_model(particle_set, options, sampler)
    tilts = TiltImages.of(particle_set, dose_middle=options.dose_middle)
    if options.dose_mask:
        check_kept(particle_set, tilts)
    unmasked = lattice(particle_set.box).pairs
    kept = Weighting.of(options).kept(tilts, lattice(particle_set.box))
    counts = particle_set.tilts_per_particle
    used, points = _visited(sampler, kept)
    points *= options.point_fraction
    gflop = epoch_gflop(model, used, points)
    stored = Contents.of(particle_set, window=options.window, dtype=options.store_dtype)
    return {
        "particles": len(particle_set),
        "tilt_images": len(particle_set.tilt_images),
        "tilts_per_particle": {
            "min": int(counts.min()),
            "median": float(np.median(counts)),
            "max": int(counts.max()),
        },
        "box": particle_set.box,
        "pixel_size": particle_set.pixel_size,
        "coordinates_per_particle": _whole(2 * float(kept.sum()) / len(particle_set)),
        "coordinates_per_particle_unmasked": _whole(2 * unmasked * len(tilts) / len(particle_set)),
        "encoder_parameters": learned_parameters(model.encoder),
        "decoder_parameters": learned_parameters(model.decoder),
        "gflop_per_epoch": gflop,
        "store_bytes": stored.total_bytes,
        "memory_gb": _memory_gb(model, points, sampler, compute),
        "seconds_per_epoch": _seconds_per_epoch(model, tilts, used, gflop, options, compute, mask),
        "device": str(compute.device),
        "amp": compute.amp,
        "dialect": particle_set.dialect,
        "forward_model": particle_set.forward_model.as_dict(),
        "warnings": _warnings(options, particle_set, stored),
    }


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _visited(sampler: Sampler, kept: np.ndarray) -> tuple[float, float]:
    """Return the tilt images and the ±k pairs looked at in an epoch, in expectation."""
    images = pairs = 0.0
    for particle in sampler.split.particles:
        rows = sampler.split.training[particle]
        drawn = len(rows) if sampler.tilts is None else min(sampler.tilts, len(rows))
        images += drawn
        pairs += drawn * float(kept[rows].mean())
    return images, pairs


def epoch_gflop(model: VAE, images: float, pairs: float) -> float:
    """Return the floating-point operations of an epoch, in units of 1e9, that visits images and ±k pairs.

    Two a multiplication, three passes (forward, and backward twice its work); one point is decoded a ±k pair.
    """
    decoder = model.decoder
    per_point = decoder.mlp.multiplications - decoder.latent_dim * decoder.mlp.first.out_features
    per_image = model.encoder.encoder_a.multiplications if isinstance(model.encoder, Encoder) else 0
    return 2 * TRAINING_OVER_FORWARD * (per_point * pairs + per_image * images) / 1e9


def _memory_gb(model: VAE, points: float, sampler: Sampler, compute: Compute) -> float:
    """Return an estimate of the memory a training needs beside the program, in units of 1e9 bytes.

    Packed images are not part of it: the system keeps as much of their file in memory as nobody else needs.
    """
    width, layers = model.architecture.decoder
    per_batch = points / max(len(sampler.split.particles), 1) * sampler.batch_size
    block = min(BlockSize(compute).points(width), per_batch)
    activations = block * (2 * (layers + 2) * width + 2 * model.decoder.features) * 4
    weights = 4 * 4 * (learned_parameters(model.encoder) + learned_parameters(model.decoder))
    return (activations + weights + per_batch * LARGE_COPIES * 4) / 1e9


def _seconds_per_epoch(
    model: VAE,
    tilts: TiltImages,
    images: float,
    gflop: float,
    options: TrainOptions,
    compute: Compute,
    mask: torch.Tensor | None,
) -> float:
    """Return about how long an epoch takes, from decoding a few tilt images forward and backward on noise."""
    few = min(len(tilts), max(1, int(TRIAL_GFLOP / (gflop / images / options.point_fraction))))
    own, model = tilts[slice(0, few)].to(compute.device), model.to(compute.device)
    half_plane = lattice(model.architecture.box).to(compute.device)
    pairs = torch.randn(few, 2, half_plane.pairs, device=compute.device)
    focus = None if mask is None else FocusMask(mask, compute.device)
    weighting = replace(Weighting.of(options), focus=focus)
    batch = BatchImages(own, pairs, torch.tensor([few]), weighting.kept(own, half_plane))
    width = model.architecture.decoder.width
    latent_input = torch.zeros(1, width, device=compute.device) if options.latent_dim else None
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        Decoding(model.decoder, half_plane, weighting, compute).gradient(batch, latent_input, 1.0)[0].cpu()
        seconds.append(time.perf_counter() - began)
    return min(seconds) * images / few * options.point_fraction


def _warnings(options: TrainOptions, particle_set: ParticleSet, stored: Contents) -> list[str]:
    found = list(particle_set.warnings)
    try:
        ImageStacks(particle_set)
    except InputError as error:
        found.append(str(error))
    folder = next(each for each in (options.store_folder, *options.store_folder.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    if stored.total_bytes > free and not (options.store_folder / stored.name).exists():
        found.append(
            f"{options.store_folder}: packed images take {stored.total_bytes / 1e9:.1f} GB, and {free / 1e9:.1f} GB "
            "are free; free some, or give another --store-dir"
        )
    found += assumptions_left_out(options, particle_set)
    holder = lock_holder(options.outdir)
    if holder is not None:
        found.append(f"{options.outdir}: {holder} is training in it; wait until it ends, or choose another --outdir")
    return found
