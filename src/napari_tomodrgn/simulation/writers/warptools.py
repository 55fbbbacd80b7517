"""The dialect of WarpTools exports: an optimisation set, one stack a particle, CTF, dose weights and cos(tilt) in."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.tilt_scheme import tilt_rotations
from napari_tomodrgn.simulation.writers.columns import Columns, numbers, repeated

FORWARD_MODEL = ForwardModel(
    ctf_power=2, attenuation="dose-tilt", dose_at="before", voltage_rule="300kv", defocus_height="plus"
)
BY_ANGLE = SHIFT_BY_PARTICLE = True
SET, PARTICLES, TOMOGRAMS = "optimisation_set.star", "particles.star", "tomograms.star"
STARS = (SET, PARTICLES, TOMOGRAMS)
BINNING = 4  # of the images against the tilt series


def stacks(plan: Plan) -> list[tuple[str, Sequence[int]]]:
    """Return one stack a particle, in a folder for each tomogram."""
    return [(_stack(plan, row), [row]) for row in range(len(plan))]


def write_stars(plan: Plan, folder: Path) -> Path:
    """Write particles, tomograms, and the optimisation set, which is returned."""
    files = {
        PARTICLES: (
            Block.of("general", {"rlnTomoSubTomosAre2DStacks": ["1"]}, loop=False),
            Block.of("optics", _optics(plan)),
            Block.of("particles", _particles(plan)),
        ),
        TOMOGRAMS: (
            Block.of("global", _global(plan)),
            *(Block.of(_tomogram(each.name), _tilts(plan, row)) for row, each in enumerate(plan.tomograms)),
        ),
        SET: (Block.of("", {"rlnTomoParticlesFile": [PARTICLES], "rlnTomoTomogramsFile": [TOMOGRAMS]}, loop=False),),
    }
    for name, blocks in files.items():
        StarFile.of(*blocks).write(folder / name, overwrite=plan.options.overwrite)
    return folder / SET


def _tomogram(name: str) -> str:
    return f"{name}.tomostar"


def _stack(plan: Plan, row: int) -> str:
    tomogram = plan.tomograms[plan.tomogram[row]].name
    return f"{tomogram}/{tomogram}_{plan.options.pixel_size:.2f}A_{plan.names[row]}.mrcs"


def _optics(plan: Plan) -> Columns:
    options, count = plan.options, len(plan.tomograms)
    return {
        "rlnOpticsGroup": [str(row + 1) for row in range(count)],
        "rlnOpticsGroupName": [f"opticsGroup{row + 1}" for row in range(count)],
        "rlnSphericalAberration": repeated(options.spherical_aberration, count),
        "rlnVoltage": repeated(options.voltage, count),
        "rlnTomoTiltSeriesPixelSize": repeated(options.pixel_size / BINNING, count, 6),
        "rlnCtfDataAreCtfPremultiplied": [str(int(plan.forward_model.ctf_power == 2))] * count,
        "rlnImageDimensionality": ["2"] * count,
        "rlnTomoSubtomogramBinning": repeated(BINNING, count, 5),
        "rlnImagePixelSize": repeated(options.pixel_size, count, 6),
        "rlnImageSize": [str(options.box)] * count,
        "rlnAmplitudeContrast": repeated(options.amplitude_contrast, count),
    }


def _particles(plan: Plan) -> Columns:
    """Return one row a particle; coordinates are in pixels of the images, as WarpTools writes them, origins in Å."""
    tomograms = [plan.tomograms[row].name for row in plan.tomogram]
    pixels = (plan.position + plan.origin) / plan.options.pixel_size
    visible = "[" + ",".join("1" for _ in plan.tilts) + "]"
    return {
        "rlnTomoName": [_tomogram(name) for name in tomograms],
        "rlnTomoParticleId": [str(row + 1) for row in range(len(plan))],
        **{f"rlnCoordinate{axis}": numbers(pixels[:, row], 6) for row, axis in enumerate("XYZ")},
        **{f"rlnAngle{name}": numbers(plan.angles[:, row], 6) for row, name in enumerate(("Rot", "Tilt", "Psi"))},
        "rlnTomoParticleName": [f"{name}/{particle}" for name, particle in zip(tomograms, plan.names, strict=True)],
        "rlnOpticsGroup": [str(row + 1) for row in plan.tomogram],
        "rlnImageName": [_stack(plan, row) for row in range(len(plan))],
        **{f"rlnOrigin{axis}Angst": numbers(plan.origin[:, row], 6) for row, axis in enumerate("XYZ")},
        "rlnTomoVisibleFrames": [visible] * len(plan),
    }


def _global(plan: Plan) -> Columns:
    options, count = plan.options, len(plan.tomograms)
    pixel = options.pixel_size / BINNING
    return {
        "rlnTomoName": [_tomogram(each.name) for each in plan.tomograms],
        "rlnTomoTiltSeriesName": [f"{each.name}.st" for each in plan.tomograms],
        "rlnTomoFrameCount": [str(len(plan.tilts))] * count,
        **{
            f"rlnTomoSize{axis}": [str(round(each.size[row] / pixel)) for each in plan.tomograms]
            for row, axis in enumerate("XYZ")
        },
        "rlnTomoHand": repeated(-1, count, 1),
        "rlnOpticsGroupName": [f"opticsGroup{row + 1}" for row in range(count)],
        "rlnTomoTiltSeriesPixelSize": repeated(pixel, count, 6),
        "rlnVoltage": repeated(options.voltage, count),
        "rlnSphericalAberration": repeated(options.spherical_aberration, count),
        "rlnAmplitudeContrast": repeated(options.amplitude_contrast, count),
        "rlnTomoImportFractionalDose": repeated(options.dose_per_tilt, count),
    }


def _tilts(plan: Plan, tomogram: int) -> Columns:
    """Return the projection, defocus, cos(tilt) and dose of every tilt of a tomogram."""
    rotations = tilt_rotations(plan.tilts)
    vectors = {
        f"rlnTomoProj{axis}": [f"[{','.join(f'{value:.9f}' for value in each)},0]" for each in rotations[:, row]]
        for row, axis in enumerate("XYZ")
    }
    defocus = numbers(np.asarray(plan.tilt_defocus[tomogram]), 2)
    return {
        **vectors,
        "rlnTomoProjW": ["[0,0,0,1]"] * len(rotations),
        "rlnDefocusU": defocus,
        "rlnDefocusV": defocus,
        "rlnDefocusAngle": repeated(0, len(rotations)),
        "rlnCtfScalefactor": numbers(plan.tilt_cosine, 6),
        "rlnMicrographPreExposure": numbers(plan.dose, 3),
    }
