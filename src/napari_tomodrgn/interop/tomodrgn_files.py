"""The folder that tomoDRGN's ``train_vae`` writes: which files it holds, and what they say, checked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.pickles import read_pickles
from napari_tomodrgn.interop.torch_archive import read_torch

Array = npt.NDArray[np.float32]
CONFIG, WEIGHTS, LATENTS, LOG = "config.pkl", "weights.pkl", "z.train.pkl", "run.log"
_ADVICE = "give the --outdir of a finished run of tomoDRGN's train_vae"
_WEIGHTS_OF, _LATENTS_OF = re.compile(r"weights\.(\d+)\.pkl"), "z.{}.train.pkl"
_EPOCH_LINE = re.compile(
    r"Epoch:\s*(?P<epoch>\d+) Average gen loss = (?P<reconstruction>[-+.\deE]+), KLD = [-+.\deE]+, "
    r"total loss = (?P<loss>[-+.\deE]+); Finished in (?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>[\d.]+)"
)


@dataclass(frozen=True)
class Config:
    """What a run was asked, by parts as it was written; dates and classes are text."""

    path: Path
    parts: dict[str, Any]

    def get(self, part: str, name: str, kind: type | tuple[type, ...], default: Any = ...) -> Any:
        """Return a value of a part (``""``: of none), or the default where it is not there or ``None``.

        Raises
        ------
        InputError
            Where it is not there and there is no default, or is of another kind.
        """
        own = self.parts.get(part) if part else self.parts
        value = own.get(name) if isinstance(own, dict) else None
        if value is None and default is not ...:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            where = f" in {part}" if part else ""
            raise InputError(f"{self.path}: has no valid {name}{where}; {_ADVICE}")
        return value

    @property
    def box(self) -> int:
        """D, px; the lattice has D + 1 points."""
        box = int(self.get("lattice_args", "boxsize", int)) - 1
        if box < 2 or box % 2:
            raise InputError(f"{self.path}: gives boxsize {box + 1}; expected an odd number, the box and 1")
        return box

    @property
    def standard_deviation(self) -> float:
        """What the Hartley values of the images were divided by."""
        norm = self.get("dataset_args", "norm", (list, tuple))
        if len(norm) != 2 or not all(isinstance(value, int | float) for value in norm) or not 0 < norm[1] < np.inf:
            raise InputError(f"{self.path}: gives no valid norm in dataset_args; expected a mean and a deviation")
        if abs(norm[0]) > 1e-6 * norm[1]:
            raise InputError(f"{self.path}: images were shifted by {norm[0]:g}, and only a mean of 0 can be taken over")
        return float(norm[1])

    @property
    def pixel_size(self) -> float | None:
        """Å per pixel, where it is given."""
        value = self.get("", "angpix", (int, float), None)
        return None if value is None else float(value)


@dataclass(frozen=True)
class Epoch:
    """One epoch that weights were written of, from 1; ``latents`` is ``None`` where none were written beside them."""

    number: int
    weights: dict[str, Any]
    latents: tuple[Array, Array] | None
    learning_rate: float


@dataclass(frozen=True)
class TomodrgnRun:
    """A run's folder, with the star of the particles that it was trained on."""

    folder: Path
    config: Config
    star: Path

    @classmethod
    def open(cls, folder: Path, star: Path | None = None) -> "TomodrgnRun":
        """Open a folder; the star is looked for in it where it is not given.

        Raises
        ------
        InputError
            Where a file is missing or is not what it should be.
        """
        if not folder.is_dir():
            raise InputError(f"{folder}: is no folder; {_ADVICE}")
        for name in (CONFIG, WEIGHTS, LATENTS):
            if not (folder / name).is_file():
                raise InputError(f"{folder}: has no {name}; {_ADVICE}")
        config = _config(folder / CONFIG)
        return cls(folder, config, star or _star(folder, config))

    def epochs(self) -> Iterator[Epoch]:
        """Yield the epochs that there are weights of, ascending, the last one last."""
        last = _weights(self.folder / WEIGHTS)
        numbered = sorted(
            (int(match[1]), path)
            for path in self.folder.glob("weights.*.pkl")
            if (match := _WEIGHTS_OF.fullmatch(path.name))
        )
        final = _number(last, self.folder / WEIGHTS)
        for number, path in numbered:
            if number + 1 < final:  # in the files they count from 0
                found = self.folder / _LATENTS_OF.format(number)
                yield _epoch(_weights(path), path, latents(found) if found.is_file() else None)
        yield _epoch(last, self.folder / WEIGHTS, latents(self.folder / LATENTS))

    def losses(self) -> dict[int, dict[str, float]]:
        """Return what the log says of each epoch: loss, reconstruction, seconds; nothing where it can't be read."""
        try:
            text = (self.folder / LOG).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return {}
        result: dict[int, dict[str, float]] = {}
        for match in _EPOCH_LINE.finditer(text):
            try:
                seconds = 3600 * int(match["hours"]) + 60 * int(match["minutes"]) + float(match["seconds"])
                values = {name: float(match[name]) for name in ("loss", "reconstruction")}
            except ValueError:
                continue
            result[int(match["epoch"])] = {**values, "seconds": seconds}
        return result


