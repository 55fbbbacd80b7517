"""The ``nuisance`` command: whether latents follow the tomogram, defocus, tilts, dose or views."""

import csv
import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.nuisance.findings import TOMOGRAM, Finding, find_nuisance
from napari_tomodrgn.analysis.nuisance.options import NuisanceOptions
from napari_tomodrgn.analysis.nuisance.quantities import Quantity, quantities_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, refuse_existing
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

Array = npt.NDArray[np.float64]

DOCUMENT, TABLE, FIGURE = "nuisance.json", "particles.csv", "nuisance"
OWN_FILES = (DOCUMENT, TABLE, f"{FIGURE}.png", f"{FIGURE}.pdf")
END_SHARE, FEWEST_AT_AN_END = 0.05, 3  # of the particles make an end


@dataclass(frozen=True)
class Ends:
    """The particles at both ends of a direction in the latents.

    Attributes
    ----------
    latents
        (2, |z|) their mean latents, low end first.
    said
        What the quantity is there, in words.
    """

    latents: npt.NDArray[np.float32]
    said: tuple[str, str]


@dataclass(frozen=True)
class Nuisance:
    """What was found in the latents of an epoch.

    Attributes
    ----------
    options, run, epoch
        What was asked, of which epoch.
    ids
        The N particles, in the order of the set.
    names
        (T,) of the tomograms they lie in.
    findings
        One a quantity, the tomogram first.
    ends
        Of each quantity that was tested, by name.
    """

    options: NuisanceOptions
    run: Run
    epoch: int
    ids: list[ParticleId]
    names: npt.NDArray[np.str_]
    findings: list[Finding]
    ends: dict[str, Ends]

    @property
    def alarms(self) -> list[Finding]:
        """What latents follow."""
        return [each for each in self.findings if each.alarm(self.options.level)]

    @property
    def doubt(self) -> str:
        """What so few tomograms can't tell, or ""."""
        ways = math.factorial(min(len(self.names), 20))
        if ways * self.options.level >= 1:
            return ""
        return (
            f"{len(self.names)} tomograms can be dealt out in {ways} ways only, so beside the tomogram itself nothing "
            f"that differs between tomograms can be told at a level of {self.options.level:g}, whatever its effect"
        )

    @property
    def folder(self) -> Path:
        """Where it is written: ``RUN/analysis/epoch-NNNN/nuisance``."""
        return AnalysisFolder(self.run.path, self.epoch).path / "nuisance"

    def document(self) -> dict[str, Any]:
        """Return it as values that JSON holds, ``None`` where something was not measured."""
        return {
            "format": 1,
            "run": str(self.run.path.absolute()),
            "epoch": self.epoch,
            "particles": len(self.ids),
            "tomograms": len(self.names),
            "permutations": self.options.permutations,
            "seed": self.options.seed,
            "level": self.options.level,
            "null": "tomograms' means dealt out to other tomograms and particles' deviations to others of the same "
            "tomogram; the tomogram itself shuffled over all particles; family-wise by the largest of all quantities",
            "doubt": self.doubt,
            "alarms": [self.sentence(each) for each in self.alarms],
            "quantities": [self._facts(each) for each in self.findings],
        }

    def _facts(self, finding: Finding) -> dict[str, Any]:
        if finding.untested:
            return {"name": finding.name, "alarm": False, "untested": finding.untested}
        return {
            "name": finding.name,
            "alarm": finding.alarm(self.options.level),
            **({"tomogram": str(self.names[finding.which])} if finding.name == TOMOGRAM else {}),
            "r2": finding.effect,
            "r2_by_chance": float(np.quantile(finding.null, 0.95)),
            "p": finding.p,
            "family_wise_p": finding.adjusted_p,
            "low_end": self.ends[finding.name].said[0],
            "high_end": self.ends[finding.name].said[1],
        }

    def sentence(self, finding: Finding) -> str:
        """Return an alarm in words: what latents follow, and no verdict on why."""
        where = "tomograms"
        name = finding.name
        if name == TOMOGRAM:
            name, where = f"tomogram, {self.names[finding.which]} most of all", "particles"
        return (
            f"follows {name}: check, may be biology (R² {finding.effect:.2f} in {where} not learned from, "
            f"family-wise p = {finding.adjusted_p:.2g})"
        )

    def write(self, folder: Path) -> None:
        """Write nuisance.json and particles.csv into a folder."""
        with atomic_open(folder / DOCUMENT) as stream:
            json.dump(self.document(), stream, indent=1, allow_nan=False)
        tested = [each for each in self.findings if not each.untested]
        with atomic_open(folder / TABLE) as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["tomogram", "particle", *(f"along_{each.name.replace(' ', '_')}" for each in tested)])
            for row, particle in enumerate(self.ids):
                writer.writerow([*particle, *(f"{each.along[row]:.7g}" for each in tested)])


