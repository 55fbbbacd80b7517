"""A validation as its folder holds it, read without the run or its images."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.validation.maps import ORIGINS, FloatMap
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import read_map

FOLDER, DOCUMENT, CURVES = "validation", "validation.json", "fsc.csv"


@dataclass(frozen=True)
class StoredMap:
    """One way's map (D, D, D) of the chosen particles, its low-passed difference to the others, and how it came about.

    They lie in the hand that the run says.
    """

    way: str
    origin: str
    values: FloatMap
    difference: FloatMap


@dataclass(frozen=True)
class StoredValidation:
    """What was written of a validation.

    Attributes
    ----------
    folder
        Where it was read.
    document
        ``validation.json``.
    maps
        In the order VAE, decoder-only (where it was trained), backprojection.
    curves
        ``fsc.csv``: ``frequency_per_angstrom`` (1/Å), and a column a curve, a row a shell.
    """

    folder: Path
    document: dict[str, Any]
    maps: tuple[StoredMap, ...]
    curves: pd.DataFrame

    @property
    def supported(self) -> bool:
        """Whether nothing speaks against it."""
        return bool(self.document["verdict"] == "supported")

    @property
    def frequency(self) -> npt.NDArray[np.float64]:
        """(D/2 + 1,) 1/Å."""
        return self.curves["frequency_per_angstrom"].to_numpy(np.float64)


def validations_of(run: Path, epoch: int) -> list[Path]:
    """Return the folders of an epoch's validations, the one written last first."""
    found = AnalysisFolder(run, epoch).path.joinpath(FOLDER).glob(f"*/{DOCUMENT}")
    return [path.parent for path in sorted(found, key=lambda path: (-path.stat().st_mtime, path.parent.name))]


def read_validation(folder: Path) -> StoredValidation:
    """Read a validation.

    Raises
    ------
    InputError
        Where a part of it is not there or can't be read.
    """
    try:
        document = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
        ways = [way for way in ORIGINS if way in document["maps"]["origins"]]
        curves = pd.read_csv(folder / CURVES)
        missing = {"verdict", "reasons", "in_the_images"} - set(document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder}: is not a readable validation ({error}); make it again with `napari-tomodrgn validate`"
        ) from error
    if missing or "frequency_per_angstrom" not in curves:
        what = f"{DOCUMENT} lacks {sorted(missing)[0]}" if missing else f"{CURVES} lacks frequency_per_angstrom"
        raise InputError(f"{folder / what}; make it again with `napari-tomodrgn validate`")
    maps = tuple(
        StoredMap(
            way,
            ORIGINS[way],
            read_map(folder / f"{way}.mrc").values,
            read_map(folder / f"{way}_difference.mrc").values,
        )
        for way in ways
    )
    return StoredValidation(folder, document, maps, curves)
