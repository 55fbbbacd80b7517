"""Star files of particles at given places, without images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

COLUMNS = (
    *("rlnImageName", "rlnMagnification", "rlnDetectorPixelSize", "rlnGroupName"),
    *("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"),
    *("rlnPhaseShift", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnCtfBfactor", "rlnCtfScalefactor"),
    *("rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY"),
)
PIXEL = 10.0  # Å


def write_placed(
    folder: Path,
    tomogram: Sequence[str],
    position_angstrom: np.ndarray,  # (N, 3) x, y, z
    angles: np.ndarray | None = None,  # (N, 3) rot, tilt, psi in degrees
    labels: Sequence[int] | None = None,
    *,
    classes: Sequence[int] | None = None,
    box: int = 20,
    volume_series: bool = True,
) -> Path:
    """Write an image series of two tilts a particle, its volume series, and labels.csv; return the star.

    ``classes`` become rlnClassNumber. Particles are named by their number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    given = np.zeros((len(tomogram), 3)) if angles is None else angles
    names = [f"{name}_{number:06d}" for number, name in enumerate(tomogram)]
    rows = []
    for number, name in enumerate(names):
        for tilt, degrees in enumerate((0.0, 3.0)):
            turned = " ".join(f"{value:.4f}" for value in given[number])
            own = (
                f"{2 * number + tilt + 1:06d}@no.mrcs 10000.0 {PIXEL} {name} {turned} 300.0 2.7 0.1 0.0 30000.0 30000.0"
            )
            more = "" if classes is None else f" {classes[number]}"
            rows.append(
                f"{own} 0.0 {-12.0 * (tilt + 1)} {np.cos(np.deg2rad(degrees)):.6f} t_{tilt}.mrc 10.0 10.0{more}"
            )
    heads = COLUMNS if classes is None else (*COLUMNS, "rlnClassNumber")
    star = folder / "placed.star"
    star.write_text(_loop(heads, rows))
    if volume_series:
        axes = [f"rlnCoordinate{axis}" for axis in "XYZ"] + [f"rlnAngle{axis}" for axis in ("Rot", "Tilt", "Psi")]
        places = np.concatenate([np.asarray(position_angstrom) / PIXEL, given], axis=1)
        written = [
            f"{own}.mrc {name} {PIXEL} 10000.0 " + " ".join(f"{value:.6f}" for value in row)
            for own, name, row in zip(tomogram, names, places.tolist(), strict=True)
        ]
        series = ("rlnMicrographName", "rlnGroupName", "rlnDetectorPixelSize", "rlnMagnification", *axes)
        (folder / "placed_volume_series.star").write_text(_loop(series, written))
    if labels is not None:
        lines = [
            f"{own},{number:06d},{label}" for number, (own, label) in enumerate(zip(tomogram, labels, strict=True))
        ]
        (folder / "labels.csv").write_text("\n".join(["tomogram,particle,label", *lines]) + "\n")
    return star


def _loop(columns: Sequence[str], rows: Sequence[str]) -> str:
    return "\ndata_\n\nloop_\n" + "".join(f"_{column}\n" for column in columns) + "\n".join(rows) + "\n"
