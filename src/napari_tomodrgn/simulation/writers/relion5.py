"""The dialect of RELION 5's 2D stacks: one star a tilt series, centred coordinates in Å, CTF and dose weights in.

A tilt that is missing has no row in the tilt series, as after RELION's own exclusion of tilts.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.writers.columns import Columns, numbers, repeated
from napari_tomodrgn.simulation.writers.optimisation_set import (
    PARTICLES,
    SET,
    TOMOGRAMS,
    frame_columns,
    global_columns,
    pose_columns,
    tomogram_names,
    write_set,
)

FORWARD_MODEL = ForwardModel(
    ctf_power=2, attenuation="dose", dose_at="before", voltage_rule="300kv", defocus_height="plus"
)
SHIFT_BY_PARTICLE = True
BY_ANGLE = NUMBERED_THROUGHOUT = False
STARS = (SET, PARTICLES, TOMOGRAMS)


def stacks(plan: Plan) -> list[tuple[str, Sequence[int]]]:
    """Return one stack a particle, in a folder for each tomogram."""
    return [(_stack(plan, row), [row]) for row in range(len(plan))]


def write_stars(plan: Plan, folder: Path) -> Path:
    """Write a star for each tilt series, then particles, tomograms, and the optimisation set, which is returned."""
    for row, each in enumerate(plan.tomograms):
        series = StarFile.of(Block.of(each.name, _frames(plan, row)))
        series.write(folder / _series(each.name), overwrite=plan.options.overwrite)
    return write_set(plan, folder, _particles(plan), (Block.of("global", _global(plan)),))


def _series(tomogram: str) -> str:
    return f"tilt_series/{tomogram}.star"


def _stack(plan: Plan, row: int) -> str:
    return f"Subtomograms/{plan.tomograms[plan.tomogram[row]].name}/{plan.names[row]}_stack2d.mrcs"


def _particles(plan: Plan) -> Columns:
    """Return one row a particle; coordinates are in Å from the tomogram's centre."""
    tomograms = tomogram_names(plan)
    size = np.array([each.size for each in plan.tomograms])[plan.tomogram]
    centred = plan.position + plan.origin - size / 2
    return {
        "rlnTomoName": tomograms,
        **{f"rlnCenteredCoordinate{axis}Angst": numbers(centred[:, row], 6) for row, axis in enumerate("XYZ")},
        **pose_columns(plan),
        "rlnTomoParticleName": [f"{name}/{particle}" for name, particle in zip(tomograms, plan.names, strict=True)],
        "rlnOpticsGroup": [str(row + 1) for row in plan.tomogram],
        "rlnImageName": [_stack(plan, row) for row in range(len(plan))],
        "rlnTomoVisibleFrames": [f"[{','.join('1' * int(shown.sum()))}]" for shown in plan.shown],
    }


def _global(plan: Plan) -> Columns:
    """Return one row a tomogram; RELION adds hand x height to the defocus."""
    return {
        "rlnTomoName": [each.name for each in plan.tomograms],
        "rlnTomoTiltSeriesStarFile": [_series(each.name) for each in plan.tomograms],
        "rlnTomoFrameCount": [str(shown.sum()) for shown in plan.nuisance.shown],
        **global_columns(plan, -1 if plan.forward_model.defocus_height == "minus" else 1),
    }


def _frames(plan: Plan, tomogram: int) -> Columns:
    """Return one row a tilt that is there: alignment, defocus, cos(tilt) and dose."""
    name, count = plan.tomograms[tomogram].name, len(plan.tilts)
    columns = {
        "rlnMicrographName": [f"frames/{name}_{acquired:03d}.mrc" for acquired in plan.acquired],
        "rlnTomoNominalStageTiltAngle": numbers(plan.tilts, 3),
        "rlnTomoXTilt": repeated(0, count),
        "rlnTomoYTilt": numbers(plan.tilts, 3),
        "rlnTomoZRot": repeated(0, count),
        "rlnTomoXShiftAngst": repeated(0, count),
        "rlnTomoYShiftAngst": repeated(0, count),
        **frame_columns(plan, tomogram),
    }
    shown = np.flatnonzero(plan.nuisance.shown[tomogram])
    return {label: [values[row] for row in shown] for label, values in columns.items()}
