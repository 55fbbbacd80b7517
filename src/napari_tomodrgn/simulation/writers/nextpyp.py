"""The dialect of nextPYP's image series: optics groups, shifts in Å, particles by number through the whole set."""

from pathlib import Path

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.writers import image_series
from napari_tomodrgn.simulation.writers.columns import Columns, repeated
from napari_tomodrgn.simulation.writers.image_series import stacks

__all__ = ["BY_ANGLE", "FORWARD_MODEL", "NUMBERED_THROUGHOUT", "SHIFT_BY_PARTICLE", "STARS", "stacks", "write_stars"]

FORWARD_MODEL = ForwardModel(ctf_power=1, dose_at="after", voltage_rule="scaled", defocus_height="plus")
BY_ANGLE = SHIFT_BY_PARTICLE = False
NUMBERED_THROUGHOUT = True
STARS = (image_series.PARTICLES, image_series.VOLUME_SERIES)


def write_stars(plan: Plan, folder: Path) -> Path:
    """Write the particle star, which is returned, and its volume series."""
    optics, particles = Block.of("optics", _optics(plan)), Block.of("particles", _particles(plan))
    image_series.write_volume_series(plan, folder)
    return StarFile.of(optics, particles).write(folder / image_series.PARTICLES, overwrite=plan.options.overwrite)


def _optics(plan: Plan) -> Columns:
    options = plan.options
    return {
        "rlnOpticsGroup": ["1"],
        "rlnOpticsGroupName": ["opticsGroup1"],
        "rlnVoltage": repeated(options.voltage, 1),
        "rlnSphericalAberration": repeated(options.spherical_aberration, 1),
        "rlnAmplitudeContrast": repeated(options.amplitude_contrast, 1),
        "rlnImagePixelSize": repeated(options.pixel_size, 1, 6),
        "rlnImageSize": [str(options.box)],
        "rlnImageDimensionality": ["2"],
    }


def _particles(plan: Plan) -> Columns:
    """Return one row an image; the micrograph is the image's place in the tilt series."""
    rows = [(row, tilt) for row, shown in enumerate(plan.shown) for tilt in shown.nonzero()[0]]
    tomograms = [plan.tomograms[row].name for row in plan.tomogram]
    return {
        **image_series.image_columns(plan),
        "rlnMicrographName": [f"{plan.acquired[tilt] + 1:06d}@{tomograms[row]}.mrc" for row, tilt in rows],
        **image_series.pose_columns(plan, in_angstrom=True),
        "rlnPhaseShift": repeated(plan.options.phase_shift, len(rows)),
        "rlnOpticsGroup": ["1"] * len(rows),
        "rlnGroupNumber": [plan.names[row] for row, _ in rows],
        **image_series.exposure_columns(plan),
    }
