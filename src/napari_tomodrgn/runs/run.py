"""A run: what a training was asked, what it measured, and what came out of it, as a directory."""

import json
import math
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any

import pandas as pd
from pydantic import ValidationError

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.lock import lock_holder


@dataclass
class Run:
    """A run directory. Opens while it is training, and where its stacks are absent.

    Attributes
    ----------
    path
        The directory.
    document
        run.json as read: format, status, settings, versions, data, parent, chosen_epoch, model.
    """

    path: Path
    document: dict[str, Any] = field(repr=False)

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Open a run directory.

        Raises
        ------
        InputError
            Where there is no run, or its format is newer than this version reads.
        """
        path = Path(path)
        if path.name == layout.DOCUMENT:
            path = path.parent
        document_path = path / layout.DOCUMENT
        try:
            document = json.loads(document_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise InputError(
                f"{path}: is not a run (it has no {layout.DOCUMENT}); give the --outdir of a training"
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{document_path}: could not be read ({error}); copy the run again") from error
        if not isinstance(document, dict) or not isinstance(document.get("format"), int):
            raise InputError(f"{document_path}: is not the description of a run (no 'format'); give a run's directory")
        if document["format"] > layout.FORMAT:
            raise InputError(
                f"{document_path}: has format {document['format']}, this version reads up to {layout.FORMAT}; "
                "update napari-tomodrgn"
            )
        _check_document(document, document_path)
        run = cls(path, document)
        run.data_options()
        return run

    @classmethod
    def create(cls, path: Path, document: dict[str, Any]) -> "Run":
        """Write run.json into a folder and return the run; ``document`` lacks only the format."""
        run = cls(path, {"format": layout.FORMAT, **document})
        run._write()
        return run

    def update(self, **fields: Any) -> None:
        """Change fields of run.json."""
        self.document.update(fields)
        self._write()

    def _write(self) -> None:
        with atomic_open(self.path / layout.DOCUMENT) as stream:
            json.dump(self.document, stream, indent=1)

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``stopped`` or ``failed``; a run whose process is gone is ``stopped``."""
        recorded = str(self.document["status"])
        return "stopped" if recorded == "running" and lock_holder(self.path) is None else recorded

    @property
    def settings(self) -> dict[str, Any]:
        """The options of the training, by their names in TrainOptions."""
        return dict(self.document["settings"])

    @property
    def standard_deviation(self) -> float:
        """What the Hartley values of the images were divided by."""
        return float(self.document["data"]["standard_deviation"])

    @property
    def latent_dim(self) -> int:
        """Dimension of the latents; 0 for a decoder alone."""
        return int(self.document["model"]["latent_dim"])

    @property
    def epochs(self) -> list[int]:
        """The epochs whose checkpoint is there, ascending."""
        return layout.checkpoint_epochs(self.path)

    @property
    def chosen_epoch(self) -> int:
        """The epoch that volumes and latents are taken from where none is named: the recorded one, else the last."""
        recorded = self.document.get("chosen_epoch")
        if recorded is not None:
            return int(recorded)
        if not self.epochs:
            raise InputError(f"{self.path}: has not finished an epoch yet; wait for the first one")
        return self.epochs[-1]

    def checkpoint(self, epoch: int | None = None) -> Path:
        """Return the checkpoint of an epoch (default: the chosen one).

        Raises
        ------
        InputError
            Where the run has no such checkpoint.
        """
        epoch = self.chosen_epoch if epoch is None else epoch
        path = layout.checkpoint_path(self.path, epoch)
        if not path.is_file():
            there = ", ".join(map(str, self.epochs)) or "none"
            raise InputError(f"{self.path}: has no checkpoint of epoch {epoch}; those there are: {there}")
        return path

    def metrics(self) -> pd.DataFrame:
        """Return what each finished epoch measured, columns as in ``layout.METRIC_COLUMNS``."""
        path = self.path / layout.METRICS
        if not path.is_file():
            return pd.DataFrame(columns=list(layout.METRIC_COLUMNS))
        try:
            table = pd.read_csv(path)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path}: could not be read ({reason}); remove it, or copy the run again") from error
        missing = [name for name in layout.METRIC_COLUMNS if name not in table]
        wrong = [
            name
            for name in layout.METRIC_COLUMNS
            if len(table) and name in table and table[name].dtype.kind not in ("i" if name == "epoch" else "if")
        ]
        if missing or wrong:
            raise InputError(
                f"{path}: column {(missing + wrong)[0]} is {'missing' if missing else 'not of numbers'}; remove the "
                "file, or copy the run again"
            )
        return table

    def latents(self, epoch: int | None = None) -> Latents:
        """Return the latents of an epoch (default: the chosen one).

        Raises
        ------
        InputError
            Where the run is a decoder alone, or has no such epoch.
        """
        if not self.latent_dim:
            raise InputError(f"{self.path}: is a decoder alone (--latent-dim 0), so its particles have no latents")
        if epoch is None and (self.path / layout.CHOSEN_LATENTS).is_file():
            return Latents.load(self.path / layout.CHOSEN_LATENTS)
        epoch = self.chosen_epoch if epoch is None else epoch
        path = layout.latents_path(self.path, epoch)
        if not path.is_file():
            there = ", ".join(map(str, layout.latent_epochs(self.path))) or "none"
            raise InputError(f"{self.path}: has no latents of epoch {epoch}; those there are: {there}")
        return Latents.load(path)

    def data_options(self) -> DataOptions:
        """Return the options that open the particles trained on, from the run's own stars.

        Raises
        ------
        InputError
            Where run.json records a value that is none of an option's.
        """
        given = {name: value for name, value in self.settings.items() if name in DataOptions.model_fields}
        given.update(self.document["data"].get("open_with") or {})
        given.update(particles=self.path / self.document["data"]["star"], selection=None, volume_series=None)
        try:
            return DataOptions(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise InputError(
                f"{self.path / layout.DOCUMENT}: records {first['input']!r} as {name!r} ({first['msg']}); "
                "copy the run again"
            ) from error

    def particle_set(self, datadir: Path | None = None) -> ParticleSet:
        """Return the particles trained on, with the forward model that they were trained with.

        Image stacks are looked for in ``datadir``, too, where one is given.
        """
        options = self.data_options()
        if datadir is not None:
            options = options.model_copy(update={"datadir": datadir})
        return options.open().with_forward_model(**self.document["data"]["forward_model"])

    def look_for_images_in(self, folder: Path) -> ParticleSet:
        """Look for image stacks in a further folder, now and whenever the run is opened, and return its particles.

        It is remembered in run.json, but not while a training writes that, nor where nothing may be written.

        Raises
        ------
        InputError
            Where the folder holds none of the stacks that are missing.
        """
        before = self.particle_set()
        missing = [name for name, path in zip(before.stack_names, before.stacks, strict=True) if not path]
        if not missing:
            return before
        recorded = self.document["data"]
        found = {**recorded, "open_with": {**(recorded.get("open_with") or {}), "datadir": str(folder.absolute())}}
        particle_set = Run(self.path, {**self.document, "data": found}).particle_set()
        if sum(not path for path in particle_set.stacks) == len(missing):
            raise InputError(
                f"{folder}: holds none of the {len(missing)} missing image stacks ({missing[0]} is one); choose "
                "another folder"
            )
        self.document["data"] = found
        with suppress(InputError, RunError):
            latest = Run.open(self.path)
            if latest.status != "running":
                latest.update(data=found)
        return particle_set

    def selection(self, name: str) -> Selection:
        """Return a selection saved beside the run."""
        return Selection.load(self.path / layout.SELECTIONS / f"{name}.json")

    def selections(self) -> list[str]:
        """Return the names of the selections saved beside the run."""
        return sorted(path.stem for path in (self.path / layout.SELECTIONS).glob("*.json"))


NEEDED: dict[str, dict[str, type | UnionType]] = {
    "settings": {},
    "data": {
        "star": str,
        "dialect": str,
        "standard_deviation": int | float,
        "forward_model": dict,
        "fingerprint": str,
        "open_with": dict | None,
    },
    "model": {"latent_dim": int},
}


def _check_document(document: dict[str, Any], path: Path) -> None:
    """Raise on the first thing that run.json lacks, or has in another form."""

    def check(found: bool, what: str) -> None:
        if not found:
            raise InputError(f"{path}: has no valid {what}; copy the run again")

    check(isinstance(document.get("status"), str), "'status'")
    check(isinstance(document.get("chosen_epoch"), int | None), "'chosen_epoch'")
    check(isinstance(document.get("parent"), dict | None), "'parent'")
    for part, fields in NEEDED.items():
        check(isinstance(document.get(part), dict), f"'{part}'")
        for name, kind in fields.items():
            check(isinstance(document[part].get(name), kind), f"'{name}' in '{part}'")
    check(0 < document["data"]["standard_deviation"] < math.inf, "'standard_deviation' in 'data'")
    check(document["model"]["latent_dim"] >= 0, "'latent_dim' in 'model'")
    check(_is_forward_model(document["data"]["forward_model"]), "'forward_model' in 'data'")


def _is_forward_model(fields: dict[str, Any]) -> bool:
    try:
        return ForwardModel().override(**fields).as_dict() == fields
    except (InputError, KeyError):
        return False
