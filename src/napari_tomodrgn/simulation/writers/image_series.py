"""What the cryosrpnt and warp dialects share: one row a tilt image, and a volume-series star with 3D coordinates."""

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


def optics_columns(plan: Plan) -> Columns:
    """Return image, pixel size and CTF columns, one value an image."""
    options = plan.options
    count = plan.defocus.size
    defocus = numbers(plan.defocus.ravel(), 2)
    constant = {
        "rlnDefocusAngle": 0.0,
        "rlnVoltage": options.voltage,
        "rlnSphericalAberration": options.spherical_aberration,
        "rlnAmplitudeContrast": options.amplitude_contrast,
        "rlnPhaseShift": options.phase_shift,
    }
    return {
        "rlnImageName": [f"{number:06d}@{STACK}" for number in range(1, count + 1)],
        "rlnDetectorPixelSize": repeated(options.pixel_size, count, 6),
        "rlnDefocusU": defocus,
        "rlnDefocusV": defocus,
        **{name: repeated(value, count) for name, value in constant.items()},
    }


def pose_columns(plan: Plan) -> Columns:
    """Return angle and origin columns; RELION's origin is what has to be added to the content's place."""
    angles = euler_angles(plan.rotations).reshape(-1, 3)
    origin = -plan.displacement.reshape(-1, 2)
    return {
        "rlnAngleRot": numbers(angles[:, 0], 6),
        "rlnAngleTilt": numbers(angles[:, 1], 6),
        "rlnAnglePsi": numbers(angles[:, 2], 6),
        "rlnOriginX": numbers(origin[:, 0], 6),
        "rlnOriginY": numbers(origin[:, 1], 6),
    }


def exposure_columns(plan: Plan) -> Columns:
    """Return the columns that carry dose, cos(tilt) and the particle's name in these dialects."""
    groups = [f"{plan.tomograms[row].name}_{name}" for row, name in zip(plan.tomogram, plan.names, strict=True)]
    return {
        "rlnCtfBfactor": numbers(np.tile(-4 * plan.dose, len(plan)), 3),
        "rlnCtfScalefactor": numbers(np.tile(plan.tilt_cosine, len(plan)), 6),
        "rlnGroupName": [group for group in groups for _ in plan.tilts],
    }


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
