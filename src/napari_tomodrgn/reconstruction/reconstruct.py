"""The ``reconstruct`` command: one map of a particle set, by backprojection or by training a decoder alone."""

import csv
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.config import JsonDict

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_folder, atomic_open, refuse_existing
from napari_tomodrgn.model.architecture import PositionalEncoding
from napari_tomodrgn.particles.maps import Map, flip_hand, read_map, write_map
from napari_tomodrgn.reconstruction.fsc import (
    IN_SPHERE,
    corrected_fsc,
    correlation,
    fsc,
    resolution_at,
    resolution_text,
)
from napari_tomodrgn.reconstruction.masks import soft_mask
from napari_tomodrgn.seeds import LARGEST_SEED
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.options import LAYERS_METAVAR, LAYERS_PATTERN, ComputeOptions, TrainOptions

log = logging.getLogger("napari_tomodrgn")

MAP_NAME = "backprojection.mrc"
OWN_FILES = (MAP_NAME, "half_1.mrc", "half_2.mrc", "mask.mrc", "fsc.csv")
HALF_MAPS_AT, REFERENCE_AT = 0.143, 0.5  # FSC
CLEARLY_BETTER = 0.05  # in correlation with a reference
DECODER_GROUP: JsonDict = {"group": "Decoder-only training"}
REFERENCE_GROUP: JsonDict = {"group": "Validation"}
OF_A_TRAINING = (
    "epochs", "batch_size", "learning_rate", "learning_rate_schedule", "decoder", "positional_encoding",
    "feature_sigma", "resume", "device", "amp", "workers",
)  # fmt: skip
AS_BACKPROJECTION_DOES = (False, "auto", "cpu", "off")  # values of these that a backprojection, too, works with
OF_A_MASK = ("mask_threshold", "mask_dilate", "mask_edge", "mask_unit")


class ReconstructOptions(ComputeOptions):
    """Options of ``reconstruct``; what it shares with ``train`` means the same there."""

    outdir: Path = Field(description="Folder to write: the maps, or the run of a decoder-only training.")
    backproject: bool = Field(False, description="Weighted backprojection instead of training a decoder.")
    half_sets: bool = Field(True, description="Also backproject two halves of the particles, and write their FSC.")
    dose_mask: bool = Field(True, description="Leave out frequencies past their optimal dose.")
    dose_weight: bool = Field(True, description="Weight by what the exposure has left of the signal.")
    tilt_weight: bool = Field(True, description="Weight by the cosine of the tilt.")
    dose_middle: bool = Field(False, description="Take the dose at the middle of each exposure.")
    window: bool = Field(True, description="Multiply images by a soft circle.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of half-sets, weights and order.")
    overwrite: bool = Field(False, description="Replace what stands in --outdir.")

    reference: Path | None = Field(
        None, description="Map to compare with (same box): FSC and correlation.", json_schema_extra=REFERENCE_GROUP
    )
    mask: bool = Field(
        False,
        description="Soft mask from the map for the FSC; the half-maps' is corrected by random phases.",
        json_schema_extra=REFERENCE_GROUP,
    )
    mask_threshold: float | None = Field(
        None,
        description="Density above which the mask begins; half the 99th percentile where not given.",
        json_schema_extra=REFERENCE_GROUP,
    )
    mask_dilate: float = Field(3, ge=0, description="Growth of the mask.", json_schema_extra=REFERENCE_GROUP)
    mask_edge: float = Field(10, ge=0, description="Width of its cosine edge.", json_schema_extra=REFERENCE_GROUP)
    mask_unit: Literal["px", "angstrom"] = Field(
        "px", description="Unit of the mask's growth and edge.", json_schema_extra=REFERENCE_GROUP
    )

    epochs: int = Field(50, ge=1, description="Passes over the particles.", json_schema_extra=DECODER_GROUP)
    batch_size: int = Field(1, ge=1, description="Particles a step.", json_schema_extra=DECODER_GROUP)
    learning_rate: float = Field(2e-4, gt=0, description="Step size of AdamW.", json_schema_extra=DECODER_GROUP)
    learning_rate_schedule: Literal["constant", "cosine"] = Field(
        "constant", description="cosine lets it fall to 0 at the last step.", json_schema_extra=DECODER_GROUP
    )
    decoder: str = Field(
        "256x3",
        pattern=LAYERS_PATTERN,
        description="Nodes x hidden layers.",
        json_schema_extra={**DECODER_GROUP, "metavar": LAYERS_METAVAR},
    )
    positional_encoding: PositionalEncoding = Field(
        "gaussian", description="Frequencies of the decoder's input.", json_schema_extra=DECODER_GROUP
    )
    feature_sigma: float = Field(
        0.5,
        gt=0,
        description="Spread of the Gaussian features, in units of half the box.",
        json_schema_extra=DECODER_GROUP,
    )
    resume: bool = Field(False, description="Continue the training in --outdir.", json_schema_extra=DECODER_GROUP)

    def train_options(self) -> TrainOptions:
        """Return the options of the decoder-only training that is asked for."""
        shared = self.model_fields_set & set(TrainOptions.model_fields)
        return TrainOptions(**{name: getattr(self, name) for name in shared}, latent_dim=0)


