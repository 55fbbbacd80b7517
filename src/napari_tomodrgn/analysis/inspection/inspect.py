"""Check a data set: what it is, and whether what is assumed about its images is true."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_tomodrgn.analysis.inspection.attenuation import check_attenuation
from napari_tomodrgn.analysis.inspection.check import Check
from napari_tomodrgn.analysis.inspection.contrast import check_contrast
from napari_tomodrgn.analysis.inspection.ctf_power import check_ctf_power
from napari_tomodrgn.analysis.inspection.defocus_height import check_defocus_height
from napari_tomodrgn.analysis.inspection.dose import check_dose
from napari_tomodrgn.analysis.inspection.evidence import gather
from napari_tomodrgn.analysis.inspection.examination import Examination
from napari_tomodrgn.analysis.inspection.facts import data_facts
from napari_tomodrgn.analysis.inspection.images import check_images, check_tilts
from napari_tomodrgn.analysis.inspection.map_hand import check_map_hand, unchecked_map_hand
from napari_tomodrgn.analysis.inspection.options import InspectOptions
from napari_tomodrgn.analysis.inspection.poses import check_poses, check_tilt_hand
from napari_tomodrgn.analysis.inspection.scale import check_pixel_size, check_voltage
from napari_tomodrgn.analysis.inspection.weights import commonest_scheme, facts_of, tilt_weights, write_weights
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, make_folder, refuse_existing
from napari_tomodrgn.particles.maps import UNSET_PIXEL_SIZES, Map, flip_hand, read_map, write_map
from napari_tomodrgn.progress import track

JSON, PICTURE, MAP, WEIGHTS = "inspect.json", "inspect.png", "inspect.mrc", "weights.csv"


def inspect(options: InspectOptions) -> dict[str, Any]:
    """Return the facts of a data set (keys of the trainer's dry run) and ``checks``, a list of plain dictionaries.

    With ``outdir``, write the same as inspect.json, a page of pictures inspect.png, a quick backprojection inspect.mrc,
    with ``map_hand`` applied, and weights.csv, how much each frequency of each tilt image counts in a training. Nothing
    is ever changed in the data set or its settings.

    Raises
    ------
    InputError
        Where the particles, the reference or the model cannot be read, or the output exists.
    """
    if options.outdir is not None:
        for name in (JSON, PICTURE, MAP, WEIGHTS):
            refuse_existing(options.outdir / name, options.overwrite)
    if options.reference and options.model:
        raise InputError("--reference and --model were both given; give one of them")
    particle_set = options.open()
    reference = _reference(options, particle_set.pixel_size)
    examination = Examination(particle_set, gather(particle_set, options.seed), options.seed)
    quick = _quick_map(examination)
    checks = _checks(examination, quick, reference)
    particle, count = commonest_scheme(particle_set)
    weighting = facts_of(particle_set, count)
    result = {**data_facts(particle_set), "weighting": weighting, "checks": [check.as_dict() for check in checks]}
    if options.outdir is not None:
        _write(options.outdir, result, examination, quick, checks)
        write_weights(options.outdir / WEIGHTS, tilt_weights(particle_set, particle))
    return result


def _checks(examination: Examination, quick: Map, reference: Map | None) -> list[Check]:
    """Return the answers of all checks, in the order in which they are shown."""
    particle_set, evidence = examination.particle_set, examination.evidence
    steps: list[Callable[[], Check]] = [
        lambda: check_images(evidence.deviation, evidence.mean),
        lambda: check_tilts(particle_set),
        lambda: check_dose(particle_set),
        lambda: check_contrast(examination),
        lambda: check_ctf_power(examination),
        lambda: check_attenuation(examination),
        lambda: check_defocus_height(examination),
        lambda: check_pixel_size(examination),
        lambda: check_voltage(examination),
        lambda: check_poses(examination),
        lambda: check_tilt_hand(examination),
    ]
    if reference is None:
        steps.append(lambda: unchecked_map_hand(examination))
    else:
        steps.append(lambda: check_map_hand(examination, quick, reference))
    return [step() for step in track(steps, "Checking", unit="checks")]


def _reference(options: InspectOptions, pixel_size: float) -> Map | None:
    """Return the map to compare hands with; a header without a pixel size stands for the set's own."""
    if options.model:
        from napari_tomodrgn.analysis.inspection.atoms import density_of_models

        return density_of_models(options.model, pixel_size)
    if options.reference is None:
        return None
    reference = read_map(options.reference)
    if options.reference_pixel_size is not None:
        return replace(reference, pixel_size=options.reference_pixel_size)
    if round(reference.pixel_size, 6) in UNSET_PIXEL_SIZES:
        return replace(reference, pixel_size=pixel_size)
    return reference


def _quick_map(examination: Examination) -> Map:
    """Return a backprojection of the images looked at, in the frame of the poses."""
    return Map(examination.backprojection.map, examination.particle_set.pixel_size)


def _write(folder: Path, result: dict[str, Any], examination: Examination, quick: Map, checks: list[Check]) -> None:
    from napari_tomodrgn.analysis.inspection.picture import write_picture

    make_folder(folder)
    flipped = examination.particle_set.forward_model.map_hand == "flip"
    shown = flip_hand(quick.values) if flipped else quick.values
    write_map(folder / MAP, np.asarray(shown), quick.pixel_size, overwrite=True)
    write_picture(folder / PICTURE, examination, shown, checks)
    with atomic_open(folder / JSON) as stream:
        json.dump(result, stream, indent=1)
