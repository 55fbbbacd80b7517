"""The ``fit`` command: an atomic model into a map, wherever it is and in whichever hand."""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.fitting.options import FitOptions
from napari_tomodrgn.analysis.fitting.placement import FORMAT, Placement
from napari_tomodrgn.analysis.fitting.search import HandFit, fit_model
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, atomic_path, refuse_existing
from napari_tomodrgn.imaging.atom_density import outside_box
from napari_tomodrgn.particles.atoms import Atoms, model_files, read_atoms, without_waters
from napari_tomodrgn.particles.maps import Map, flip_hand, known_pixel_size, read_map, write_map
from napari_tomodrgn.particles.mrc_header import read_header

DOCUMENT, FLIPPED = "fit.json", "map-flipped.mrc"
MOST_OUTSIDE = 0.5  # of the atoms
TOO_CLOSE = 0.05  # of the shell correlations of both hands
LEAST_CORRELATION = 0.3  # where the model is; real volumes with half of a model in them reach more
LEAST_VOXELS = 2  # that a model has to be long
LEAST_EXTENT = 0.25  # of the map's side: below that the search sees too little of a model
log = logging.getLogger("napari_tomodrgn")


@dataclass(frozen=True)
class ModelFit:
    """A model in a map.

    Attributes
    ----------
    files
        Of the model.
    atoms
        As read, without waters.
    target, origin
        The map as read, and where its header says that voxel (0, 0, 0) stands, x, y, z in Å.
    hands
        The best fit of the map as it is, and of its mirror image.
    chosen
        One of those two.
    outside
        How many atoms lie outside the map.
    """

    files: list[Path]
    atoms: Atoms
    path: Path
    target: Map
    origin: npt.NDArray[np.float64]
    hands: list[HandFit]
    chosen: HandFit
    outside: int

    def placed(self, fit: HandFit | None = None) -> Atoms:
        """Return the atoms in the frame of the map, by a fit (default: the chosen one); voxel (0, 0, 0) is at 0."""
        return (fit or self.chosen).placement.in_box(self.atoms, self.target.box, self.target.pixel_size)

    def seen(self, fit: HandFit | None = None) -> npt.NDArray[np.float32]:
        """Return the map in the hand of a fit (default: the chosen one)."""
        flip = (fit or self.chosen).placement.hand == "flip"
        return flip_hand(self.target.values) if flip else self.target.values

    def document(self) -> dict[str, Any]:
        """Return the fit as values that JSON holds."""
        placement = self.chosen.placement
        pivot = self.target.box // 2 * self.target.pixel_size
        turn = Rotation.from_matrix(placement.rotation)
        return {
            "format": FORMAT,
            **placement.as_dict(),
            "translation_in_map": (placement.shift + pivot + self.origin).tolist(),
            "angle_degrees": float(np.rad2deg(turn.magnitude())),
            "scores": {each.placement.hand: _scores(each) for each in self.hands},
            "map": {
                "path": str(self.path.absolute()),
                "box": self.target.box,
                "pixel_size": self.target.pixel_size,
                "origin": self.origin.tolist(),
            },
            "model": [str(each.absolute()) for each in self.files],
            "atoms": len(self.atoms),
            "atoms_outside": self.outside,
        }


def _scores(fit: HandFit) -> dict[str, float | None]:
    shells = fit.shells if np.isfinite(fit.shells) else None
    return {"shell_correlation": shells, "correlation": fit.correlation}


def fit(options: FitOptions) -> ModelFit:
    """Fit a model into a map.

    Raises
    ------
    InputError
        Where model or map can't be read, the map's pixel size is unknown, most of the model would lie outside the map,
        or the output exists.
    """
    if options.outdir is not None:
        refuse_existing(options.outdir, options.overwrite)
    files = model_files([options.model])
    atoms = without_waters(read_atoms(files))
    if not len(atoms):
        raise InputError(f"{options.model}: holds waters only; give a model of a molecule")
    target = _read_target(options)
    origin = np.array(read_header(options.map).origin)
    _check_extent(atoms, target, options)
    if not options.search:
        hands = fit_model(_moved_by(atoms, -origin), target, resolution=options.resolution, search=False)
        hands = [_after_shift(each, -origin) for each in hands]
    else:
        hands = fit_model(atoms, target, resolution=options.resolution)
    chosen = _choose(hands, options.hand)
    found = ModelFit(files, atoms, options.map, target, origin, hands, chosen, 0)
    outside = int(outside_box(found.placed(), target.box, target.pixel_size).sum())
    if outside > MOST_OUTSIDE * len(atoms):
        raise InputError(
            f"{options.map}: {outside} of {len(atoms)} atoms would lie outside it; give a map that shows the whole "
            "molecule, and the pixel size that it has"
        )
    if chosen.correlation < LEAST_CORRELATION:
        log.warning(
            "the best fit is a poor one (correlation %.2f where the model is): is protein dark in the map, is its "
            "pixel size right, does it show this molecule?", chosen.correlation,
        )  # fmt: skip
    if outside:
        log.warning("%d of %d atoms lie outside the map", outside, len(atoms))
    return ModelFit(files, atoms, options.map, target, origin, hands, chosen, outside)


