"""A data set small enough to train on in a second: noise, with every column that a star needs."""

from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
import pytest

COLUMNS = (
    "rlnImageName",
    "rlnDetectorPixelSize",
    "rlnDefocusU",
    "rlnDefocusV",
    "rlnDefocusAngle",
    "rlnVoltage",
    "rlnSphericalAberration",
    "rlnAmplitudeContrast",
    "rlnPhaseShift",
    "rlnAngleRot",
    "rlnAngleTilt",
    "rlnAnglePsi",
    "rlnOriginX",
    "rlnOriginY",
    "rlnCtfBfactor",
    "rlnCtfScalefactor",
    "rlnGroupName",
)

TinySet = Callable[..., Path]


def write_tiny_set(
    folder: Path, tilts: tuple[int, ...] = (4, 4, 4, 4, 4, 4), box: int = 16, seed: int = 0, dose: float = 3.0
) -> Path:
    """Write a cryosrpnt star and its stack; ``tilts`` has the number of tilt images of each particle."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    blob = np.exp(-((np.indices((box, box)) - box // 2) ** 2).sum(0) / (box / 8) ** 2)
    images = -blob + generator.standard_normal((sum(tilts), box, box)) * 0.5
    with mrcfile.new(folder / "images.mrcs") as stack:
        stack.set_data(images.astype(np.float32))
    lines = ["data_", "", "loop_", *(f"_{column} #{number}" for number, column in enumerate(COLUMNS, 1))]
    number = 0
    for particle, count in enumerate(tilts):
        rot, psi = generator.uniform(-180, 180, 2)
        for tilt in range(count):
            number += 1
            angle = np.degrees(np.arccos(generator.uniform(-1, 1)))
            values = [f"{number}@images.mrcs", 8.0, 20000, 19000, 30, 300, 2.7, 0.1, 0]
            values += [round(rot, 3), round(angle, 3), round(psi, 3), 0.5, -0.3]
            values += [-4 * dose * (tilt + 1), 0.98, f"tomo_{particle:03d}"]
            lines.append(" ".join(map(str, values)))
    path = folder / "particles.star"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def tiny_set(tmp_path: Path) -> TinySet:
    """Return a function that writes a tiny set below the test's folder; arguments as in ``write_tiny_set``."""

    def write(name: str = "data", **settings: object) -> Path:
        return write_tiny_set(tmp_path / name, **settings)  # type: ignore[arg-type]

    return write
