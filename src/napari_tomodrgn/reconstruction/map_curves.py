"""The ``fsc`` command: maps of any boxes and pixel sizes, each held against its half-map or a reference."""

import csv
import json
import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, refuse_existing
from napari_tomodrgn.particles.maps import Map, known_pixel_size, read_map
from napari_tomodrgn.reconstruction.fsc import corrected_fsc, fsc, resolution_at
from napari_tomodrgn.reconstruction.masks import soft_mask
from napari_tomodrgn.reconstruction.resample import resample

log = logging.getLogger("napari_tomodrgn")

Kind = Literal["half-maps", "reference"]
THRESHOLDS: dict[Kind, float] = {"half-maps": 0.143, "reference": 0.5}
CURVES, DOCUMENT = "fsc.csv", "fsc.json"
WHOLE, HALVES = "backprojection.mrc", ("half_1.mrc", "half_2.mrc")  # as `reconstruct --backproject` names them
HALF_NUMBER = re.compile(r"(?i)(half[_-]?)([12])(?!\d)")  # half_1.mrc, ref_half2_unfil.mrc
WIDTHS = ("mask_threshold", "mask_dilate", "mask_edge", "mask_unit")

FloatMap = npt.NDArray[np.floating]


class FscOptions(BaseModel):
    """Options of ``fsc``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    maps: tuple[Path, ...] = Field(
        description="Maps (.mrc), or folders of `reconstruct --backproject`, whose half-maps lie in them; half_1.mrc "
        "and half_2.mrc of one folder are held against each other.",
        json_schema_extra={"argument": True},
    )
    half: tuple[Path, ...] = Field(
        (), description="The other half-map of each map, in the order of the maps, one an option."
    )
    reference: Path | None = Field(None, description="Map of any box and pixel size to hold each map against.")
    name: tuple[str, ...] = Field(
        (),
        description="What each map is called, in their order; default: its file or folder, and of the folders around "
        "it what tells it from the others.",
    )
    pixel_size: float | None = Field(None, gt=0, description="Å per voxel of maps whose header has none.")
    mask: str = Field(
        "auto",
        description="Soft mask: auto makes it from the reference, or from the mean of the half-maps; a map (.mrc) is "
        "laid over every map's own grid. Where the mask of auto does not fit the box, there is none.",
        json_schema_extra={"metavar": "auto|none|PATH"},
    )
    mask_threshold: float | None = Field(
        None, description="Density above which the mask begins; half the 99th percentile where not given."
    )
    mask_dilate: float = Field(3, ge=0, description="Growth of the mask.")
    mask_edge: float = Field(10, ge=0, description="Width of its cosine edge.")
    mask_unit: Literal["px", "angstrom"] = Field("px", description="Unit of the mask's growth and edge.")
    outdir: Path | None = Field(None, description="Folder for fsc.csv, fsc.json and the figure; default: none.")
    figures: bool = Field(True, description="Draw the figure into --outdir, PNG and SVG.")
    overwrite: bool = Field(False, description="Replace what stands in --outdir.")


@dataclass(frozen=True)
class MapCurve:
    """How far a map can be trusted by one comparison.

    Attributes
    ----------
    name, path
        Of the map; no two maps have one name.
    kind
        Whether it is held against its other half-map, or a reference.
    box, pixel_size
        Of the map, px and Å.
    values
        (S + 1,) FSC of shells 0 to S, at s/(D pixel size), up to the Nyquist of the coarser of the two.
    masked
        Whether both were multiplied by a soft mask; then half-maps are corrected for it by random phases.
    why_unmasked
        Why no mask was made where one is by default; empty otherwise.
    """

    name: str
    path: Path
    kind: Kind
    box: int
    pixel_size: float
    values: npt.NDArray[np.float64]
    masked: bool
    why_unmasked: str = ""

    @property
    def frequency(self) -> npt.NDArray[np.float64]:
        """(S + 1,) 1/Å."""
        return np.arange(len(self.values)) / (self.box * self.pixel_size)

    @property
    def nyquist(self) -> float:
        """Of the map, 1/Å."""
        return 0.5 / self.pixel_size

    @property
    def threshold(self) -> float:
        """Where the curve is read: 0.143 between half-maps, 0.5 against another map."""
        return THRESHOLDS[self.kind]

    @property
    def resolution(self) -> float:
        """Where the curve falls below its threshold, Å; its end where it never does."""
        shells = len(self.values) - 1
        return resolution_at(self.values, self.threshold, self.box * self.pixel_size / (2 * shells))

    @property
    def reaches_its_end(self) -> bool:
        """Whether the curve never falls below its threshold."""
        return bool((self.values[1:] >= self.threshold).all())


def map_curves(options: FscOptions) -> list[MapCurve]:
    """Return the curves of every map: against its half-map where there is one, and against the reference.

    The reference is brought to each map's own voxels by its Fourier series (:func:`resample`), voxel D/2 of one upon
    voxel D/2 of the other, so every curve has its own map's shells, and ends where either map does.

    Raises
    ------
    InputError
        Where a map can't be read or has no pixel size, there is nothing to hold a map against, half-maps differ in box
        or pixel size, a mask does not fit, or the output exists.
    """
    if options.outdir is not None:
        refuse_existing(options.outdir, options.overwrite)
    _check_counts(options)
    names = _names(options)
    pairs = {} if options.half else _pairs(options.maps)
    reference = None if options.reference is None else _read(options.reference, options)
    given = None if options.mask in ("auto", "none") else _read(Path(options.mask), options)
    curves = []
    for number, (path, name) in enumerate(zip(options.maps, names, strict=True)):
        whole, halves = _files(path, options.half[number] if options.half else pairs.get(path))
        if halves is None and reference is None and path not in pairs.values():
            raise InputError(f"{path}: {_what_to_give(path)}, or --reference")
        if halves is not None:
            curves.append(_of_halves(options, name, halves, reference, given))
        if reference is not None:
            curves.append(_of_reference(options, name, whole, reference, given))
    for each in curves:
        if each.why_unmasked:
            log.warning("%s, %s: is compared without a mask: %s", each.name, each.kind, each.why_unmasked)
    return curves


def _check_counts(options: FscOptions) -> None:
    for option, values in (("--half", options.half), ("--name", options.name)):
        if values and len(values) != len(options.maps):
            raise InputError(
                f"{option}: is given {len(values)} times for {len(options.maps)} maps; give it once a map, or never"
            )
    twice = [name for number, name in enumerate(options.name) if name in options.name[:number]]
    if twice:
        raise InputError(f"--name: two maps are called {twice[0]}; give each map a name of its own")


def _files(path: Path, half: Path | None) -> tuple[Path, tuple[Path, Path] | None]:
    """Return the map that a path stands for, and its two halves where they are known."""
    if path.is_dir():
        halves = (path / HALVES[0], path / HALVES[1])
        if not (path / WHOLE).is_file():
            raise InputError(f"{path}: has no {WHOLE}; give a map, or a folder of `reconstruct --backproject`")
        return path / WHOLE, halves if all(each.is_file() for each in halves) else None
    return path, None if half is None else (path, half)


def _pairs(maps: Sequence[Path]) -> dict[Path, Path]:
    """Return the second half-map of each first one, of those that are both among the maps."""
    pairs = {}
    for path in maps:
        other = _other_half(path)
        if other is not None and other in maps and HALF_NUMBER.findall(path.name)[-1][1] == "1":
            pairs[path] = other
    return pairs


def _other_half(path: Path) -> Path | None:
    """Return what the other half-map of a file would be called; ``None`` where it is not named as a half-map."""
    found = None if path.is_dir() else list(HALF_NUMBER.finditer(path.name))
    if not found:
        return None
    number = found[-1].start(2)
    return path.with_name(f"{path.name[:number]}{3 - int(path.name[number])}{path.name[number + 1 :]}")


def _what_to_give(path: Path) -> str:
    """Say what a map can be held against, by what lies beside it."""
    other = _other_half(path)
    if other is not None and other.is_file():
        return f"is held against nothing; give {other.name} beside it too"
    if path.name == WHOLE and all((path.parent / each).is_file() for each in HALVES):
        return f"is held against nothing; give its folder {path.parent}, for the half-maps beside it"
    return "has no half-map beside it; give --half for every map"


def _names(options: FscOptions) -> list[str]:
    """Return what each map is called: as it is asked for, else by as much of its path as tells it from the others."""
    if options.name:
        return list(options.name)
    parts = [(*path.resolve().parent.parts, _name(path)) for path in options.maps]
    names = []
    for own in parts:
        others = [other for other in parts if other != own]
        length = next((n for n in range(1, len(own)) if all(other[-n:] != own[-n:] for other in others)), len(own))
        names.append("/".join(own[-length:]))
    return [name if names.count(name) == 1 else f"{name} ({names[:n].count(name) + 1})" for n, name in enumerate(names)]


def _name(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem


def _read(path: Path, options: FscOptions) -> Map:
    found = read_map(path)
    return Map(found.values, options.pixel_size or known_pixel_size(path, found.pixel_size))


def _of_halves(
    options: FscOptions, name: str, paths: tuple[Path, Path], reference: Map | None, given: Map | None
) -> MapCurve:
    first, second = (_read(path, options) for path in paths)
    if (first.box, round(first.pixel_size, 4)) != (second.box, round(second.pixel_size, 4)):
        raise InputError(
            f"{paths[1]}: has {second.box} voxels of {second.pixel_size:.4g} Å, and {paths[0]} {first.box} of "
            f"{first.pixel_size:.4g} Å; give two halves of one reconstruction"
        )
    whole: FloatMap = (first.values + second.values) / 2
    if reference is not None:
        whole = resample(reference.values, reference.pixel_size, first.box, first.pixel_size)
    mask, why = _mask(options, paths[0], whole, first.pixel_size, given)
    one, other = first.values, second.values
    curve = fsc(one, other) if mask is None else corrected_fsc(one, other, mask)
    return MapCurve(name, paths[0], "half-maps", first.box, first.pixel_size, curve, mask is not None, why)


def _of_reference(options: FscOptions, name: str, path: Path, reference: Map, given: Map | None) -> MapCurve:
    own = _read(path, options)
    there = resample(reference.values, reference.pixel_size, own.box, own.pixel_size)
    mask, why = _mask(options, path, there, own.pixel_size, given)
    curve = fsc(own.values, there, mask)
    coarser = max(own.pixel_size, reference.pixel_size)
    shells = min(own.box // 2, math.floor(own.box * own.pixel_size / (2 * coarser) + 1e-6))
    return MapCurve(name, path, "reference", own.box, own.pixel_size, curve[: shells + 1], mask is not None, why)


def _mask(
    options: FscOptions, path: Path, values: FloatMap, pixel_size: float, given: Map | None
) -> tuple[FloatMap | None, str]:
    """Return the mask (D, D, D) on a map's own voxels, ``None`` where none is asked for, or none fits and why.

    Only the mask that nothing was said about gives way: one of widths or a threshold that were asked for is refused.
    """
    if options.mask == "none":
        return None, ""
    if given is not None:
        return np.clip(resample(given.values, given.pixel_size, len(values), pixel_size), 0, 1), ""
    try:
        mask = soft_mask(
            values,
            threshold=options.mask_threshold,
            dilate=options.mask_dilate,
            edge=options.mask_edge,
            unit=options.mask_unit,
            pixel_size=pixel_size,
        )
    except InputError as error:
        if options.model_fields_set.isdisjoint(WIDTHS):
            return None, str(error)
        raise InputError(f"{path}: {error}; or give --mask none") from error
    return mask, ""


# what was found, as files


def as_document(options: FscOptions, curves: Sequence[MapCurve]) -> dict[str, Any]:
    """Return what was found as values that JSON holds; ``null`` where a curve begins below its threshold."""
    mask: dict[str, Any] = {"mask": options.mask}
    if options.mask == "auto":
        mask |= {name: getattr(options, name) for name in WIDTHS}
    return {
        "format": 1,
        "reference": None if options.reference is None else str(options.reference.absolute()),
        **mask,
        "curves": [
            {
                "name": each.name,
                "map": str(each.path.absolute()),
                "against": each.kind,
                "box": each.box,
                "pixel_size": each.pixel_size,
                "nyquist_angstrom": 1 / each.nyquist,
                "masked": each.masked,
                "why_unmasked": each.why_unmasked or None,
                "threshold": each.threshold,
                "resolution_angstrom": each.resolution if math.isfinite(each.resolution) else None,
                "above_threshold_to_the_end": each.reaches_its_end,
            }
            for each in curves
        ],
    }


def write_tables(options: FscOptions, curves: Sequence[MapCurve], folder: Path) -> None:
    """Write fsc.json, and fsc.csv: name, against, shell, frequency_per_angstrom, fsc."""
    with atomic_open(folder / DOCUMENT) as stream:
        json.dump(as_document(options, curves), stream, indent=1, allow_nan=False)
    with atomic_open(folder / CURVES) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["name", "against", "shell", "frequency_per_angstrom", "fsc"])
        for each in curves:
            for shell, (frequency, value) in enumerate(zip(each.frequency, each.values, strict=True)):
                table.writerow([each.name, each.kind, shell, f"{frequency:.6g}", f"{value:.5f}"])
