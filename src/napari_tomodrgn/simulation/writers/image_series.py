"""What the cryosrpnt, warp and nextpyp dialects share: one row a tilt image, and a volume series with coordinates."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.simulation.placement import euler_angles
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.writers.columns import Columns, numbers, repeated

STACK = "particles.mrcs"
PARTICLES = "particles.star"
VOLUME_SERIES = "volume_series.star"


def stacks(plan: Plan) -> list[tuple[str, Sequence[int]]]:
    """Return the one stack of all particles."""
    return [(STACK, range(len(plan)))]


def image_columns(plan: Plan) -> Columns:
    """Return the columns of image and defocus, one value an image."""
    defocus = numbers(plan.each_image(plan.defocus), 2)
    return {
        "rlnImageName": [f"{number:06d}@{STACK}" for number in range(1, len(defocus) + 1)],
        "rlnDefocusU": defocus,
        "rlnDefocusV": defocus,
        "rlnDefocusAngle": repeated(0, len(defocus)),
    }


def microscope_columns(plan: Plan) -> Columns:
    """Return pixel size and microscope for each image, as dialects without optics groups write them."""
    options, count = plan.options, int(plan.shown.sum())
    return {
        "rlnDetectorPixelSize": repeated(options.pixel_size, count, 6),
        "rlnVoltage": repeated(options.voltage, count),
        "rlnSphericalAberration": repeated(options.spherical_aberration, count),
        "rlnAmplitudeContrast": repeated(options.amplitude_contrast, count),
        "rlnPhaseShift": repeated(options.phase_shift, count),
    }


def pose_columns(plan: Plan, *, in_angstrom: bool = False) -> Columns:
    """Return angle and origin columns; RELION's origin is what has to be added to the content's place."""
    angles = euler_angles(plan.each_image(plan.rotations))
    origin = -plan.each_image(plan.displacement) * (plan.options.pixel_size if in_angstrom else 1)
    unit = "Angst" if in_angstrom else ""
    return {
        **{f"rlnAngle{name}": numbers(angles[:, row], 6) for row, name in enumerate(("Rot", "Tilt", "Psi"))},
        **{f"rlnOrigin{axis}{unit}": numbers(origin[:, row], 6) for row, axis in enumerate("XY")},
    }


def exposure_columns(plan: Plan) -> Columns:
    """Return the columns that carry dose and cos(tilt) in these dialects."""
    dose = plan.dose[plan.tomogram]
    return {
        "rlnCtfBfactor": numbers(plan.each_image(-4 * dose), 3),
        "rlnCtfScalefactor": numbers(plan.each_image(np.broadcast_to(plan.tilt_cosine, dose.shape)), 6),
    }


def group_names(plan: Plan) -> list[str]:
    """Return the particle's name for each image, which cryosrpnt and warp have in rlnGroupName."""
    groups = [f"{plan.tomograms[row].name}_{name}" for row, name in zip(plan.tomogram, plan.names, strict=True)]
    return [group for group, count in zip(groups, plan.shown.sum(axis=1), strict=True) for _ in range(count)]


def write_volume_series(plan: Plan, folder: Path) -> Path:
    """Write one row a particle: coordinates in pixels of the images, and the orientation in the tomogram."""
    pixels = plan.position / plan.options.pixel_size
    tomograms = [plan.tomograms[row].name for row in plan.tomogram]
    columns: Columns = {
        "rlnMicrographName": [f"{name}.mrc" for name in tomograms],
        **{f"rlnCoordinate{axis}": numbers(pixels[:, row], 6) for row, axis in enumerate("XYZ")},
        **{f"rlnAngle{name}": numbers(plan.angles[:, row], 6) for row, name in enumerate(("Rot", "Tilt", "Psi"))},
        "rlnMagnification": repeated(10000.0, len(plan)),
        "rlnDetectorPixelSize": repeated(plan.options.pixel_size, len(plan), 6),
        "rlnGroupName": [f"{tomogram}_{name}" for tomogram, name in zip(tomograms, plan.names, strict=True)],
    }
    return write_star(folder / VOLUME_SERIES, columns, plan)


def write_star(path: Path, columns: Columns, plan: Plan) -> Path:
    """Write the one nameless block of these dialects."""
    return StarFile.of(Block.of("", columns)).write(path, overwrite=plan.options.overwrite)