def nuisance(options: NuisanceOptions) -> Nuisance:
    """Ask the latents of a run for what they should not follow; writes nothing.

    Raises
    ------
    InputError
        Where the run has no such latents, they are not finite or all the same, there is one tomogram, or output exists.
    """
    run = Run.open(options.run)
    latents = run.latents(options.epoch)
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    particle_set = run.particle_set()
    z = aligned_latents(latents, particle_set, run)
    refuse_existing(AnalysisFolder(run.path, epoch).path / "nuisance", options.overwrite)
    names, tomogram = np.unique(particle_set.particles["tomogram"].to_numpy(str), return_inverse=True)
    if len(names) < 2:
        raise InputError(
            f"{run.path}: all {len(z)} particles are in one tomogram ({names[0]}), and what latents follow is learned "
            "in some tomograms and asked in others; train on two or more"
        )
    if not np.ptp(z, axis=0).any():
        raise InputError(
            f"{run.path}: the latents of its {len(z)} particles are all the same, so they follow nothing; ask another "
            "epoch with --epoch"
        )
    quantities = quantities_of(particle_set)
    findings = find_nuisance(z, tomogram, quantities, permutations=options.permutations, seed=options.seed)
    ends = {
        each.name: ends_of(z, each, next((own for own in quantities if own.name == each.name), None), names[tomogram])
        for each in findings
        if not each.untested
    }
    return Nuisance(options, run, epoch, particle_set.ids, names, findings, ends)


def aligned_latents(latents: Latents, particle_set: ParticleSet, run: Run) -> npt.NDArray[np.float32]:
    r"""Return the latents (N, \|z\|) in the order of the particles.

    Raises
    ------
    InputError
        Where a particle has none, or they are not finite.
    """
    row_of = {particle: row for row, particle in enumerate(latents.ids)}
    lacking = [particle for particle in particle_set.ids if particle not in row_of]
    if lacking:
        tomogram, name = lacking[0]
        raise InputError(
            f"{run.path}: {len(lacking)} of its particles have no latents, first {name} of tomogram {tomogram}; "
            "copy the run again"
        )
    z = latents.z_mean[[row_of[particle] for particle in particle_set.ids]]
    wrong = np.flatnonzero(~np.isfinite(z).all(axis=1))
    if len(wrong):
        tomogram, name = particle_set.ids[int(wrong[0])]
        raise InputError(
            f"{run.path}: {len(wrong)} of {len(z)} latents are not finite, first that of particle {name} of tomogram "
            f"{tomogram}; ask an earlier epoch with --epoch"
        )
    return z


