"""The ``occupancy`` command: how much of each part of a complex is there, in each volume."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.class_names import noise_of
from napari_tomodrgn.analysis.occupancy.labelling import Labelling, labelling_of
from napari_tomodrgn.analysis.occupancy.masks import Region, Whole
from napari_tomodrgn.analysis.occupancy.measure import Measure, Measured
from napari_tomodrgn.analysis.occupancy.options import Expected, Normalise, OccupancyOptions
from napari_tomodrgn.analysis.occupancy.regions import asked_regions
from napari_tomodrgn.analysis.occupancy.result import Occupancy, read_occupancy
from napari_tomodrgn.analysis.occupancy.sources import Source, open_source
from napari_tomodrgn.analysis.occupancy.thresholds import parse_thresholds
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import refuse_existing
from napari_tomodrgn.progress import track

LEAST_CORRELATION = 0.4  # of model and mean volume; even a third of the 50S reaches 0.6
log = logging.getLogger("napari_tomodrgn")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """What ``occupancy`` found, and where it is to be written.

    Attributes
    ----------
    folder
        Of table and figures; ``None`` where they are there already.
    labelling
        The labels that thresholds gave, ``None`` where there were none.
    """

    occupancy: Occupancy
    folder: Path | None
    labelling: Labelling | None


def occupancy(options: OccupancyOptions) -> Result:
    """Measure occupancies, or read them where the source is a table of them, and label by thresholds.

    Nothing is written: ``figures.occupancy.write_occupancy`` does that.

    Raises
    ------
    InputError
        Where an option, a model, a mask or a volume can't be used, or the output exists.
    """
    thresholds = parse_thresholds(options.threshold)
    if not options.name.isascii() or not options.name.isalpha() or not options.name.islower():
        raise InputError(f"--name {options.name}: expected lower-case letters only, as occupancy")
    if options.run.suffix.lower() == ".csv":
        return _labelled_again(options)
    source = open_source(options)
    folder = options.outdir
    if folder is None:
        if source.folder is None:
            raise InputError(f"{options.run}: is a folder of maps, so give --outdir for what is measured in them")
        folder = source.folder.occupancy(options.name)
    refuse_existing(folder, options.overwrite)
    regions, whole = asked_regions(options, source.frame, source.origin)
    names = tuple(region.name for region in regions)
    target = labelling_of(options, names, thresholds, source.folder, folder)
    found = measure_occupancy(source, regions, whole, options.normalise, options.expected)
    found.facts.update(_settings(options, source))
    return Result(found, folder, None if target is None else target.of(found))


def _labelled_again(options: OccupancyOptions) -> Result:
    """Label by thresholds on a table that is there."""
    if not options.threshold:
        raise InputError(f"{options.run}: is measured already; give --threshold PART=VALUE to label by it")
    given = [name for name in ("model", "mask", "sphere") if getattr(options, name)]
    if given:
        raise InputError(f"--{given[0]}: measures, and {options.run} is measured already; give the run instead")
    found = read_occupancy(options.run)
    thresholds = parse_thresholds(options.threshold)
    folder = options.outdir or options.run.parent
    target = labelling_of(options, found.parts, thresholds, None, folder)
    assert target is not None
    return Result(found, None, target.of(found))


def _settings(options: OccupancyOptions, source: Source) -> dict[str, object]:
    """Return the options that say how something was measured, as values that JSON holds, and the epoch that was."""
    names = {"run", "model", "parts", "fit", "mask", "sphere", "resolution", "enclosed", "epoch", "centres"}
    said = options.model_dump(mode="json", include=names)
    if source.folder is None:
        return {**said, "epoch": None}
    noise = None if options.centres is None else noise_of(source.folder.labels(options.centres))
    return {**said, "epoch": source.folder.epoch, **({} if noise is None else {"noise": noise})}


def measure_occupancy(
    source: Source,
    regions: list[Region],
    whole: Whole | None,
    normalise: Normalise = "ensemble",
    expected: Expected = "part",
) -> Occupancy:
    """Return how much of each region there is in each volume of a source.

    Parameters
    ----------
    normalise
        What has an occupancy of 1: the whole model in the mean of all volumes, or in each of them; ``none``: as the
        volumes are.
    expected
        What a part's density is divided by: what the part alone has within its mask, or what the whole model has there.

    Raises
    ------
    InputError
        Where a volume can't be measured, or there is no density where the model lies.
    """
    volumes = track(source.volumes(), "Measuring", total=len(source.index), unit="volumes")
    measured = Measure(regions, source.frame, whole).of(volumes, source.names)
    values = measured.ratio / _units(measured, regions, whole, normalise)
    in_whole = np.array([each.whole for each in regions])
    if expected == "model":
        values, in_whole = values / np.where(np.isfinite(in_whole), in_whole, 1), in_whole / in_whole
    facts = {
        "box": source.frame.box,
        "pixel_size": source.frame.pixel_size,
        "normalise": normalise,
        "expected": expected,
        "solvent": float(measured.solvent.mean()),
    }
    if whole is not None:
        facts["model_correlation"] = _correlation(whole, measured.mean)
    return Occupancy(source.index, tuple(each.name for each in regions), values, in_whole, facts)


def _correlation(whole: Whole, mean: npt.NDArray[np.float32]) -> float:
    """Return the correlation of the model's density and the mean volume, and warn where it is low."""
    found = float(np.corrcoef(whole.density.ravel(), mean.ravel())[0, 1])
    if found < LEAST_CORRELATION:
        log.warning(
            "the model has little to do with the mean of all volumes (correlation %.2f): it is not fitted, or they "
            "show another molecule, or too little of anything; occupancies mean nothing then", found,
        )  # fmt: skip
    return found


def _units(measured: Measured, regions: list[Region], whole: Whole | None, normalise: Normalise) -> Floats:
    """Return (n or 1, C): the ratio that a part of occupancy 1 has."""
    if normalise == "none":
        return np.ones((1, len(regions)))
    if whole is None:
        # Of masks alone, the particle is where the mean of all volumes has most of its density (method.md: half the
        # 99th percentile).
        solvent = float(measured.solvent.mean())
        particle = measured.mean > float(np.percentile(measured.mean, 99)) / 2
        density = np.array([float(measured.mean[particle].mean()) - solvent if particle.any() else 0.0])
        is_model = np.zeros(len(regions), dtype=bool)
        per_mass = density
    else:
        per_mass = measured.whole.mean(keepdims=True) if normalise == "ensemble" else measured.whole
        density = per_mass * whole.mass / int(whole.mask.sum())  # per voxel
        is_model = np.isfinite([each.whole for each in regions])
    dark = np.flatnonzero(~(per_mass > 0))
    if len(dark):
        where = "where the model lies" if whole is not None else "of a particle"
        which = f"volume {int(dark[0]) + 1} has" if len(per_mass) > 1 else "the volumes have"
        raise InputError(
            f"{which} no density {where} above that of the solvent: is protein dark in them, or the model not fitted? "
            "Invert the maps, or fit the model (`napari-tomodrgn fit`) and give --fit"
        )
    return np.where(is_model, per_mass[:, None], density[:, None])
