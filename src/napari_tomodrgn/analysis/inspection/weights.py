"""Which frequencies of which tilt image a training looks at, and how much each counts."""

import csv
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.training.points import Weighting

COLUMNS = ("image", "dose", "tilt_degrees", "shell", "frequency_per_angstrom", "share_used", "weight")
FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class TiltWeights:
    """The T tilt images of one scheme of dose and tilt, the least exposed first, in shells of frequency.

    Attributes
    ----------
    dose, tilt
        (T,) e/Å² as the weights take it, and degrees, without sign.
    frequency
        (S,) 1/Å, of shells 0 to Nyquist.
    used
        (T, S) share of each shell that the dose mask lets through, 0 to 1.
    weight
        (T, S) mean loss weight of what is let through, 0 where nothing is.
    """

    dose: FloatArray
    tilt: FloatArray
    frequency: FloatArray
    used: FloatArray
    weight: FloatArray


def commonest_scheme(particle_set: ParticleSet) -> tuple[int, int]:
    """Return a particle of the scheme of doses and tilts that most particles have, and how many have it."""
    values = particle_set.tilt_images[["dose", "tilt_cosine"]].to_numpy(np.float64).round(3)
    schemes = []
    for begin, end in pairwise(particle_set.first_tilt):
        own = values[begin:end]
        schemes.append(own[np.lexsort(own.T[::-1])].tobytes())
    scheme, count = Counter(schemes).most_common(1)[0]
    return schemes.index(scheme), count


def tilt_weights(particle_set: ParticleSet, particle: int, weighting: Weighting | None = None) -> TiltWeights:
    """Return the weights of one particle's tilt images: those of a training with its defaults where none are given."""
    weighting = weighting or Weighting()
    begin, end = particle_set.first_tilt[particle : particle + 2]
    order = np.argsort(particle_set.tilt_images["dose"].to_numpy()[begin:end], kind="stable")
    tilts = TiltImages.of(particle_set)[torch.from_numpy(begin + order)]
    grid = lattice(particle_set.box)
    weights = weighting.weights(tilts, grid).double().numpy()
    used = (tilts.dose_mask(grid).numpy() if weighting.dose_mask else np.ones(weights.shape)).astype(np.float64)
    shell = np.rint(grid.k.norm(dim=1).numpy() * particle_set.box).astype(np.int64)
    shells = particle_set.box // 2 + 1
    counts = np.bincount(shell, minlength=shells)[:shells]

    def summed(values: FloatArray) -> FloatArray:
        return np.stack([np.bincount(shell, weights=each, minlength=shells)[:shells] for each in values])

    through = summed(used)
    return TiltWeights(
        dose=tilts.dose.double().numpy(),
        tilt=np.degrees(np.arccos(np.clip(tilts.tilt_cosine.double().numpy(), -1, 1))),
        frequency=np.arange(shells) / (particle_set.box * particle_set.pixel_size),
        used=through / np.maximum(counts, 1),
        weight=np.divide(summed(weights * used), through, out=np.zeros_like(through), where=through > 0),
    )


def facts_of(particle_set: ParticleSet, count: int) -> dict[str, Any]:
    """Return what the weights are of, as plain values."""
    return {
        "particles_with_this_scheme": count,
        "in_the_images_already": particle_set.forward_model.attenuation,
        "dose_mask": True,
        "dose_weight": True,
        "tilt_weight": True,
    }


def write_weights(path: Path, found: TiltWeights) -> None:
    """Write a row a shell of an image: image (from 0, the least exposed), dose, tilt, shell, frequency, weights."""
    with atomic_open(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        for image, (dose, tilt) in enumerate(zip(found.dose, found.tilt, strict=True)):
            rows = zip(found.frequency, found.used[image], found.weight[image], strict=True)
            for shell, (frequency, used, weight) in enumerate(rows):
                numbers = (f"{frequency:.6g}", f"{used:.4f}", f"{weight:.5f}")
                table.writerow([image, f"{dose:.4g}", f"{tilt:.4g}", shell, *numbers])


def read_weights(path: Path) -> TiltWeights:
    """Return what :func:`write_weights` wrote.

    Raises
    ------
    InputError
        Where it can't be read.
    """
    try:
        table = pd.read_csv(path)
        images = table.drop_duplicates("image")
        used, weight = (table.pivot_table(name, "image", "shell").to_numpy(float) for name in ("share_used", "weight"))
        frequency = table["frequency_per_angstrom"].to_numpy(float)[: used.shape[1]]
        return TiltWeights(
            images["dose"].to_numpy(float), images["tilt_degrees"].to_numpy(float), frequency, used, weight
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: could not be read ({error}); run `napari-tomodrgn inspect` again") from error
