"""Latents as files: opened by numpy alone, keyed by particle id."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.particle_set import ParticleId

TRAIN, HELD_OUT, NEW = "train", "held-out", "new"


@dataclass(frozen=True)
class Latents:
    """The posterior of every particle's latent.

    Attributes
    ----------
    ids
        N particle ids, in the order of the rows.
    z_mean, z_logvar
        (N, |z|) float32: mean and log-variance of each dimension.
    split
        (N,) text: ``train``, ``held-out``, or ``new`` (embedded by a trained encoder).
    """

    ids: tuple[ParticleId, ...]
    z_mean: npt.NDArray[np.float32]
    z_logvar: npt.NDArray[np.float32]
    split: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.ids)

    def save(self, path: Path) -> None:
        """Write the latents as npz; names are fixed-width unicode, so they open without pickles."""
        with atomic_open(path, "wb") as stream:
            np.savez(
                stream,
                allow_pickle=False,
                particle_tomogram=np.array([tomogram for tomogram, _ in self.ids], dtype=np.str_),
                particle_name=np.array([name for _, name in self.ids], dtype=np.str_),
                z_mean=self.z_mean.astype(np.float32),
                z_logvar=self.z_logvar.astype(np.float32),
                split=np.asarray(self.split, dtype=np.str_),
            )

    def _check(self) -> None:
        """Raise ValueError where the arrays don't belong to one another, or name a particle twice."""
        if len(set(self.ids)) < len(self):
            raise ValueError("a particle occurs twice")
        for name in ("z_mean", "z_logvar"):
            values = getattr(self, name)
            if values.dtype.kind != "f" or values.ndim != 2 or len(values) != len(self):
                raise ValueError(f"{name} is {values.dtype} {values.shape}, not numbers of {len(self)} particles")
        if self.z_mean.shape != self.z_logvar.shape or self.split.shape != (len(self),):
            raise ValueError("z_mean, z_logvar and split are of different sizes")

    @classmethod
    def load(cls, path: Path) -> "Latents":
        """Read latents written by :meth:`save`; raises one sentence on anything else."""
        try:
            with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
                names = [stored[name] for name in ("particle_tomogram", "particle_name")]
                if any(each.dtype.kind != "U" or each.ndim != 1 for each in names):
                    raise ValueError("its particles are not named by text")
                ids = zip(*(each.tolist() for each in names), strict=True)
                latents = cls(tuple(ids), stored["z_mean"], stored["z_logvar"], stored["split"])
            latents._check()
            return latents
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such latents; give the latents of a run that finished an epoch") from error
        except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: are not readable latents ({error}); give a run's latents .npz") from error