def end_rows(along: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the particles lowest and highest along a direction (N,), in its order."""
    count = min(max(FEWEST_AT_AN_END, round(END_SHARE * len(along))), len(along) // 2)
    order = np.argsort(along, kind="stable")
    return order[:count], order[-count:]


def ends_of(
    z: npt.NDArray[np.float32], finding: Finding, quantity: Quantity | None, tomograms: npt.NDArray[np.str_]
) -> Ends:
    """Return the mean latents of the particles lowest and highest along a direction, and what the quantity is there."""
    rows = end_rows(finding.along)
    said = tuple(_said(own, finding, quantity, tomograms) for own in rows)
    return Ends(np.stack([z[own].mean(axis=0) for own in rows]).astype(np.float32), (said[0], said[1]))


def _said(
    rows: npt.NDArray[np.int64], finding: Finding, quantity: Quantity | None, tomograms: npt.NDArray[np.str_]
) -> str:
    if quantity is None:
        names, counts = np.unique(tomograms[rows], return_counts=True)
        return f"{counts.max()} of {len(rows)} in {names[counts.argmax()]}"
    if quantity.shown is not None:
        return f"{quantity.shown[rows].mean():.3g} {quantity.unit}"
    x, y, z = quantity.values[rows, :3].mean(axis=0) if quantity.values.shape[1] > 5 else (np.nan,) * 3
    return f"mean beam ({x:.2f}, {y:.2f}, {z:.2f})" if np.isfinite(x) else "a direction"


def volume_folder(found: Nuisance, finding: Finding) -> Path:
    """Return where the volumes at both ends of a finding are written."""
    name = f"nuisance-{finding.name.replace(' ', '-')}"
    return found.run.path / "volumes" / f"epoch-{found.epoch:04d}" / name


def remove_old_volumes(found: Nuisance, kept: Sequence[Path] = ()) -> None:
    """Remove the volumes at the ends of directions that an earlier run of the command wrote, but for those ``kept``.

    Folders that hold anything else stay.
    """
    for folder in (volume_folder(found, each) for each in found.findings):
        if folder not in kept and folder.is_dir() and all(_is_of_volumes(each) for each in folder.iterdir()):
            shutil.rmtree(folder)


def _is_of_volumes(path: Path) -> bool:
    from napari_tomodrgn.reconstruction.volumes import SET_FILES

    return path.is_file() and any(path.match(pattern) for pattern in SET_FILES)


def write_end_volumes(found: Nuisance) -> list[Path]:
    """Decode the volumes at both ends of each alarm's direction and return their folders, low end first in each.

    Raises
    ------
    InputError
        Where the run lacks the epoch's checkpoint, or volumes exist and may not be replaced.
    """
    from napari_tomodrgn.particles.maps import flip_hand
    from napari_tomodrgn.reconstruction.decode import VolumeDecoder
    from napari_tomodrgn.reconstruction.volumes import write_volume_set
    from napari_tomodrgn.training.checkpoints import load_model
    from napari_tomodrgn.training.device import choose_compute

    folders = [volume_folder(found, each) for each in found.alarms]
    for folder in folders:
        refuse_existing(folder, found.options.overwrite)
    if not folders:
        return []
    compute = choose_compute(found.options.device, "off")
    trained = load_model(found.run, found.epoch, compute.device)
    decoder = VolumeDecoder(trained.model.decoder, standard_deviation=trained.standard_deviation, compute=compute)
    flip = found.run.document["data"]["forward_model"]["map_hand"] == "flip"
    for finding, folder in zip(found.alarms, folders, strict=True):
        ends = found.ends[finding.name]
        volumes = decoder.volumes(ends.latents)
        columns = {
            "tomogram": ["", ""],
            "particle": ["", ""],
            "label": ["", ""],
            "end": ["low", "high"],
            finding.name.replace(" ", "_") + "_there": list(ends.said),
        }
        latents = pd.DataFrame(ends.latents, columns=[f"z{number}" for number in range(ends.latents.shape[1])])
        index = pd.DataFrame(columns).join(latents)
        maps = [flip_hand(each) if flip else each for each in volumes]
        write_volume_set(folder, maps, index, trained.pixel_size, overwrite=found.options.overwrite)
    return folders
