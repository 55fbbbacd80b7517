"""The ``import-tomodrgn`` command: a run of tomoDRGN as one of this program's run directories."""

import csv
import logging
import math
import shutil
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_folder, atomic_open, refuse_existing
from napari_tomodrgn.interop.import_options import ImportOptions
from napari_tomodrgn.interop.tomodrgn_files import LOG, WEIGHTS, Config, Epoch, TomodrgnRun
from napari_tomodrgn.interop.tomodrgn_model import TakenOver, latent_dimension, pooling
from napari_tomodrgn.model.encoder import Encoder
from napari_tomodrgn.model.free_latents import FreeLatents
from napari_tomodrgn.model.vae import VAE, learned_parameters
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.writing import write_particles
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import TRAIN, Latents
from napari_tomodrgn.runs.lock import lock_holder
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.beta import BetaController
from napari_tomodrgn.training.checkpoints import save_checkpoint
from napari_tomodrgn.training.epoch_metrics import EpochSums
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.preparation import fingerprint
from napari_tomodrgn.training.train import OWN_FOLDERS, VERSIONED, recorded_settings

log = logging.getLogger("napari_tomodrgn")
PROGRAM = "tomoDRGN"
# What may lie in a run's folder that is replaced.
_REPLACES = (layout.DOCUMENT, *layout.OWN_FILES, layout.LOCK, *(f"{name}/" for name in OWN_FOLDERS))


def import_tomodrgn(options: ImportOptions) -> Run:
    """Write a run of tomoDRGN as a run directory, and return it.

    Raises
    ------
    InputError
        Where a file of it is missing, damaged, or asks for more than plain values; where its particles and latents do
        not belong together; or where the output exists.
    """
    _refuse_output(options)
    theirs = TomodrgnRun.open(options.folder, options.star)
    particle_set = _particles(options, theirs)
    losses = theirs.losses()
    history: list[dict[str, float]] = []
    with atomic_folder(options.outdir, overwrite=options.overwrite, replaces=_REPLACES) as folder:
        write_particles(particle_set, folder / layout.PARTICLES_STAR)
        for epoch in theirs.epochs():
            taken = TakenOver.of(epoch.weights, theirs.config, theirs.folder / WEIGHTS)
            asked = _train_options(options, theirs, particle_set, taken, epoch)
            history = _history(losses, epoch, len(particle_set))
            model = _model(asked, particle_set, taken, epoch)
            _write_epoch(folder, model, asked, particle_set, theirs.config, epoch, history)
        _write_metrics(folder, history)
        if (theirs.folder / LOG).is_file():
            shutil.copyfile(theirs.folder / LOG, folder / layout.LOG)
        shutil.copyfile(layout.latents_path(folder, epoch.number), folder / layout.CHOSEN_LATENTS)
        Run.create(folder, _document(asked, theirs, particle_set, model, epoch))
    if taken.why:
        log.warning(
            "%s: its encoder is not taken over, as %s: latents stay as they are, and `embed` fits new ones to the "
            "decoder",
            theirs.folder,
            taken.why,
        )
    return Run.open(options.outdir)


def _refuse_output(options: ImportOptions) -> None:
    outdir = options.outdir
    refuse_existing(outdir, options.overwrite)
    if outdir.exists() and not (outdir / layout.DOCUMENT).is_file():
        raise InputError(f"{outdir}: is no run, and --overwrite replaces nothing else; choose another --outdir")
    if (holder := lock_holder(outdir)) is not None:
        raise InputError(f"{outdir}: {holder} is training in it; wait until it ends, or choose another --outdir")
    for given in (options.folder, options.star, options.volume_series):
        if given is not None and given.resolve().is_relative_to(outdir.resolve()):
            raise InputError(f"{given}: lies in --outdir {outdir}, which is written anew; choose another --outdir")


