"""What is validated: some particles, those that they are held against, and the latent whose volume is claimed."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.select import selection_of
from napari_tomodrgn.analysis.select_options import SelectOptions
from napari_tomodrgn.analysis.validation.options import ValidateOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Subject:
    """The particles of a run of which something is claimed.

    Attributes
    ----------
    z
        (N, |z|) latents of all particles, in the order of the particle set.
    tomogram
        (N,) number of each particle's tomogram.
    chosen, others
        (N,) the particles in question, and those that they are held against.
    latent
        (|z|,) what is decoded as the volume of the chosen ones.
    centre
        What that latent is, in words.
    remoteness
        Its distance to the nearest particle, in units of what 99 % of the particles stay below.
    """

    z: npt.NDArray[np.float32]
    tomogram: npt.NDArray[np.int64]
    chosen: Mask
    others: Mask
    latent: npt.NDArray[np.float32]
    centre: str
    remoteness: float


def subject_of(options: ValidateOptions, run: Run, particle_set: ParticleSet) -> Subject:
    """Return what the options ask about.

    Raises
    ------
    InputError
        Where particles are not named, unknown, fewer than two, or leave fewer than two to be held against.
    """
    latents = run.latents(options.epoch)
    z = _aligned(latents, particle_set, run)
    given = None if options.at is None else _given_latent(options.at, z.shape[1])
    if options.names_particles:
        chosen = _chosen(options, particle_set, run)
    elif given is not None:
        chosen = _nearest(z, given, options.nearest, run)
    else:
        raise InputError("which particles? Give --clusters, --selection or --ids, or a latent with --at")
    others = _others(options, particle_set, run, chosen)
    for rows, what in ((chosen, "chosen"), (others, "to hold them against")):
        if rows.sum() < 2:
            count = "no particle is" if not rows.any() else "one particle is"
            raise InputError(
                f"{options.folder_name}: {count} {what}, and a comparison needs two or more; take more particles"
            )
    latent, centre = _centre(options, particle_set, z, chosen, others)
    if given is not None:
        latent, centre = given, "the latent given"
    names = [tomogram for tomogram, _ in particle_set.ids]
    tomogram = np.unique(names, return_inverse=True)[1].astype(np.int64)
    return Subject(z, tomogram, chosen, others, latent, centre, _remoteness(z, latent))


def _aligned(latents: Latents, particle_set: ParticleSet, run: Run) -> npt.NDArray[np.float32]:
    """Return the latents in the order of the particles."""
    row_of = {particle: row for row, particle in enumerate(latents.ids)}
    lacking = [particle for particle in particle_set.ids if particle not in row_of]
    gone = sorted(set(latents.ids).difference(particle_set.ids))
    if lacking or gone:
        tomogram, name = (lacking or gone)[0]
        what = "have no latents" if lacking else "are no longer in its star file"
        raise InputError(
            f"{run.path}: {len(lacking or gone)} of its particles {what}, first {name} of tomogram {tomogram}; "
            "copy the run again"
        )
    z = latents.z_mean[[row_of[particle] for particle in particle_set.ids]]
    if not np.isfinite(z).all():
        raise InputError(f"{run.path}: has latents that are not finite; validate an earlier epoch with --epoch")
    return z


def _select_options(options: ValidateOptions, **rules: object) -> SelectOptions:
    return SelectOptions.model_validate(
        {"particles": options.run, "epoch": options.epoch, "labels": options.labels, "name": "validated", **rules}
    )


def _chosen(options: ValidateOptions, particle_set: ParticleSet, run: Run) -> Mask:
    rules = {name: getattr(options, name) for name in ("clusters", "selection", "ids")}
    if options.selection is not None and not Selection.load(options.selection).ids:
        raise InputError(f"{options.selection}: holds no particle, and a comparison needs two or more; take some in")
    return _mask(particle_set.ids, selection_of(_select_options(options, **rules), particle_set, run).ids)


def _others(options: ValidateOptions, particle_set: ParticleSet, run: Run, chosen: Mask) -> Mask:
    """Return the particles to compare with; none that are chosen."""
    if options.against is None:
        return ~chosen
    if options.against.endswith(".json"):
        rules: dict[str, object] = {"selection": Path(options.against)}
    elif all(part.strip().isdecimal() for part in options.against.split(",")):
        rules = {"clusters": options.against}
    else:
        raise InputError(
            f"--against {options.against}: expected classes, as 1,3, or the path of a selection that ends in .json"
        )
    try:
        found = selection_of(_select_options(options, **rules), particle_set, run)
    except InputError as error:  # classes are asked for here by another option
        raise InputError(re.sub("^--clusters", "--against", str(error))) from error
    return _mask(particle_set.ids, found.ids) & ~chosen


def _mask(ids: list[ParticleId], wanted: frozenset[ParticleId]) -> Mask:
    return np.array([particle in wanted for particle in ids], dtype=bool)


def _centre(
    options: ValidateOptions, particle_set: ParticleSet, z: npt.NDArray[np.float32], chosen: Mask, others: Mask
) -> tuple[npt.NDArray[np.float32], str]:
    """Return the latent that stands for the chosen particles, and what it is."""
    mean = z[chosen].astype(np.float64).mean(axis=0)
    latent, words = mean, "their mean latent"
    if options.centre == "nearest":
        rows = np.flatnonzero(chosen)
        row = int(rows[((z[rows] - mean) ** 2).sum(axis=1).argmin()])
        tomogram, name = particle_set.ids[row]
        latent, words = z[row].astype(np.float64), f"the latent of particle {name} of {tomogram}, nearest to their mean"
    if options.extrapolate != 1:
        origin = z[others].astype(np.float64).mean(axis=0)
        latent = origin + options.extrapolate * (latent - origin)
        words = f"{options.extrapolate:g} times as far from the others' mean latent as {words}"
    return latent.astype(np.float32), words


def _given_latent(text: str, dimensions: int) -> npt.NDArray[np.float32]:
    """Return a latent given as numbers or as a file."""
    try:
        if Path(text).suffix == ".npy":
            values = np.load(text, allow_pickle=False)
        elif Path(text).is_file() and Path(text).stat().st_size:
            values = np.loadtxt(text, ndmin=1, delimiter="," if text.endswith(".csv") else None)
        else:
            values = np.array([float(part) for part in text.split(",")])
        latent = np.asarray(values, dtype=np.float32).reshape(-1)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"--at {text}: is neither numbers separated by commas nor a file of them; give {dimensions} numbers, as "
            "0.1,-2"
        ) from error
    if len(latent) != dimensions or not np.isfinite(latent).all():
        raise InputError(f"--at {text}: holds {len(latent)} numbers; expected {dimensions} finite ones, one latent")
    return latent


def _nearest(z: npt.NDArray[np.float32], latent: npt.NDArray[np.float32], count: int, run: Run) -> Mask:
    if count + 2 > len(z):
        raise InputError(f"--nearest {count}: {run.path} has {len(z)} particles and others are needed; give fewer")
    chosen = np.zeros(len(z), dtype=bool)
    chosen[np.argsort(((z - latent) ** 2).sum(axis=1), kind="stable")[:count]] = True
    return chosen


def _remoteness(z: npt.NDArray[np.float32], latent: npt.NDArray[np.float32]) -> float:
    """Return how far a latent is from the nearest particle, 1 being what 99 % of the particles are from theirs."""
    from scipy.spatial import KDTree

    tree = KDTree(z)
    own = float(np.quantile(np.asarray(tree.query(z, k=[2])[0]), 0.99))
    return float(tree.query(latent)[0] / own) if own > 0 else 0.0
