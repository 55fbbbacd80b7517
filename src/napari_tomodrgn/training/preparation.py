"""From options to a trainer: the same steps for a run that begins, goes on, or is only planned."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.particles.particle_set import TILT_IMAGE_COLUMNS, ParticleSet
from napari_tomodrgn.runs.ancestry import run_of_selection
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.batches import Sampler, split_tilts
from napari_tomodrgn.training.corrections import Corrections
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.distributed import ALONE, Ranks
from napari_tomodrgn.training.feeding import ImageSource
from napari_tomodrgn.training.focus import FocusMask, read_focus_mask
from napari_tomodrgn.training.gauss_newton import Unknowns
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.trainer import Trainer


def fingerprint(particle_set: ParticleSet) -> str:
    """Return a hash of a set's particles and all that is known of their tilt images, wherever the stacks lie.

    Numbers are rounded: cosines of one angle differ in their last bit from processor to processor.
    """
    digest = hashlib.sha256(f"{particle_set.box} {particle_set.pixel_size:.6g}".encode())
    digest.update("\n".join(f"{tomogram}\t{name}" for tomogram, name in particle_set.ids).encode())
    columns = [name for name in TILT_IMAGE_COLUMNS if name != "stack"]
    digest.update((particle_set.tilt_images[columns].to_numpy(np.float64).round(4) + 0.0).tobytes())
    digest.update((particle_set.rotations.astype(np.float64).round(5) + 0.0).tobytes())
    return digest.hexdigest()


def assumptions_left_out(options: TrainOptions, particle_set: ParticleSet) -> list[str]:
    """Return a sentence on what the selection's own run was told of the images, and this training is not.

    Nothing is said where another value was given, or where the files say the same by themselves.
    """
    selection = options.selection or options.parent_selection
    parent = None if selection is None else run_of_selection(selection)
    if parent is None:
        return []
    model = particle_set.forward_model.as_dict()
    stated = {name: str(parent.settings.get(name, "auto")) for name in model}
    left_out = {
        name: value
        for name, value in stated.items()
        if value != "auto" and getattr(options, name) == "auto" and value != str(model[name])
    }
    if not left_out:
        return []
    given = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in left_out.items())
    now = ", ".join(f"{name.replace('_', ' ')} {model[name]}" for name in left_out)
    return [
        f"{parent.path}: was trained with {given}, and this training takes {now}; add {given}, unless that is meant"
    ]


def check_kept(particle_set: ParticleSet, tilts: TiltImages) -> None:
    """Raise where the dose mask leaves a particle nothing to be compared with."""
    kept = np.add.reduceat(Weighting().kept(tilts, lattice(particle_set.box)), particle_set.first_tilt[:-1])
    if (kept == 0).any():
        tomogram, name = particle_set.ids[int(np.flatnonzero(kept == 0)[0])]
        raise InputError(
            f"{particle_set.source.path}: the dose mask leaves particle {name} of tomogram {tomogram} no frequency; "
            "check the dose column, or use --no-dose-mask"
        )


def make_sampler(particle_set: ParticleSet, options: TrainOptions) -> Sampler:
    """Return what draws particles and tilt images."""
    options.refuse_without_held_out()
    split = split_tilts(particle_set, options.held_out_fraction, options.held_out_by, options.seed)
    return Sampler(particle_set, split, options)


def make_model(particle_set: ParticleSet, options: TrainOptions, sampler: Sampler) -> VAE:
    """Return the model as it is before the first step."""
    return VAE(options.architecture(particle_set.box, sampler.tilts or 0, len(particle_set)))


def make_trainer(
    options: TrainOptions,
    particle_set: ParticleSet,
    store: ImageSource,
    sampler: Sampler,
    compute: Compute,
    folder: Path,
    stop: StopRequest,
    standard_deviation: float | None = None,
    ranks: Ranks = ALONE,
) -> Trainer:
    """Return a trainer at the start of its run; images are divided by ``standard_deviation``, or the store's own."""
    unknowns = Unknowns(contrast=options.fit_contrast, moves=options.refine_poses)
    mask = read_focus_mask(options, particle_set)
    focus = None if mask is None else FocusMask(mask, compute.device)
    images = Images.on(
        compute.device,
        particle_set,
        store,
        replace(Weighting.of(options), focus=focus),
        dose_middle=options.dose_middle,
        standard_deviation=standard_deviation,
        corrections=None if not unknowns.count(0) else Corrections.of(particle_set, unknowns),
    )
    model = make_model(particle_set, options, sampler)
    return Trainer(options, particle_set, images, sampler, model, compute, folder, stop, ranks)