def _particles(options: ImportOptions, theirs: TomodrgnRun) -> ParticleSet:
    """Return the particles that were trained on, as they were understood there."""
    config = theirs.config
    inverted = config.get("dataset_args", "invert_data", bool, True)
    given: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("dialect", "volume_series", "volume_series_by_order", "datadir", "ctf_power")
    }
    given.update(particles=theirs.star, contrast="bright" if inverted else "dark")
    result = DataOptions(**given).open()
    if not result.box:
        result = DataOptions(**given, box=config.box).open()
    if result.box != config.box:
        raise InputError(
            f"{theirs.star}: its images have {result.box} px, the run was trained on {config.box} px; give the star it "
            "was trained on by --star"
        )
    return result


def _train_options(
    options: ImportOptions, theirs: TomodrgnRun, particle_set: ParticleSet, taken: TakenOver, epoch: Epoch
) -> TrainOptions:
    """Return the options that come nearest to how it was trained there."""
    config = theirs.config
    joined = pooling(config) if taken.encoder_b is not None else "none"
    tilts = int(config.get("model_args", "ntilts", int, 0)) if joined == "concatenate" else 0
    rate = epoch.learning_rate if math.isfinite(epoch.learning_rate) else _positive(config, "training_args", "lr", 1e-4)
    in_order = config.get("dataset_args", "sequential_tilt_sampling", bool, False)
    given: dict[str, Any] = {
        "particles": theirs.star, "outdir": options.outdir, "dialect": options.dialect, "datadir": options.datadir,
        "contrast": particle_set.forward_model.contrast, "ctf_power": options.ctf_power,
        "box": particle_set.box, "volume_series": options.volume_series,
        "volume_series_by_order": options.volume_series_by_order,
        "epochs": epoch.number, "batch_size": max(1, config.get("training_args", "B", int, 1)),
        "learning_rate": rate, "weight_decay": max(0.0, float(config.get("training_args", "wd", (int, float), 0))),
        "seed": max(0, config.get("", "seed", int, 0)) % 2**31,
        "latent_dim": latent_dimension(config), "pooling": joined, "decoder": _text(taken.decoder.shape),
        "feature_sigma": _positive(config, "model_args", "feat_sigma", 0.5),
        "tilts_per_particle": tilts or "auto",
        "tilt_sampling": "sequential" if in_order else "random",
        "window": config.get("dataset_args", "window", bool, True),
        "dose_mask": config.get("dataset_args", "l_dose_mask", bool, False),
        "dose_weight": config.get("dataset_args", "recon_dose_weight", bool, False),
        "tilt_weight": config.get("dataset_args", "recon_tilt_weight", bool, False),
        "beta": config.get("training_args", "beta", float, None),
    }  # fmt: skip
    if taken.encoder_a is not None and taken.encoder_b is not None:
        given["encoder_a"], given["encoder_b"] = _text(taken.encoder_a.shape), _text(taken.encoder_b.shape)
        given["encoder_a_out"] = taken.encoder_a.outputs
    return TrainOptions(**given)


def _positive(config: Config, part: str, name: str, default: float) -> float:
    value = float(config.get(part, name, (int, float), default))
    return value if 0 < value < math.inf else default


def _text(shape: tuple[int, int]) -> str:
    return "{}x{}".format(*shape)


def _model(options: TrainOptions, particle_set: ParticleSet, taken: TakenOver, epoch: Epoch) -> VAE:
    tilts = options.tilts_per_particle if isinstance(options.tilts_per_particle, int) else 0
    model = VAE(options.architecture(particle_set.box, tilts, len(particle_set)))
    model.decoder.vectors.copy_(taken.vectors)
    taken.decoder.into(model.decoder.mlp)
    if isinstance(model.encoder, FreeLatents):
        if epoch.latents is not None:
            with torch.no_grad():
                model.encoder.mean.copy_(torch.from_numpy(epoch.latents[0]))
                model.encoder.log_variance.copy_(torch.from_numpy(epoch.latents[1]))
    elif isinstance(model.encoder, Encoder) and taken.encoder_a is not None and taken.encoder_b is not None:
        taken.encoder_a.into(model.encoder.encoder_a)
        taken.encoder_b.into(model.encoder.encoder_b)
    return model


