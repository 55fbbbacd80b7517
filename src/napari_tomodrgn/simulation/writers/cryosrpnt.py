"""The dialect of the cryoSRPNT simulator: dark particles, shifts in pixels, no micrograph name."""

from pathlib import Path

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.writers import image_series
from napari_tomodrgn.simulation.writers.image_series import stacks

__all__ = ["BY_ANGLE", "FORWARD_MODEL", "NUMBERED_THROUGHOUT", "SHIFT_BY_PARTICLE", "STARS", "stacks", "write_stars"]

FORWARD_MODEL = ForwardModel(ctf_power=1, dose_at="after", voltage_rule="300kv", contrast="dark", defocus_height="plus")
BY_ANGLE = SHIFT_BY_PARTICLE = NUMBERED_THROUGHOUT = False
STARS = (image_series.PARTICLES, image_series.VOLUME_SERIES)


def write_stars(plan: Plan, folder: Path) -> Path:
    """Write the particle star, which is returned, and its volume series."""
    columns = {
        **image_series.image_columns(plan),
        **image_series.microscope_columns(plan),
        **image_series.pose_columns(plan),
        **image_series.exposure_columns(plan),
        "rlnGroupName": image_series.group_names(plan),
    }
    image_series.write_volume_series(plan, folder)
    return image_series.write_star(folder / image_series.PARTICLES, columns, plan)
