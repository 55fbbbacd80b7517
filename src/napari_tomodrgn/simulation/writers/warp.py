"""The dialect of Warp and M image series: as cryosrpnt, with a magnification and the micrograph of every tilt."""

from pathlib import Path

import numpy as np

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.tilt_scheme import tilt_rotations
from napari_tomodrgn.simulation.writers import image_series
from napari_tomodrgn.simulation.writers.columns import Columns, numbers, repeated
from napari_tomodrgn.simulation.writers.image_series import stacks

__all__ = ["BY_ANGLE", "FORWARD_MODEL", "NUMBERED_THROUGHOUT", "SHIFT_BY_PARTICLE", "STARS", "stacks", "write_stars"]

FORWARD_MODEL = ForwardModel(ctf_power=1, dose_at="after", voltage_rule="scaled", defocus_height="plus")
BY_ANGLE = SHIFT_BY_PARTICLE = NUMBERED_THROUGHOUT = False
STARS = (image_series.PARTICLES, image_series.VOLUME_SERIES)


def write_stars(plan: Plan, folder: Path) -> Path:
    """Write the particle star, which is returned, and its volume series."""
    columns = {
        **image_series.image_columns(plan),
        **image_series.microscope_columns(plan),
        "rlnMagnification": repeated(10000.0, int(plan.shown.sum())),
        **_micrograph_columns(plan),
        **image_series.pose_columns(plan),
        **image_series.exposure_columns(plan),
        "rlnGroupName": image_series.group_names(plan),
    }
    image_series.write_volume_series(plan, folder)
    return image_series.write_star(folder / image_series.PARTICLES, columns, plan)


def _micrograph_columns(plan: Plan) -> Columns:
    """Return the tilt image that a particle's image was cut from, and where in it, in pixels."""
    size = np.array([each.size for each in plan.tomograms])[plan.tomogram]
    offset = np.einsum("tij,nj->nti", tilt_rotations(plan.tilts)[:, :2], plan.position - size / 2)
    pixels = (offset + size[:, None, :2] / 2) / plan.options.pixel_size
    return {
        "rlnMicrographName": [
            f"{plan.tomograms[row].name}_{acquired:03d}.mrc"
            for row, shown in zip(plan.tomogram, plan.shown, strict=True)
            for acquired in plan.acquired[shown]
        ],
        "rlnCoordinateX": numbers(plan.each_image(pixels[..., 0]), 3),
        "rlnCoordinateY": numbers(plan.each_image(pixels[..., 1]), 3),
    }
