"""The three ways to a map of some particles: decode, backproject, train a decoder on them alone."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.validation.maps import FloatMap, Pair
from napari_tomodrgn.analysis.validation.options import ValidateOptions
from napari_tomodrgn.analysis.validation.subject import Subject
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.reconstruction.backproject import Backprojection, backproject
from napari_tomodrgn.reconstruction.decode import VolumeDecoder
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.checkpoints import TrainedModel, load_model
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

Rows = npt.NDArray[np.int64]

OTHERS_DECODED = 64  # whose mean volume stands for all
AVERAGES = 8  # of as many others as are chosen, at most
MOST_TRAINED_ON = 400  # particles of a decoder alone
VISITS, MOST_EPOCHS = 1600, 40  # of particles, and of each
WEIGHTS = ("dose_weight", "tilt_weight", "dose_mask", "dose_middle", "window")
# Quick: a small decoder with a large step that falls to 0, and the prior that keeps it from drawing noise.
QUICK: dict[str, Any] = {
    "latent_dim": 0,
    "batch_size": 2,
    "point_fraction": 0.5,
    "decoder": "64x3",
    "learning_rate": 3e-3,
    "learning_rate_schedule": "cosine",
    "checkpoint_every": 1000,
}


def decoded(trained: TrainedModel, subject: Subject, seed: int) -> Pair:
    """Return the volume of the subject's latent, and the mean volume of others drawn at random."""
    decoder = VolumeDecoder(trained.model.decoder, standard_deviation=trained.standard_deviation)
    others = np.flatnonzero(subject.others)
    if len(others) > OTHERS_DECODED:
        others = np.random.default_rng([seed, 11]).choice(others, OTHERS_DECODED, replace=False)
    total = np.zeros((decoder.box,) * 3)
    for row in others:
        total += decoder.volumes(subject.z[row : row + 1])[0]
    (volume,) = decoder.volumes(subject.latent[None])
    return Pair(volume, (total / len(others)).astype(np.float32))


def matched_others(subject: Subject, seed: int) -> list[Rows]:
    """Return up to eight choices of others, without a particle in common, as many of each tomogram as are chosen there.

    Where others are too few for one such choice, it is of all those there are in these tomograms.
    """
    generator = np.random.default_rng([seed, 12])
    of_each = np.bincount(subject.tomogram[subject.chosen])
    needed = {int(number): int(of_each[number]) for number in np.flatnonzero(of_each)}
    pools = {
        number: generator.permutation(np.flatnonzero(subject.others & (subject.tomogram == number)))
        for number in needed
    }
    count = int(np.clip(min(len(pools[number]) // size for number, size in needed.items()), 1, AVERAGES))
    choices = [
        np.sort(np.concatenate([pools[number][turn * size : (turn + 1) * size] for number, size in needed.items()]))
        for turn in range(count)
    ]
    if len(choices[0]) < 2:  # the chosen ones' tomograms hold nobody else
        every = generator.permutation(np.flatnonzero(subject.others))
        return [np.sort(every[: max(2, int(subject.chosen.sum()))])]
    return choices


def backprojected(
    run: Run, particle_set: ParticleSet, subject: Subject, choices: Sequence[Rows], seed: int
) -> Iterator[int | tuple[Pair, Backprojection]]:
    """Yield how many backprojections are done, and at the end the pair of maps and that of the chosen particles whole.

    A backprojection of few particles is filtered more strongly than one of many, so the others' map is the mean of
    backprojections of as many particles as are chosen.
    """
    weights = {name: run.settings[name] for name in WEIGHTS}
    found = backproject(particle_set, rows=subject.chosen, seed=seed, progress=False, **weights)
    total = np.zeros_like(found.map, dtype=np.float64)
    for number, rows in enumerate(choices, start=1):
        yield number
        total += backproject(particle_set, rows=rows, seed=seed, progress=False, **weights).map
    yield Pair(found.map, (total / len(choices)).astype(np.float32)), found


def trained_alone(
    options: ValidateOptions,
    run: Run,
    particle_set: ParticleSet,
    subject: Subject,
    others: Rows,
    stop: StopRequest,
) -> Iterator[int | Pair]:
    """Yield how many decoders are trained, and at the end their volumes: of chosen particles, and of as many others.

    At most 400 particles each, drawn at random.
    """
    generator = np.random.default_rng([options.seed, 13])
    volumes = []
    for number, rows in enumerate((np.flatnonzero(subject.chosen), others)):
        yield number
        if len(rows) > MOST_TRAINED_ON:
            rows = np.sort(generator.choice(rows, MOST_TRAINED_ON, replace=False))
        volumes.append(_decoder_alone(options, run, [particle_set.ids[row] for row in rows], stop))
    yield Pair(*volumes)


def _decoder_alone(options: ValidateOptions, run: Run, ids: Sequence[ParticleId], stop: StopRequest) -> FloatMap:
    """Train a decoder without latents on some particles of a run and return its volume; nothing is kept."""
    with tempfile.TemporaryDirectory() as folder:
        selection = Path(folder) / "selection.json"
        Selection("chosen", frozenset(ids), {"rule": "validate"}).save(selection)
        model = {**run.document["data"]["forward_model"]}
        model["ctf_power"] = str(model["ctf_power"])
        settings: dict[str, Any] = {
            **run.data_options().model_dump(),
            **model,
            **{name: run.settings[name] for name in WEIGHTS},
            **QUICK,
            "outdir": Path(folder) / "run",
            "selection": selection,
            "epochs": options.decoder_only_epochs or min(MOST_EPOCHS, max(1, VISITS // len(ids))),
            "device": options.device,
            "datadir": options.datadir or run.data_options().datadir,
            "seed": options.seed,
        }
        alone = load_model(train(TrainOptions(**settings), stop))
    decoder = VolumeDecoder(alone.model.decoder, standard_deviation=alone.standard_deviation)
    (volume,) = decoder.volumes(None)
    return volume
