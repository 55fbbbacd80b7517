"""Values that can't be worked with, refused with the row and the value."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.mrc_header import read_header

RANGES = {  # column: (lowest, whether the lowest itself is allowed, highest, what is expected)
    "rlnVoltage": (0.0, False, 3000.0, "kilovolts above 0, such as 300"),
    "rlnSphericalAberration": (0.0, True, np.inf, "millimetres, 0 or more"),
    "rlnAmplitudeContrast": (0.0, True, 1.0, "a fraction from 0 to 1, such as 0.1"),
    "rlnCtfBfactor": (
        -np.inf,
        True,
        4.0,
        "-4 times the dose in e/Å², so 0 or less",
    ),
    "rlnDetectorPixelSize": (0.0, False, np.inf, "a size above 0"),
    "rlnMagnification": (0.0, False, np.inf, "a magnification above 0"),
    "rlnImagePixelSize": (0.0, False, np.inf, "Å per pixel above 0"),
    "rlnTomoTiltSeriesPixelSize": (0.0, False, np.inf, "Å per pixel above 0"),
    "rlnTomoSubtomogramBinning": (0.0, False, np.inf, "a binning above 0"),
}


def check_values(values: npt.NDArray[np.float64], column: str, where: str) -> None:
    """Raise on the first value of a column that is no finite number or outside what the column allows."""
    wrong = ~np.isfinite(values)
    expected = "a finite number"
    if column in RANGES:
        lowest, included, highest, expected = RANGES[column]
        wrong |= (values < lowest if included else values <= lowest) | (values > highest)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{where}: row {row + 1} has {column} {values[row]:g}; expected {expected}")


def one_value(
    values: npt.NDArray[np.float64], labels: npt.NDArray[np.object_], what: str, where: str, tolerance: float = 1e-5
) -> float:
    """Return the one value of all rows; raises naming two groups that differ. ``labels`` (rows,) name the groups."""
    different = np.abs(values - values[0]) > tolerance * abs(values[0])
    if different.any():
        row = int(np.flatnonzero(different)[0])
        raise InputError(
            f"{where}: mixes {what}s: {values[0]:g} in {labels[0]} and {values[row]:g} in {labels[row]}; "
            "split the set, or bring the images to one with `napari-tomodrgn downsample` or `crop`"
        )
    return float(values[0])


def chosen(from_file: float | None, given: float | None, option: str, path: Path) -> float | None:
    """Return what the file says, else what the option says; raises where they differ."""
    if from_file is not None and given is not None and abs(from_file - given) > 1e-3 * from_file:
        raise InputError(f"{path}: says {from_file:g}, but --{option} is {given:g}; leave the option out")
    return from_file if from_file is not None else given


def box_of(from_file: float | None, given: int | None, stacks: tuple[str, ...], path: Path) -> int:
    """Return the box size from the star, else the first stack found, else the option; 0 where none says."""
    box = chosen(from_file, given, "box", path)
    if box is None:
        found = next((stack for stack in stacks if stack), None)
        if found is None:
            return 0
        _, height, width = read_header(found).shape
        if height != width:
            raise InputError(f"{found}: its images are {width} x {height} px; square images of even size are needed")
        box = width
    if box <= 0 or int(box) != box or int(box) % 2:
        raise InputError(f"{path}: has images of {box:g} px; square images of even size are needed: crop them first")
    return int(box)
