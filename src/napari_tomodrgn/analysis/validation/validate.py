"""The ``validate`` command: whether what a VAE shows of some particles is supported by their images."""

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.validation.apartness import apartness
from napari_tomodrgn.analysis.validation.evidence import Evidence, measure_evidence
from napari_tomodrgn.analysis.validation.independence import Independence, Parts, independence, learn_parts
from napari_tomodrgn.analysis.validation.maps import BACKPROJECTION, DECODER_ONLY, VAE, Maps, Mask, Pair, mask_around
from napari_tomodrgn.analysis.validation.options import ValidateOptions
from napari_tomodrgn.analysis.validation.progress import ASKING, BACKPROJECTING, LEARNING, OPENING, TRAINING, Progress
from napari_tomodrgn.analysis.validation.reconstructions import (
    backprojected,
    decoded,
    matched_others,
    trained_alone,
)
from napari_tomodrgn.analysis.validation.result import Measured, Validation
from napari_tomodrgn.analysis.validation.significance import amplitude
from napari_tomodrgn.analysis.validation.stored import FOLDER
from napari_tomodrgn.analysis.validation.subject import Subject, subject_of
from napari_tomodrgn.analysis.validation.verdict import judge
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import refuse_existing
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.stopping import InterruptedWorkError, StopRequest
from napari_tomodrgn.training.batches import Rows, split_tilts
from napari_tomodrgn.training.checkpoints import TrainedModel, load_model
from napari_tomodrgn.training.feeding import ImageSource
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.options import StoreType, TrainOptions
from napari_tomodrgn.training.packed import Contents, open_packed
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.preparation import fingerprint
from napari_tomodrgn.training.store import DirectImages

MOST_MEASURED = 4000  # chosen particles, and as many others
KEPT_ASIDE = "kept-aside.npz"  # what a small model says, whatever the selection; made once for a run
log = logging.getLogger("napari_tomodrgn")


def validate(options: ValidateOptions, stop: StopRequest | None = None) -> Validation:
    """Return what :func:`validating` finds; how far it is is logged."""
    told: Progress | None = None
    for step in validating(options, stop):
        if isinstance(step, Validation):
            return step
        if step.is_news(told):
            log.info("%s", step.line)
            told = step
    raise AssertionError("the last step is the validation")


def validating(options: ValidateOptions, stop: StopRequest | None = None) -> Iterator[Progress | Validation]:
    """Compare three maps of some particles and test the decoded one against their images; writes nothing.

    Yields how far it is, and the validation at the end; ``figures.validation.save_validation`` writes it. The
    generator may be closed anywhere.

    Raises
    ------
    InputError
        Where the run has no latents, particles are unknown or too few, the images are not there, or the validation
        exists already.
    InterruptedWorkError
        Where a stop was asked for.
    """
    stop = stop or StopRequest()
    yield Progress(OPENING, 0, 1)
    run = Run.open(options.run)
    if not run.latent_dim:
        raise InputError(f"{run.path}: is a decoder alone (--latent-dim 0): it has no latents and so no class to test")
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    folder = AnalysisFolder(run.path, epoch).path / FOLDER / options.folder_name
    refuse_existing(folder, options.overwrite)
    trained = load_model(run, epoch)
    particle_set = run.particle_set(options.datadir)
    subject = subject_of(options, run, particle_set)
    _refuse_without_images(run, particle_set)
    work = _Work(options, run, trained, particle_set, subject, held_out_tilts(run, particle_set), stop)
    apart = apartness(subject, permutations=options.permutations, seed=options.seed)
    pair = decoded(trained, subject, options.seed)
    mask = mask_around([pair.chosen, pair.others])
    measured = yield from work.measured(pair, mask)
    found_again = yield from work.found_again()
    maps, choices = yield from work.maps(pair, mask)
    verdict = judge(
        apart,
        measured.amplitude,
        found_again,
        particles=int(subject.chosen.sum()),
        needs_independence=work.needs_independence,
        remoteness=subject.remoteness,
    )
    yield Validation(
        options,
        folder,
        epoch,
        tuple(particle_set.ids),
        particle_set.forward_model.map_hand,
        subject,
        maps,
        choices,
        apart,
        measured,
        found_again,
        work.needs_independence,
        verdict,
    )


def _refuse_without_images(run: Run, particle_set: ParticleSet) -> None:
    try:
        ImageStacks(particle_set)
    except InputError as error:
        raise InputError(f"validation asks for the images of {run.path}: {error}") from error