def latents(path: Path) -> tuple[Array, Array]:
    """Return the means and the log-variances (N, |z|) of a file of two pickled arrays, one after the other.

    Raises
    ------
    InputError
        Where it holds anything else, or values that are not finite.
    """
    found: list[Array] = []
    for value in read_pickles(path):
        if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind != "f" or len(found) == 2:
            what = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
            raise InputError(f"{path}: holds {what} as value {len(found) + 1}; expected two tables of latents alone")
        found.append(np.array(value, dtype=np.float32))
    if len(found) != 2 or found[0].shape != found[1].shape:
        shapes = " and ".join(str(each.shape) for each in found)
        raise InputError(f"{path}: holds latents of shape {shapes}; expected two tables of one shape")
    if not all(np.isfinite(each).all() for each in found):
        raise InputError(f"{path}: holds latents that are not finite; import an earlier run")
    return found[0], found[1]


def _config(path: Path) -> Config:
    values = list(read_pickles(path))
    if len(values) != 1 or not isinstance(values[0], dict):
        raise InputError(f"{path}: does not hold the settings of a run; {_ADVICE}")
    return Config(path, values[0])


def _star(folder: Path, config: Config) -> Path:
    """Return the star that a run was trained on: the one its settings name, else the only preprocessed one."""
    named = config.get("starfile_args", "sourcefile_filtered", str, "")
    beside = folder / Path(named.replace("\\", "/")).name if named else None
    if beside is not None and beside.is_file():
        return beside
    found = sorted(folder.glob("*_tomodrgn_preprocessed*.star"))
    if len(found) != 1:
        raise InputError(
            f"{folder}: holds {len(found) or 'no'} preprocessed star files; name the particles trained on by --star"
        )
    return found[0]


def _weights(path: Path) -> dict[str, Any]:
    value = read_torch(path)
    if not isinstance(value, dict) or not isinstance(value.get("model_state_dict"), dict):
        raise InputError(f"{path}: holds no model_state_dict; {_ADVICE}")
    return value


def _number(weights: dict[str, Any], path: Path) -> int:
    number = weights.get("epoch")
    if type(number) is not int or not 0 <= number < 10**6:
        raise InputError(f"{path}: says no epoch; {_ADVICE}")
    return number + 1


def _epoch(weights: dict[str, Any], path: Path, found: tuple[Array, Array] | None) -> Epoch:
    optimiser = weights.get("optimizer_state_dict")
    groups = optimiser.get("param_groups") if isinstance(optimiser, dict) else None
    rate = groups[0].get("lr") if isinstance(groups, list) and groups and isinstance(groups[0], dict) else None
    rate = rate if isinstance(rate, float) and rate > 0 else float("nan")
    return Epoch(_number(weights, path), weights["model_state_dict"], found, rate)
