"""The ``score`` command: evidence of each particle for its own class, the consensus and the runner-up."""

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from napari_tomodrgn.analysis.class_names import class_names, noise_of
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.analysis.run_evidence import require_images
from napari_tomodrgn.analysis.scoring.class_maps import class_maps, tilt_halves, told_apart
from napari_tomodrgn.analysis.scoring.likelihood import likelihood_gains, noise_variance, projectors
from napari_tomodrgn.analysis.scoring.options import ScoreOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, refuse_existing
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.progress import track
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.batches import Rows
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.store import DirectImages

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

COLUMNS = ("own", "consensus", "runner_up", "score", "label", "runner_up_label")
log = logging.getLogger("napari_tomodrgn")


@dataclass(frozen=True)
class Scores:
    """What N particles' images say for class volumes that they did not make, in nats over an empty map.

    Attributes
    ----------
    labelling
        The name of the labels.
    path, figure
        Where the table is written, and the figure, whose suffix is left open.
    ids, labels
        N particles and their labels; numbers of classes may be left out.
    classes
        (K,) the labels there are.
    names
        What classes are called, by label.
    gains
        (N, K) for each class's volume.
    consensus
        (N,) for the volume of all particles.
    """

    labelling: str
    path: Path
    figure: Path
    ids: list[ParticleId]
    labels: Codes
    classes: Codes
    names: tuple[str, ...]
    gains: Array
    consensus: Array

    @property
    def own(self) -> Array:
        """(N,) for the volume of a particle's own class."""
        return np.asarray(self.gains[np.arange(len(self.ids)), np.searchsorted(self.classes, self.labels)])

    @property
    def others(self) -> Array:
        """(N, K) for the other classes' volumes; of the own one -inf."""
        return np.where(self.classes == self.labels[:, None], -np.inf, self.gains)

    @property
    def runner_up(self) -> Array:
        """(N,) for the best of the other classes' volumes."""
        return np.asarray(self.others.max(axis=1))

    @property
    def runner_up_label(self) -> Codes:
        """(N,) which class that is."""
        return np.asarray(self.classes[self.others.argmax(axis=1)])

    @property
    def score(self) -> Array:
        """(N,) own less runner-up: below 0 another class explains the images better."""
        return self.own - self.runner_up

    def write(self) -> None:
        """Write the table."""
        with atomic_open(self.path) as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["tomogram", "particle", *COLUMNS])
            columns = np.stack([self.own, self.consensus, self.runner_up, self.score], axis=1).tolist()
            rows = zip(self.ids, columns, self.labels.tolist(), self.runner_up_label.tolist(), strict=True)
            for particle, values, label, other in rows:
                writer.writerow([*particle, *(f"{value:.7g}" for value in values), label, other])


def score(options: ScoreOptions) -> Scores:
    """Score each particle's label by tilt images that did not make the class volumes; writes nothing.

    The tilt images of every particle are halved, every other one by tilt. Class volumes are backprojected from one
    half, their differences freed from noise, and asked of the other half; and the other way round.

    Raises
    ------
    InputError
        Where the run, its images or the labels can't be read, labels don't fit the particles, there are fewer than two
        classes, or the table exists.
    """
    run = Run.open(options.run)
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    folder = AnalysisFolder(run.path, epoch)
    path = folder.labels_meant(options.labels)
    labelling = path.stem.removeprefix("labels-")
    target = folder.evidence(labelling)
    refuse_existing(target, options.overwrite)
    particle_set = run.particle_set(options.datadir)
    labels = labels_of(particle_set, path)
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(f"{path}: puts all particles into class {classes[0]}; a score needs two classes or more")
    require_images(particle_set)
    gains = gains_of(run, particle_set, labels, options.seed)
    figure = folder.figures(labelling) / "evidence"
    names = class_names(int(classes.max()) + 1, noise_of(path))
    return Scores(labelling, target, figure, particle_set.ids, labels, classes, names, gains[:, :-1], gains[:, -1])


def labels_of(particle_set: ParticleSet, path: Path) -> Codes:
    """Return the label (N,) of each particle of a set.

    Raises
    ------
    InputError
        Where the file lacks some, or has others.
    """
    found, ids = read_labels(path), particle_set.ids
    lacking = [particle for particle in ids if particle not in found]
    strange = sorted(found.keys() - set(ids))
    if lacking or strange:
        tomogram, name = (lacking or strange)[0]
        what = "has no label for" if lacking else "names particles that the run lacks:"
        raise InputError(
            f"{path}: holds {len(found)} labels for the run's {len(ids)} particles, and {what} {name} of tomogram "
            f"{tomogram}; give labels of this run"
        )
    return np.array([found[particle] for particle in ids], dtype=np.int64)


def gains_of(run: Run, particle_set: ParticleSet, labels: Codes, seed: int) -> Array:
    """Return (N, K + 1) gains in nats: for each class's volume, in the order of the labels, and for the consensus."""
    half, first = tilt_halves(particle_set), particle_set.first_tilt
    images = _images(run, particle_set)
    log.info("backprojecting %d classes from halves of the tilt images", len(np.unique(labels)))
    halves = told_apart(*(class_maps(run, particle_set, half == number, labels, seed) for number in (0, 1)))
    total = np.zeros((len(particle_set), len(np.unique(labels)) + 1))
    for number, maps in enumerate(halves):
        asked: list[Rows] = [
            begin + np.flatnonzero(half[begin:end] != number) for begin, end in pairwise(first.tolist())
        ]
        predicted = projectors(maps, images.standard_deviation)
        variance = noise_variance(images, asked, predicted[-1], seed)
        steps = likelihood_gains(images, asked, predicted, variance)
        for step in track(
            _particles(steps, total), f"scoring, half {number + 1} of 2", total=len(asked), unit="particles"
        ):
            del step
    return total


def _particles(steps: Iterator[int | Array], total: Array) -> Iterator[int]:
    """Yield once a particle as they are done, and add the gains to the total."""
    done = 0
    for step in steps:
        if isinstance(step, int):
            yield from range(done, step)
            done = step
        else:
            total += step


def _images(run: Run, particle_set: ParticleSet) -> Images:
    """Return the images of the run's particles, weighted as it was trained; poses are the star's."""
    settings = {name: value for name, value in run.settings.items() if name in TrainOptions.model_fields}
    recorded = TrainOptions(**{**settings, "outdir": run.path})
    source = DirectImages(particle_set, window=recorded.window, standard_deviation=run.standard_deviation)
    weighting, middle = Weighting.of(recorded), recorded.dose_middle
    return Images.on(torch.device("cpu"), particle_set, source, weighting, dose_middle=middle)
