"""The dialect of WarpTools exports: an optimisation set, one stack a particle, CTF, dose weights and cos(tilt) in."""

from collections.abc import Sequence
from pathlib import Path

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.star import Block
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.tilt_scheme import tilt_rotations
from napari_tomodrgn.simulation.writers.columns import Columns, numbers
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
    ctf_power=2, attenuation="dose-tilt", dose_at="before", voltage_rule="300kv", defocus_height="plus"
)
BY_ANGLE = SHIFT_BY_PARTICLE = True
NUMBERED_THROUGHOUT = False
STARS = (SET, PARTICLES, TOMOGRAMS)
HAND = -1  # as WarpTools writes it; its heights are added to the defocus all the same


def stacks(plan: Plan) -> list[tuple[str, Sequence[int]]]:
    """Return one stack a particle, in a folder for each tomogram."""
    return [(_stack(plan, row), [row]) for row in range(len(plan))]


def write_stars(plan: Plan, folder: Path) -> Path:
    """Write particles, tomograms, and the optimisation set, which is returned."""
    tomograms = (
        Block.of("global", _global(plan)),
        *(Block.of(_tomogram(each.name), _frames(plan, row)) for row, each in enumerate(plan.tomograms)),
    )
    return write_set(plan, folder, _particles(plan), tomograms)


def _tomogram(name: str) -> str:
    return f"{name}.tomostar"


def _stack(plan: Plan, row: int) -> str:
    tomogram = plan.tomograms[plan.tomogram[row]].name
    return f"{tomogram}/{tomogram}_{plan.options.pixel_size:.2f}A_{plan.names[row]}.mrcs"


def _particles(plan: Plan) -> Columns:
    """Return one row a particle; coordinates are in pixels of the images, as WarpTools writes them, origins in Å."""
    tomograms = tomogram_names(plan)
    pixels = (plan.position + plan.origin) / plan.options.pixel_size
    return {
        "rlnTomoName": [_tomogram(name) for name in tomograms],
        "rlnTomoParticleId": [str(row + 1) for row in range(len(plan))],
        **{f"rlnCoordinate{axis}": numbers(pixels[:, row], 6) for row, axis in enumerate("XYZ")},
        **pose_columns(plan),
        "rlnTomoParticleName": [f"{name}/{particle}" for name, particle in zip(tomograms, plan.names, strict=True)],
        "rlnOpticsGroup": [str(row + 1) for row in plan.tomogram],
        "rlnImageName": [_stack(plan, row) for row in range(len(plan))],
        "rlnTomoVisibleFrames": [f"[{','.join(str(int(each)) for each in shown)}]" for shown in plan.shown],
    }


def _global(plan: Plan) -> Columns:
    return {
        "rlnTomoName": [_tomogram(each.name) for each in plan.tomograms],
        "rlnTomoTiltSeriesName": [f"{each.name}.st" for each in plan.tomograms],
        "rlnTomoFrameCount": [str(len(plan.tilts))] * len(plan.tomograms),
        **global_columns(plan, HAND),
    }


def _frames(plan: Plan, tomogram: int) -> Columns:
    """Return the projection, defocus, cos(tilt) and dose of every frame of a tomogram, hidden ones too."""
    rotations = tilt_rotations(plan.tilts)
    vectors = {
        f"rlnTomoProj{axis}": [f"[{','.join(f'{value:.9f}' for value in each)},0]" for each in rotations[:, row]]
        for row, axis in enumerate("XYZ")
    }
    return {**vectors, "rlnTomoProjW": ["[0,0,0,1]"] * len(rotations), **frame_columns(plan, tomogram)}