@dataclass(frozen=True)
class Reconstruction:
    """Where a map was written, in the hand that ``map_hand`` asks for, and what it was measured to be.

    ``figures`` may hold ``resolution_half_maps`` (Å at 0.143), ``resolution_reference`` (Å at 0.5),
    ``correlation_reference`` and ``correlation_reference_other_hand``. ``masked`` maps were compared in a soft mask,
    ``windowed`` half-maps, without a mask, within a soft sphere.
    """

    map_path: Path
    figures: dict[str, float]
    masked: bool
    windowed: bool

    def told(self) -> dict[str, str]:
        """Return what was measured as one reads it, with the threshold and the mask of each resolution."""
        halves = "in the mask, corrected by random phases" if self.masked else IN_SPHERE if self.windowed else "no mask"
        reference = "in the mask" if self.masked else "no mask"
        where = {"resolution_half_maps": (HALF_MAPS_AT, halves), "resolution_reference": (REFERENCE_AT, reference)}
        return {
            name.replace("_", " "): resolution_text(value, *where[name]) if name in where else f"{value:.3g}"
            for name, value in self.figures.items()
        }


def reconstruct(options: ReconstructOptions, stop: StopRequest | None = None) -> Reconstruction:
    """Reconstruct one map of a particle set.

    With ``backproject`` the folder gets ``backprojection.mrc``, ``half_1.mrc``, ``half_2.mrc`` and ``fsc.csv``;
    without it, a run directory whose decoded map is under ``volumes/``.

    Raises
    ------
    InputError
        Where particles, reference or mask don't fit, or the folder exists.
    """
    _refuse_idle(options)
    reference = None if options.reference is None else read_map(options.reference)
    if options.backproject:
        return _backprojection(options, reference)
    return _decoder_only(options, reference, stop)


def _refuse_idle(options: ReconstructOptions) -> None:
    """Refuse an option that was given and would have no effect."""
    for name in OF_A_TRAINING if options.backproject else ():
        if name in options.model_fields_set and getattr(options, name) not in AS_BACKPROJECTION_DOES:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option}: is of a training, and --backproject trains nothing; leave one of them out")
    if not options.backproject and options.half_sets and "half_sets" in options.model_fields_set:
        raise InputError("--half-sets: are backprojected, and a decoder would be trained; add --backproject")
    for name in OF_A_MASK:
        if name in options.model_fields_set and not options.mask:
            raise InputError(f"--{name.replace('_', '-')}: no mask was asked for; add --mask")


def _backprojection(options: ReconstructOptions, reference: Map | None) -> Reconstruction:
    from napari_tomodrgn.reconstruction.backproject import backproject

    refuse_existing(options.outdir, options.overwrite)
    if options.outdir.exists() and not (options.outdir / MAP_NAME).exists():
        raise InputError(f"{options.outdir}: is not the folder of a backprojection, so --overwrite leaves it alone")
    particle_set = options.open()
    _check_reference(options, reference, particle_set.box, particle_set.pixel_size)
    result = backproject(
        particle_set,
        half_sets=options.half_sets,
        dose_weight=options.dose_weight,
        tilt_weight=options.tilt_weight,
        dose_mask=options.dose_mask,
        dose_middle=options.dose_middle,
        window=options.window,
        seed=options.seed,
    )
    pixel_size = particle_set.pixel_size
    flip = particle_set.forward_model.map_hand == "flip"
    found = {"backprojection": result.map, "half_1": result.half_1, "half_2": result.half_2}
    maps = {name: flip_hand(values) if flip else values for name, values in found.items() if values is not None}
    mask = _mask(options, maps["backprojection"], pixel_size)
    curves, figures = _compared(maps["backprojection"], reference, mask, pixel_size)
    if options.half_sets:
        half_curves, half_figures = _between_halves(maps["half_1"], maps["half_2"], mask, pixel_size)
        curves, figures = half_curves | curves, half_figures | figures
    with atomic_folder(options.outdir, overwrite=options.overwrite, replaces=OWN_FILES) as folder:
        for name, values in maps.items():
            write_map(folder / f"{name}.mrc", values, pixel_size)
        if mask is not None:
            write_map(folder / "mask.mrc", mask, pixel_size)
        if curves:
            write_curves(folder / "fsc.csv", curves, pixel_size)
    return Reconstruction(options.outdir / MAP_NAME, figures, mask is not None, options.window)


