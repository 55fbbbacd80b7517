"""Volumes of classes from half of every particle's tilt images, and what in them tells classes apart."""

import numpy as np
import numpy.typing as npt
import scipy.fft

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.reconstruction.backproject import backproject
from napari_tomodrgn.reconstruction.fsc import shell_numbers
from napari_tomodrgn.runs.run import Run

Codes = npt.NDArray[np.int64]
Maps = npt.NDArray[np.float32]

WEIGHTS = ("dose_weight", "tilt_weight", "dose_mask", "dose_middle", "window")


def tilt_halves(particle_set: ParticleSet) -> Codes:
    """Return the half (M,), 0 or 1, of each tilt image: every other one of its particle by tilt, by dose where unknown.

    So both halves see a particle over all tilts and doses.
    """
    images = particle_set.tilt_images
    owner = images["particle"].to_numpy()
    tilt = images["tilt_angle"].fillna(images["stage_tilt"]).to_numpy(np.float64)
    key = tilt if np.isfinite(tilt).all() else images["dose"].to_numpy(np.float64)
    order = np.lexsort((key, owner))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - particle_set.first_tilt[owner[order]]
    return rank % 2


def class_maps(run: Run, particle_set: ParticleSet, keep: npt.NDArray[np.bool_], labels: Codes, seed: int) -> Maps:
    """Return the maps (K + 1, D, D, D) of every class, and of all particles last, from the tilt images kept (M,).

    Raises
    ------
    InputError
        Where a class has none of these images.
    """
    owner = particle_set.tilt_images["particle"].to_numpy()
    seen = np.bincount(owner[keep], minlength=len(particle_set)) > 0
    part = particle_set.take(seen).take_tilts(keep[seen[owner]])
    weights = {name: run.settings[name] for name in WEIGHTS}
    chosen = [labels[seen] == label for label in np.unique(labels)]
    for label, rows in zip(np.unique(labels), chosen, strict=True):
        if not rows.any():
            raise InputError(
                f"{run.path}: class {label} has no particle with two tilt images, so none of its images is left to "
                "ask; merge it with another class"
            )
    return np.stack(
        [
            backproject(part, rows=rows, half_sets=False, seed=seed, progress=False, **weights).map
            for rows in (*chosen, np.ones(len(part), dtype=bool))
        ]
    )


def told_apart(first: Maps, second: Maps) -> tuple[Maps, Maps]:
    """Return both halves' maps (K + 1, D, D, D) with as much of the classes' differences as is no noise.

    A class's map less the consensus, which is the last one, is difference plus noise. What both halves have in common
    in a Fourier shell is the power S of differences, taken over all classes; what they don't is the noise N of each
    class. Differences are multiplied by S/(S + N), Wiener's filter: otherwise likelihoods of classes would mostly
    compare the noise in their maps.
    """
    box = first.shape[-1]
    shell = shell_numbers(box).ravel()
    one, other = (scipy.fft.rfftn(each[:-1] - each[-1], axes=(1, 2, 3)) for each in (first, second))
    common = _by_shell((one * other.conj()).real, shell, box)
    noise = np.maximum(_by_shell(np.abs(one - other) ** 2 / 2, shell, box), 1e-300)
    precision = (noise.min() / noise) ** 2
    signal = np.maximum((common * precision).sum(axis=0) / precision.sum(axis=0), 0)
    factor = (signal / (signal + noise))[:, np.minimum(shell, box // 2)].reshape(one.shape)
    halves = []
    for difference, maps in ((one, first), (other, second)):
        kept = scipy.fft.irfftn(difference * factor, s=(box,) * 3, axes=(1, 2, 3)).astype(np.float32)
        halves.append(np.concatenate([maps[-1] + kept, maps[-1:]]))
    return halves[0], halves[1]


def _by_shell(values: npt.NDArray[np.float64], shell: Codes, box: int) -> npt.NDArray[np.float64]:
    """Return the means (K, D/2 + 1) over shells of values (K, D, D, D/2 + 1)."""
    inside = shell <= box // 2
    count = np.bincount(shell[inside], minlength=box // 2 + 1)
    flat = values.reshape(len(values), -1)
    return np.stack([np.bincount(shell[inside], own[inside]) for own in flat]) / count