def _choose(hands: list[HandFit], hand: str) -> HandFit:
    """Return the fit in the hand asked for, or the one that fits better."""
    if hand != "auto":
        return next(each for each in hands if each.placement.hand == hand)
    keep, flip = hands
    # Mirror images look alike in the lowest shells, which rule a plain correlation: the shells decide where they can.
    scores = [each.shells if np.isfinite(keep.shells) else each.correlation for each in hands]
    if abs(scores[0] - scores[1]) < TOO_CLOSE:
        log.warning(
            "both hands fit nearly as well (%.3f as it is, %.3f mirrored): this map can't tell them apart; --hand says "
            "which to take", *scores,
        )  # fmt: skip
    return flip if scores[1] > scores[0] else keep


def _read_target(options: FitOptions) -> Map:
    found = read_map(options.map)
    pixel_size = options.pixel_size or known_pixel_size(options.map, found.pixel_size)
    if not np.ptp(found.values):
        raise InputError(f"{options.map}: has the same value in every voxel; give a map of something")
    return Map(found.values, pixel_size)


def _check_extent(atoms: Atoms, target: Map, options: FitOptions) -> None:
    """Warn of a model that is small in its map, and refuse one that can't be in it, or seen in it."""
    side = target.box * target.pixel_size
    extent = float(np.ptp(atoms.position, axis=0).max())
    if extent > 2 * side:
        raise InputError(
            f"{options.model}: is {extent:.0f} Å long, the map {side:.0f} Å; give the map's --pixel-size, or a "
            "map that shows the whole molecule"
        )
    if extent < LEAST_VOXELS * target.pixel_size:
        raise InputError(
            f"{options.model}: is {extent:.0f} Å long, and the voxels of {options.map} are {target.pixel_size:.4g} Å: "
            "too coarse to show how it lies; give a finer map, or the --pixel-size that it has"
        )
    if options.search and extent < LEAST_EXTENT * side:
        log.warning(
            "the model is %.0f Å long and the map %.0f Å: the search is made for models that fill a good part of the "
            "map; crop the map, or place the model by hand and give --no-search", extent, side,
        )  # fmt: skip


def _moved_by(atoms: Atoms, shift: npt.NDArray[np.float64]) -> Atoms:
    return replace(atoms, position=atoms.position + shift)


def _after_shift(found: HandFit, shift: npt.NDArray[np.float64]) -> HandFit:
    """Return the fit of atoms as they were before they were shifted."""
    own = found.placement
    placement = Placement(own.rotation, own.shift + own.rotation @ shift, own.hand)
    return HandFit(placement, found.shells, found.correlation)


def write_fit(found: ModelFit, folder: Path) -> None:
    """Write fit.json, the moved model, and the mirrored map where that is what it fits, into a folder."""
    with atomic_open(folder / DOCUMENT) as stream:
        json.dump(found.document(), stream, indent=1, allow_nan=False)
    for path in found.files:
        _write_moved(path, folder / moved_name(path), found)
    if found.chosen.placement.hand == "flip":
        write_map(folder / FLIPPED, found.seen(), found.target.pixel_size, origin=found.origin.tolist())


def moved_name(path: Path) -> str:
    """Return the name of a moved file of a model: in its own format, not compressed."""
    stem, _, endings = path.name.partition(".")
    return f"{stem}-fitted.{'cif' if 'cif' in endings.lower() else 'pdb'}"


def _write_moved(path: Path, target: Path, found: ModelFit) -> None:
    """Write a file of the model with all its atoms moved, as other programs see the map."""
    import gemmi

    placement = found.chosen.placement
    pivot = found.target.box // 2 * found.target.pixel_size
    shift = placement.shift + pivot + found.origin
    structure = gemmi.read_structure(str(path))
    turn = gemmi.Transform(gemmi.Mat33(placement.rotation.tolist()), gemmi.Vec3(*shift.tolist()))
    for model in structure:
        model.transform_pos_and_adp(turn)
    structure.cell = gemmi.UnitCell()
    structure.spacegroup_hm = ""
    with atomic_path(target) as temporary:
        if target.suffix == ".cif":
            structure.make_mmcif_document().write_file(str(temporary))
        else:
            structure.write_pdb(str(temporary))
