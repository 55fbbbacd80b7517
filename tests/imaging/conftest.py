"""Particle sets and maps made up for image formation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleSet, StarSource

OPTICS = {
    "defocus_u": 22000.0,
    "defocus_v": 19000.0,
    "defocus_angle": 35.0,
    "voltage": 300.0,
    "spherical_aberration": 2.7,
    "amplitude_contrast": 0.1,
    "phase_shift": 0.0,
    "b_factor": 0.0,
    "scale": 1.0,
}


@pytest.fixture(scope="session")
def one_particle() -> Callable[..., ParticleSet]:
    """Return a maker of sets of one particle, from the doses of its tilt images and any other column."""

    def make(
        dose: npt.ArrayLike,
        *,
        box: int = 32,
        pixel_size: float = 4.0,
        model: ForwardModel | None = None,
        **columns: Any,
    ) -> ParticleSet:
        doses = np.asarray(dose, dtype=float)
        table = pd.DataFrame({"particle": 0, "stack": 0, "index": np.arange(len(doses)), "dose": doses})
        defaults = {"shift_x": 0.0, "shift_y": 0.0, "tilt_angle": np.nan, "stage_tilt": np.nan, "tilt_cosine": 1.0}
        for name, value in (defaults | OPTICS | columns).items():
            table[name] = value
        particle = {"tomogram": ["t"], "name": ["1"], "source_particle": [0]}
        unknown = {name: [np.nan] for name in ("z", "y", "x", "rot", "tilt", "psi")}
        return ParticleSet(
            particles=pd.DataFrame(particle | unknown),
            tilt_images=table,
            rotations=Rotation.random(len(doses), random_state=1).as_matrix().astype(np.float32),
            stacks=("",),
            stack_names=("",),
            box=box,
            pixel_size=pixel_size,
            forward_model=model or ForwardModel(),
            dialect="warp",
            tomograms=pd.DataFrame({"name": ["t"]}),
            source=StarSource("warp", Path("made-up.star"), None, "", np.zeros(1, dtype=np.int64)),  # type: ignore[arg-type]
        )

    return make
