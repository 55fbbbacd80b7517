"""Training as a command: begin, go on, or replace a run."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.files import explain_os_error
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.vae import learned_parameters
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.particles.writing import write_particles
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.lock import check_held, run_lock
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.stopping import InterruptedWorkError, StopRequest
from napari_tomodrgn.training.checkpoints import load_checkpoint, newest_checkpoint
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.distributed import ALONE, Ranks
from napari_tomodrgn.training.feeding import nearest_source
from napari_tomodrgn.training.focus import mask_fingerprint, read_focus_mask
from napari_tomodrgn.training.going_on import check_same_mask, forget_after, is_done, state_to_restore
from napari_tomodrgn.training.options import FREE_ON_RESUME, NOT_RECORDED, TrainOptions
from napari_tomodrgn.training.packed import open_packed
from napari_tomodrgn.training.preparation import (
    assumptions_left_out,
    check_kept,
    fingerprint,
    make_sampler,
    make_trainer,
)
from napari_tomodrgn.training.trainer import Trainer
from napari_tomodrgn.training.warm_start import model_to_begin_from

log = logging.getLogger("napari_tomodrgn")

OWN_FOLDERS = ("checkpoints", "latents", "selections", "analysis", "volumes", "sessions", "tilt_series")
VERSIONED = ("napari-tomodrgn", "torch", "numpy")


def train(options: TrainOptions, stop: StopRequest | None = None, ranks: Ranks = ALONE) -> Run:
    """Train on particles and return the finished run.

    Parameters
    ----------
    options
        What to train on and how. With ``resume``, options that were not given are those of the run.
    stop
        Looked at after every step.
    ranks
        The other processes that this one trains with, each of which calls this function; the first one writes.

    Raises
    ------
    InputError
        Where options, particles, images or the output folder can't be worked with.
    InterruptedWorkError
        Where a stop was asked for; the run goes on with ``resume``.
    RunError
        Where a loss is not finite, the disk is full, or another rank was lost; the last whole checkpoint stays.
    AbandonedError
        Where another rank gave up, and says why.
    """
    stop = stop or StopRequest()
    with ranks.joined():
        return _lead(options, stop, ranks) if ranks.first else _follow(options, stop, ranks)


def _lead(options: TrainOptions, stop: StopRequest, ranks: Ranks) -> Run:
    """Train as the rank that holds the lock and writes."""
    with run_lock(options.outdir):
        previous = previous_run(options)
        if previous is not None and options.resume:
            options = resumed_options(options, previous)
        compute = ranks.compute(choose_compute(options.device, options.amp))
        particle_set = options.open()
        if stop.signal is not None:
            raise InterruptedWorkError("stopped while opening the particles; nothing was trained yet", stop.signal)
        ImageStacks(particle_set)  # that a stack is missing is said before what follows from it
        sampler = make_sampler(particle_set, options)
        # refused before images are read
        architecture = options.architecture(particle_set.box, sampler.tilts or 0, len(particle_set))
        if options.dose_mask:
            check_kept(particle_set, TiltImages.of(particle_set, dose_middle=options.dose_middle))
        mask = read_focus_mask(options, particle_set)
        resumed = previous if options.resume else None
        if resumed is not None:
            check_same_mask(resumed, mask)
        state = None if resumed is None else state_to_go_on_from(resumed, options, particle_set)
        if resumed is not None and is_done(resumed, options, state):
            ranks.from_first(lambda: None)
            return resumed
        log.info("%d particles, %d tilt images", len(particle_set), len(particle_set.tilt_images))
        if resumed is None:
            for sentence in assumptions_left_out(options, particle_set):
                log.warning(sentence)
        begin_from = None
        if options.init_from is not None and state is None:
            begin_from = model_to_begin_from(options.init_from, architecture, particle_set.pixel_size)
        store = open_packed(
            particle_set,
            options.store_folder,
            window=options.window,
            dtype=options.store_dtype,
            workers=options.workers,
            stop=stop,
        )
        source = nearest_source(store, compute.device)
        deviation = None if resumed is None else resumed.standard_deviation
        trainer = make_trainer(options, particle_set, source, sampler, compute, options.outdir, stop, deviation, ranks)
        if begin_from is not None and options.init_from is not None:
            learned = options.pooling == "none" and begin_from.model.encoder is not None
            trainer.begin_from(begin_from, Run.open(options.init_from).latents() if learned else None)
        if resumed is None:
            document = _document(options, particle_set, trainer, mask)
            _remove_previous(options.outdir)
            run = Run.create(options.outdir, document)
        else:
            run = resumed
            _take_up(run, options, trainer, state)
        if newest_checkpoint(run.path) is None:
            write_particles(particle_set, run.path / layout.PARTICLES_STAR, overwrite=True)
        with _log_file(options.outdir):
            told = options.model_copy(update={"amp": compute.amp}).model_dump_json()
            ranks.from_first(lambda: (told, trainer.images.standard_deviation))
            return _train(run, trainer)


def _follow(options: TrainOptions, stop: StopRequest, ranks: Ranks) -> Run:
    """Train with what the first rank has prepared, and write nothing."""
    nothing: tuple[str, float] | None = None
    told = ranks.from_first(lambda: nothing)
    if told is None:  # the run is finished
        return Run.open(options.outdir)
    options, deviation = TrainOptions.model_validate_json(told[0]), told[1]
    compute = ranks.compute(choose_compute(options.device, options.amp))
    particle_set = options.open()
    sampler = make_sampler(particle_set, options)
    store = open_packed(
        particle_set, options.store_folder, window=options.window, dtype=options.store_dtype, workers=1, stop=stop
    )
    trainer = make_trainer(options, particle_set, store, sampler, compute, options.outdir, stop, deviation, ranks)
    trainer.train()
    return Run.open(options.outdir)


def _train(run: Run, trainer: Trainer) -> Run:
    log.info("training on %s, precision %s", trainer.compute.device, trainer.compute.amp)
    try:
        trainer.train()
    except (InterruptedWorkError, KeyboardInterrupt):
        run.update(status="stopped")
        raise
    except Exception as error:
        check_held(run.path)  # what goes wrong without the folder is that, and it is not made anew
        with suppress(InputError, RunError):
            run.update(status="failed", error=str(error))
        raise
    if trainer.options.heterogeneous:
        Latents.load(layout.latents_path(run.path, trainer.chosen_epoch)).save(run.path / layout.CHOSEN_LATENTS)
    run.update(status="finished", chosen_epoch=trainer.chosen_epoch)
    log.info("%s: finished epoch %d", run.path, trainer.epoch)
    return run


def previous_run(options: TrainOptions) -> Run | None:
    """Return the run that is in the output folder, ``None`` where there is none.

    Raises
    ------
    InputError
        Where there is one and the options say neither to go on nor to replace it, or other files are there.
    """
    outdir = options.outdir
    if options.resume_epoch is not None and not options.resume:
        raise InputError(f"--resume-epoch {options.resume_epoch}: goes with --resume; give both")
    if options.resume and options.overwrite:
        raise InputError(f"{outdir}: --resume and --overwrite exclude each other; give one of them")
    if (outdir / layout.DOCUMENT).exists():
        if not (options.resume or options.overwrite):
            raise InputError(f"{outdir}: exists already; choose another name, or add --resume or --overwrite")
        if options.overwrite:
            _refuse_input_inside(options)
        return Run.open(outdir) if options.resume else None
    if not layout.is_untouched(outdir):
        raise InputError(f"{outdir}: is a folder with other files and not a run; choose another --outdir")
    if options.resume_epoch is not None:
        raise InputError(f"{outdir}: holds no run, so --resume-epoch {options.resume_epoch} has nothing to go on from")
    if options.resume:
        log.warning("%s: holds no run to go on from, so --resume begins a training there", outdir)
    return None


def _refuse_input_inside(options: TrainOptions) -> None:
    """Raise where a run that replaces the one in the output folder is to be made from files there."""
    folder = options.outdir.resolve()
    given = (options.particles, options.selection, options.parent_selection, options.volume_series, options.focus_mask)
    for path in given:
        if path is not None and path.resolve().is_relative_to(folder):
            raise InputError(f"{path}: lies in --outdir {options.outdir}, which begins anew; choose another --outdir")


def recorded_settings(options: TrainOptions) -> dict[str, Any]:
    """Return the options as plain values for run.json; paths are absolute."""
    settings: dict[str, Any] = json.loads(options.model_dump_json(exclude=set(NOT_RECORDED)))
    for name in settings:
        value = getattr(options, name)
        if isinstance(value, Path):
            settings[name] = str(value.absolute())
    return settings


def resumed_options(options: TrainOptions, run: Run) -> TrainOptions:
    """Return the options to go on with: those given, and the run's own for the rest.

    Raises
    ------
    InputError
        Where an option was given that differs from the run's and must not.
    """
    recorded, asked = run.settings, recorded_settings(options)
    for name in options.model_fields_set - set(FREE_ON_RESUME):
        if name in recorded and asked[name] != recorded[name]:
            option = "--" + name.replace("_", "-")
            raise InputError(
                f"{run.path}: was begun with {option} {recorded[name]}, and --resume was given {asked[name]}; "
                "leave the option out, or begin another run"
            )
    rest = {name: value for name, value in recorded.items() if name in TrainOptions.model_fields}
    given = {name: getattr(options, name) for name in options.model_fields_set}
    try:
        return TrainOptions(**{**rest, **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{run.path / layout.DOCUMENT}: records {first['input']!r} as {name!r} ({first['msg']}); copy the run again"
        ) from error


def state_to_go_on_from(run: Run, options: TrainOptions, particle_set: ParticleSet) -> dict[str, Any] | None:
    """Return the state that a run goes on from, ``None`` where none was written yet.

    Raises
    ------
    InputError
        Where the particles are not the run's, the state isn't there, or it has more epochs than are asked for.
    """
    data = run.document["data"]
    if (
        data["fingerprint"] != fingerprint(particle_set)
        or data["forward_model"] != particle_set.forward_model.as_dict()
    ):
        raise InputError(
            f"{particle_set.source.path}: holds other particles, poses, or forward model than {run.path} was "
            "begun with; give the same particles, or begin another run"
        )
    path = state_to_restore(run, options.resume_epoch)
    if path is None:
        return None
    state = load_checkpoint(path)
    if options.epochs < state["epoch"]:
        raise InputError(
            f"{run.path}: has finished {state['epoch']} epochs, more than --epochs {options.epochs}; "
            "give that number or a higher one"
        )
    return state


def _take_up(run: Run, options: TrainOptions, trainer: Trainer, state: dict[str, Any] | None) -> None:
    """Restore a state and mark the run as running."""
    if state is not None:
        trainer.restore(state)
    if options.resume_epoch is not None:
        forget_after(run, options.resume_epoch)
    if state is not None:
        trainer.write_metrics()
    settings = {**run.settings, "epochs": options.epochs}
    run.document.pop("error", None)
    run.update(status="running", settings=settings)
    log.info("%s: going on after epoch %d, step %d", run.path, trainer.epoch, trainer.position)


def _remove_previous(outdir: Path) -> None:
    """Remove what an earlier run left in its folder, but for run.json, which the next one replaces in one step."""
    if not outdir.exists():
        return
    try:
        for name in OWN_FOLDERS:
            shutil.rmtree(outdir / name, ignore_errors=True)
        for name in layout.OWN_FILES:
            (outdir / name).unlink(missing_ok=True)
    except OSError as error:
        raise explain_os_error(error, outdir) from error


def _document(
    options: TrainOptions, particle_set: ParticleSet, trainer: Trainer, mask: Tensor | None
) -> dict[str, Any]:
    """Return what run.json says of a run that begins."""
    model = trainer.model
    return {
        "status": "running",
        "settings": recorded_settings(options),
        "versions": {"python": python_version(), **{name: version(name) for name in VERSIONED}},
        "data": {
            "fingerprint": fingerprint(particle_set),
            "star": layout.PARTICLES_STAR,
            "source": str(particle_set.source.path),
            "dialect": particle_set.dialect,
            "particles": len(particle_set),
            "tilt_images": len(particle_set.tilt_images),
            "box": particle_set.box,
            "pixel_size": particle_set.pixel_size,
            "forward_model": particle_set.forward_model.as_dict(),
            "standard_deviation": trainer.images.standard_deviation,
            "focus_mask": mask_fingerprint(mask),
        },
        "model": {
            **model.architecture.as_dict(),
            "encoder_parameters": learned_parameters(model.encoder),
            "decoder_parameters": learned_parameters(model.decoder),
        },
        "parent": _parent(options.selection or options.parent_selection, options.init_from),
        "chosen_epoch": None,
    }


def _parent(selection: Path | None, init_from: Path | None) -> dict[str, str | None] | None:
    if selection is None:
        return None if init_from is None else {"run": str(init_from.absolute()), "selection": None}
    chosen = Selection.load(selection)
    return {"run": chosen.run, "selection": chosen.name}


class _LogFile(logging.FileHandler):
    """The run's own log; a full disk costs lines of it and nothing else."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Leave the line out."""


@contextmanager
def _log_file(outdir: Path) -> Iterator[None]:
    try:
        handler = _LogFile(outdir / layout.LOG, encoding="utf-8")
    except OSError as error:
        raise explain_os_error(error, outdir / layout.LOG) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = log.level
    log.addHandler(handler)
    if log.getEffectiveLevel() > logging.INFO:
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        handler.close()
