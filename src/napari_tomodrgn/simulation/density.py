"""Electron-scattering density of atoms in a box."""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.atom_density import summed_atoms
from napari_tomodrgn.particles.atoms import Atoms
from napari_tomodrgn.simulation.shapes import band_limit

FINE_SPACING = 2.0  # Å, at most: the grid on which atoms are summed
BLUR = 1.0  # standard deviation of the blur on that grid, in its points; taken back afterwards


def atoms_density(
    atoms: Atoms,
    box: int,
    pixel_size: float,
    centre: npt.NDArray[np.float64],
    rows: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.float32]:
    """Return the density (D, D, D), axes z, y, x, of atoms at rest, band-limited below 0.48 cycles/px.

    Atoms are summed, blurred, on a grid of 2 Å or finer, which holds all of their spectrum that is kept; the transform
    is then cut to the box and the blur divided out. So nothing aliases at any pixel size. B factors are not used.

    Parameters
    ----------
    box, pixel_size
        D, even, and Å.
    centre
        (3,) x, y, z in Å: what comes to lie on voxel D/2.
    rows
        (n,) which atoms to sum; all of them where not given.
    """
    side = box * pixel_size
    fine_box = box * max(2, int(np.ceil(pixel_size / FINE_SPACING)))
    spacing = side / fine_box
    fine = summed_atoms(atoms, fine_box, side, BLUR * spacing, shift=side / 2 - centre, rows=rows)
    return _cut(fine, box, BLUR * spacing / pixel_size)


def check_size(atoms: Atoms, box: int, pixel_size: float, centre: npt.NDArray[np.float64]) -> float:
    """Return the diameter in Å of the atoms about ``centre``; raises where the box is too small to turn them in."""
    needed = 2 * float(np.linalg.norm(atoms.position - centre, axis=1).max())
    if needed > box * pixel_size:
        raise InputError(
            f"--model: needs a box of {np.ceil(needed):.0f} Å to turn in, {box} pixels of {pixel_size:g} Å are "
            f"{box * pixel_size:g} Å; give a --box of {2 * int(np.ceil(needed / pixel_size / 2))} or a larger "
            "--pixel-size"
        )
    return needed


def _cut(fine: npt.NDArray[np.float32], box: int, blur: float) -> npt.NDArray[np.float32]:
    """Return the map of ``box`` voxels with the spectrum of the fine one, its blur (voxels of the result) undone."""
    half = box // 2
    keep = np.r_[0:half, -half:0]
    transform = np.fft.rfftn(fine)[np.ix_(keep, keep, np.arange(half + 1))]
    steps, last = np.fft.fftfreq(box), np.fft.rfftfreq(box)
    squared = steps[:, None, None] ** 2 + steps[None, :, None] ** 2 + last[None, None, :] ** 2
    inside = squared < 0.25  # the corners are not kept, and would grow without bound
    sharp = np.where(inside, transform * np.exp(2 * np.pi**2 * blur**2 * np.where(inside, squared, 0)), 0)
    values = np.fft.irfftn(sharp, s=(box,) * 3, axes=(0, 1, 2)) * (box / fine.shape[0]) ** 3
    return band_limit(values).astype(np.float32)