@dataclass(frozen=True)
class _Work:
    """The long parts, each a generator of how far it is that returns what it found."""

    options: ValidateOptions
    run: Run
    trained: TrainedModel
    particle_set: ParticleSet
    subject: Subject
    held_out: list[Rows] | None
    stop: StopRequest

    @cached_property
    def images(self) -> Images:
        """The images of the run's particles, weighted as it was trained."""
        settings = self.run.settings
        recorded = {name: value for name, value in settings.items() if name in TrainOptions.model_fields}
        weighting = Weighting.of(TrainOptions(**{**recorded, "outdir": self.run.path}))
        return Images.on(
            torch.device("cpu"),
            self.particle_set,
            self._source(settings["window"], settings["store_dtype"]),
            weighting,
            dose_middle=settings["dose_middle"],
            standard_deviation=self.trained.standard_deviation,
        )

    def measured(self, pair: Pair, mask: Mask) -> Generator[Progress, None, Measured]:
        """Ask the images for the decoded difference, those held out where there are any."""
        first = self.particle_set.first_tilt
        tilts = self.held_out or [np.arange(begin, end) for begin, end in pairwise(first)]
        rows = self._drawn(np.array([len(each) > 0 for each in tilts]))
        found: Evidence | None = None
        difference = pair.difference * mask.values
        for step in measure_evidence(self.images, [tilts[row] for row in rows], difference, pair.others):
            if isinstance(step, Evidence):
                found = step
            else:
                yield self._progress(ASKING, step, len(rows))
        assert found is not None
        return Measured(
            rows,
            found,
            "held-out" if self.held_out else "all",
            amplitude(
                found.products,
                found.powers,
                self.subject.chosen[rows],
                np.unique(self.subject.tomogram[rows], return_inverse=True)[1],
                permutations=self.options.permutations,
                seed=self.options.seed,
            ),
        )

    def _drawn(self, usable: npt.NDArray[np.bool_]) -> Rows:
        """Return the particles to measure: at most 4000 chosen ones and as many others, drawn at random."""
        generator = np.random.default_rng([self.options.seed, 14])
        drawn = []
        for which in (self.subject.chosen, self.subject.others):
            rows = np.flatnonzero(which & usable)
            if len(rows) > MOST_MEASURED:
                rows = generator.choice(rows, MOST_MEASURED, replace=False)
            drawn.append(rows)
        return np.sort(np.concatenate(drawn))

    @property
    def needs_independence(self) -> bool:
        """Whether particles were chosen, or the decoder trained, with the tilt images that are asked."""
        if self.options.chosen_by == "elsewhere":
            return False
        return self.held_out is None or not _chosen_in(self.options, self.run)

    def found_again(self) -> Generator[Progress, None, Independence | None]:
        """See whether images kept aside find the difference again in a model that never saw them."""
        if not self.needs_independence:
            return None
        yield self._progress(LEARNING, 0, 1)
        made_with = {"dimensions": self.run.latent_dim, "seed": self.options.seed}
        path = self.run.path / "analysis" / KEPT_ASIDE
        parts = Parts.load(path, **made_with)
        if parts is None or not set(parts.ids) <= set(self.particle_set.ids):
            parts = learn_parts(self.particle_set, self.images, **made_with, stop=self.stop)
            parts.save(path, **made_with)
        chosen, others = (
            [self.particle_set.ids[row] for row in np.flatnonzero(which)]
            for which in (self.subject.chosen, self.subject.others)
        )
        return independence(
            parts,
            chosen,
            others,
            permutations=self.options.permutations,
            seed=self.options.seed,
        )

    def maps(self, pair: Pair, mask: Mask) -> Generator[Progress, None, tuple[Maps, int]]:
        """Make the other maps; returns them, and of how many averages the others' backprojection is the mean."""
        choices = matched_others(self.subject, self.options.seed)
        pairs = {VAE: pair}
        yield self._progress(BACKPROJECTING, 0, 1 + len(choices))
        for step in backprojected(self.run, self.particle_set, self.subject, choices, self.options.seed):
            if isinstance(step, int):
                yield self._progress(BACKPROJECTING, step, 1 + len(choices))
            else:
                averaged, whole = step
        if self.options.decoder_only:
            trainings = trained_alone(self.options, self.run, self.particle_set, self.subject, choices[0], self.stop)
            for training in trainings:
                if isinstance(training, int):
                    yield self._progress(TRAINING, training, 2)
                else:
                    pairs[DECODER_ONLY] = training
        pairs[BACKPROJECTION] = averaged
        assert whole.half_1 is not None
        assert whole.half_2 is not None
        return Maps(pairs, whole.half_1, whole.half_2, mask, self.particle_set.pixel_size), len(choices)

    def _source(self, window: bool, dtype: StoreType) -> ImageSource:
        """Return the images as the training packed them, where that file is still beside the run."""
        folder = self.run.path.absolute().parent / layout.PACKED_IMAGES
        if (folder / Contents.of(self.particle_set, window=window, dtype=dtype).name).is_file():
            self._progress("opening the images", 0, 1)
            return open_packed(self.particle_set, folder, window=window, dtype=dtype)
        return DirectImages(self.particle_set, window=window, standard_deviation=self.trained.standard_deviation)

    def _progress(self, what: str, done: int, total: int) -> Progress:
        if self.stop.signal is not None:
            raise InterruptedWorkError(f"stopped while {what}; nothing was written", self.stop.signal)
        return Progress(what, done, total)


def held_out_tilts(run: Run, particle_set: ParticleSet) -> list[Rows] | None:
    """Return the tilt images of each particle that a training held out, ``None`` where it had no such ones.

    A run that began with another's weights has none: that one may have been trained on them.
    """
    settings = run.settings
    if settings.get("held_out_by") != "tilt" or not settings["held_out_fraction"] or settings.get("init_from"):
        return None
    if run.document["data"]["fingerprint"] != fingerprint(particle_set):
        log.warning("%s: its particles are no longer those trained on, so what was held out is not known", run.path)
        return None
    return list(split_tilts(particle_set, settings["held_out_fraction"], "tilt", settings["seed"]).held_out)


def _chosen_in(options: ValidateOptions, run: Run) -> bool:
    """Return whether particles were chosen by latents of this run, which knows nothing of its held-out tilt images."""
    if options.ids is not None:
        return False
    home = run.path.resolve()
    if options.labels is not None and not options.labels.resolve().is_relative_to(home):
        return False
    if options.selection is None or options.selection.resolve().is_relative_to(home):
        return True
    origin = Selection.load(options.selection).run
    return origin is not None and Path(origin).resolve() == home
