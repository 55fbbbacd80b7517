"""What the warptools and relion5 dialects share: particles, optics and tomograms of a set of 2D stacks."""

from pathlib import Path

import numpy as np

from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.writers.columns import Columns, numbers, repeated

SET, PARTICLES, TOMOGRAMS = "optimisation_set.star", "particles.star", "tomograms.star"
BINNING = 4  # of the images against the tilt series


def write_set(plan: Plan, folder: Path, particles: Columns, tomograms: tuple[Block, ...]) -> Path:
    """Write particles, tomograms, and the optimisation set, which is returned."""
    files = {
        PARTICLES: (
            Block.of("general", {"rlnTomoSubTomosAre2DStacks": ["1"]}, loop=False),
            Block.of("optics", _optics(plan)),
            Block.of("particles", particles),
        ),
        TOMOGRAMS: tomograms,
        SET: (Block.of("", {"rlnTomoParticlesFile": [PARTICLES], "rlnTomoTomogramsFile": [TOMOGRAMS]}, loop=False),),
    }
    for name, blocks in files.items():
        StarFile.of(*blocks).write(folder / name, overwrite=plan.options.overwrite)
    return folder / SET


def tomogram_names(plan: Plan) -> list[str]:
    """Return the tomogram of each particle."""
    return [plan.tomograms[row].name for row in plan.tomogram]


def pose_columns(plan: Plan) -> Columns:
    """Return each particle's orientation and origin in Å: its position is the coordinate less the origin."""
    return {
        **{f"rlnAngle{name}": numbers(plan.angles[:, row], 6) for row, name in enumerate(("Rot", "Tilt", "Psi"))},
        **{f"rlnOrigin{axis}Angst": numbers(plan.origin[:, row], 6) for row, axis in enumerate("XYZ")},
    }


def global_columns(plan: Plan, hand: int) -> Columns:
    """Return one row a tomogram, apart from names and numbers of frames."""
    options, count = plan.options, len(plan.tomograms)
    pixel = options.pixel_size / BINNING
    return {
        **{
            f"rlnTomoSize{axis}": [str(round(each.size[row] / pixel)) for each in plan.tomograms]
            for row, axis in enumerate("XYZ")
        },
        "rlnTomoHand": repeated(hand, count, 1),
        "rlnOpticsGroupName": [f"opticsGroup{row + 1}" for row in range(count)],
        "rlnTomoTiltSeriesPixelSize": repeated(pixel, count, 6),
        "rlnVoltage": repeated(options.voltage, count),
        "rlnSphericalAberration": repeated(options.spherical_aberration, count),
        "rlnAmplitudeContrast": repeated(options.amplitude_contrast, count),
        "rlnTomoImportFractionalDose": numbers(plan.nuisance.dose_per_tilt, 3),
    }


def frame_columns(plan: Plan, tomogram: int) -> Columns:
    """Return defocus, phase shift, cos(tilt) and dose of every frame of a tomogram, hidden ones too."""
    defocus, count = numbers(np.asarray(plan.tilt_defocus[tomogram]), 2), len(plan.tilts)
    return {
        "rlnDefocusU": defocus,
        "rlnDefocusV": defocus,
        "rlnDefocusAngle": repeated(0, count),
        **({"rlnPhaseShift": repeated(plan.options.phase_shift, count)} if plan.options.phase_shift else {}),
        "rlnCtfScalefactor": numbers(plan.tilt_cosine, 6),
        "rlnMicrographPreExposure": numbers(plan.dose[tomogram], 3),
    }


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