def _decoder_only(options: ReconstructOptions, reference: Map | None, stop: StopRequest | None) -> Reconstruction:
    from napari_tomodrgn.reconstruction.volumes import VolumesOptions, write_volumes
    from napari_tomodrgn.training.train import train

    if reference is not None:
        particle_set = options.open()
        _check_reference(options, reference, particle_set.box, particle_set.pixel_size)
    run = train(options.train_options(), stop or StopRequest())
    decoding = VolumesOptions.model_validate({"run": run.path, "device": options.device, "overwrite": True})
    map_path = write_volumes(decoding) / "vol_000.mrc"
    decoded = read_map(map_path)
    mask = _mask(options, decoded.values, decoded.pixel_size)
    curves, figures = _compared(decoded.values, reference, mask, decoded.pixel_size)
    if curves:
        write_curves(map_path.with_name("fsc.csv"), curves, decoded.pixel_size)
    return Reconstruction(map_path, figures, mask is not None, options.window)


def write_curves(path: Path, curves: dict[str, npt.NDArray[np.float64]], pixel_size: float) -> None:
    """Write FSC curves (D/2 + 1,) as CSV: shell, spatial frequency in 1/Å, and a column a curve."""
    shells = len(next(iter(curves.values())))
    with atomic_open(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["shell", "frequency_per_angstrom", *curves])
        for shell in range(shells):
            frequency = shell / (2 * (shells - 1) * pixel_size)
            table.writerow([shell, f"{frequency:.6g}", *(f"{curve[shell]:.5f}" for curve in curves.values())])


def _check_reference(options: ReconstructOptions, reference: Map | None, box: int, pixel_size: float) -> None:
    """Refuse a reference of another box; warn where its header tells another pixel size."""
    if reference is None:
        return
    if reference.box != box:
        raise InputError(
            f"{options.reference}: has a box of {reference.box} voxels, the images of {options.particles} have {box}; "
            "give a reference of the same box and pixel size"
        )
    if abs(reference.pixel_size - pixel_size) > 0.02 * pixel_size:
        log.warning(
            "%s: its header says %.4g Å per voxel, the images have %.4g; they are compared voxel by voxel",
            options.reference,
            reference.pixel_size,
            pixel_size,
        )


def _mask(
    options: ReconstructOptions, values: npt.NDArray[np.float32], pixel_size: float
) -> npt.NDArray[np.float32] | None:
    if not options.mask:
        return None
    widths: dict[str, Any] = {"dilate": options.mask_dilate, "edge": options.mask_edge, "unit": options.mask_unit}
    return soft_mask(values, threshold=options.mask_threshold, pixel_size=pixel_size, **widths)


def _between_halves(
    half_1: npt.NDArray[np.float32],
    half_2: npt.NDArray[np.float32],
    mask: npt.NDArray[np.float32] | None,
    pixel_size: float,
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, float]]:
    """Return the curves of the half-maps, and the resolution where the last of them falls below 0.143."""
    curves = {"half_maps": fsc(half_1, half_2)}
    if mask is not None:
        curves["half_maps_masked"] = fsc(half_1, half_2, mask)
        curves["half_maps_corrected"] = corrected_fsc(half_1, half_2, mask)
    last = list(curves.values())[-1]
    return curves, {"resolution_half_maps": resolution_at(last, HALF_MAPS_AT, pixel_size)}


def _compared(
    values: npt.NDArray[np.float32],
    reference: Map | None,
    mask: npt.NDArray[np.float32] | None,
    pixel_size: float,
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, float]]:
    """Return the curve of a map with a reference, the resolution at 0.5, and the correlation in both hands."""
    if reference is None:
        return {}, {}
    curve = fsc(values, reference.values, mask)
    this_hand = correlation(values, reference.values, mask)
    other_hand = correlation(flip_hand(values), reference.values, mask)
    if other_hand > this_hand + CLEARLY_BETTER:
        log.warning(
            "The map's mirror image fits the reference better (correlation %.3f against %.3f): change --map-hand",
            other_hand,
            this_hand,
        )
    return {"reference": curve}, {
        "resolution_reference": resolution_at(curve, REFERENCE_AT, pixel_size),
        "correlation_reference": this_hand,
        "correlation_reference_other_hand": other_hand,
    }