def _write_epoch(
    folder: Path,
    model: VAE,
    options: TrainOptions,
    particle_set: ParticleSet,
    config: Config,
    epoch: Epoch,
    history: list[dict[str, float]],
) -> None:
    """Write checkpoint and latents of an epoch; the optimiser begins anew, as it was that of another network."""
    if epoch.latents is not None:
        mean, log_variance = epoch.latents
        if len(mean) != len(particle_set) or mean.shape[1] != options.latent_dim:
            raise InputError(
                f"{particle_set.source.path}: holds {len(particle_set)} particles, the latents of epoch {epoch.number} "
                f"are {mean.shape[0]} of {mean.shape[1]} dimensions, and {options.latent_dim} are expected; give the "
                "star it was trained on by --star"
            )
        ids = tuple(particle_set.ids)
        Latents(ids, mean, log_variance, np.full(len(ids), TRAIN)).save(layout.latents_path(folder, epoch.number))
    state = {
        "architecture": model.architecture.as_dict(),
        "model": model.state_dict(),
        "optimizer": torch.optim.AdamW(model.shared_parameters, lr=options.learning_rate).state_dict(),
        "row_optimizer": None,
        "scaler": {},
        "rng": torch.Generator().manual_seed(options.seed).get_state(),
        "beta": BetaController.of(options).state(),
        "prior": None,
        "epoch": epoch.number,
        "corrections": None,
        "position": 0,
        "sums": vars(EpochSums()).copy(),
        "history": history,
        "standard_deviation": config.standard_deviation,
        "pixel_size": particle_set.pixel_size,
        "forward_model": particle_set.forward_model.as_dict(),
    }
    save_checkpoint(layout.checkpoint_path(folder, epoch.number), state)


def _history(losses: dict[int, dict[str, float]], epoch: Epoch, particles: int) -> list[dict[str, float]]:
    """Return a row of metrics for each epoch up to this one that the log tells of; the rest of a row is NaN.

    The log's KL divergence is in units of its own and is left out.
    """
    rows = []
    for number in sorted(each for each in losses if each <= epoch.number):
        known = {"epoch": number, **losses[number], "learning_rate": epoch.learning_rate}
        if losses[number]["seconds"] > 0:
            known["particles_per_second"] = particles / losses[number]["seconds"]
        rows.append({name: known.get(name, math.nan) for name in layout.METRIC_COLUMNS})
    return rows


def _write_metrics(folder: Path, history: list[dict[str, float]]) -> None:
    if not history:
        return
    with atomic_open(folder / layout.METRICS) as stream:
        writer = csv.DictWriter(stream, layout.METRIC_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: "" if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
            for row in history
        )


def _document(
    options: TrainOptions, theirs: TomodrgnRun, particle_set: ParticleSet, model: VAE, epoch: Epoch
) -> dict[str, Any]:
    """Return what run.json says of it; ``imported`` is what other runs lack."""
    config = theirs.config
    return {
        "status": "finished",
        "settings": recorded_settings(options),
        "versions": {"python": python_version(), **{name: version(name) for name in VERSIONED}},
        "data": {
            "fingerprint": fingerprint(particle_set),
            "star": layout.PARTICLES_STAR,
            "source": str(theirs.star.absolute()),
            "dialect": particle_set.dialect,
            "particles": len(particle_set),
            "tilt_images": len(particle_set.tilt_images),
            "box": particle_set.box,
            "pixel_size": particle_set.pixel_size,
            "forward_model": particle_set.forward_model.as_dict(),
            "standard_deviation": config.standard_deviation,
            "focus_mask": None,
        },
        "model": {
            **model.architecture.as_dict(),
            "encoder_parameters": learned_parameters(model.encoder),
            "decoder_parameters": learned_parameters(model.decoder),
        },
        "parent": None,
        "chosen_epoch": epoch.number,
        "imported": {
            "program": PROGRAM,
            "version": config.get("meta", "version", str, None),
            "command": config.get("meta", "cmd", str, None),
            "folder": str(theirs.folder.absolute()),
        },
    }
