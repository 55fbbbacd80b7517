"""The density of atoms in the frame of a map."""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.particles.atoms import Atoms

# Of a Gaussian whose transform falls to 1/e at 1/resolution, in units of the resolution: 1/(π√2), as `molmap` of
# ChimeraX has it (Pettersen et al. 2021, Protein Science).
SIGMA = 1 / (np.pi * np.sqrt(2))


def atom_density(
    atoms: Atoms,
    box: int,
    pixel_size: float,
    resolution: float,
    rows: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.float32]:
    """Return the density (D, D, D), axes z, y, x, of atoms by their electron scattering, blurred to a resolution.

    B factors are not used. What lies outside the box comes in at its other side.

    Parameters
    ----------
    atoms
        Their positions in Å, 0 being the centre of voxel (0, 0, 0).
    box, pixel_size
        D, and Å.
    resolution
        Å, no finer than 2 pixels: each atom is blurred with a Gaussian of σ = resolution / (π√2).
    rows
        (n,) which atoms to sum; all of them where not given.
    """
    return summed_atoms(atoms, box, box * pixel_size, SIGMA * resolution, rows=rows)


def summed_atoms(
    atoms: Atoms,
    box: int,
    side: float,
    sigma: float,
    *,
    shift: npt.ArrayLike = (0.0, 0.0, 0.0),
    rows: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.float32]:
    """Return the scattering density (D, D, D), z, y, x, of atoms on a periodic grid of ``box`` points.

    Parameters
    ----------
    side
        Of the grid, Å.
    sigma
        Standard deviation in Å of a Gaussian that blurs each atom.
    shift
        (3,) x, y, z in Å, added to all positions; a position of 0 is that of point (0, 0, 0).
    rows
        (n,) which atoms to sum; all of them where not given.
    """
    import gemmi

    calculator = gemmi.DensityCalculatorE()
    calculator.grid.set_unit_cell(gemmi.UnitCell(side, side, side, 90, 90, 90))
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.grid.set_size(box, box, box)
    calculator.blur = 8 * np.pi**2 * sigma**2
    chosen = np.arange(len(atoms)) if rows is None else np.flatnonzero(rows)
    positions = atoms.position[chosen] + np.asarray(shift, dtype=np.float64)
    atom = gemmi.Atom()
    for element, occupancy, position in zip(
        atoms.element[chosen].tolist(), atoms.occupancy[chosen].tolist(), positions.tolist(), strict=True
    ):
        atom.element = gemmi.Element(element)
        atom.occ = occupancy
        atom.pos = gemmi.Position(*position)
        calculator.add_atom_density_to_grid(atom)
    # gemmi's grids are x, y, z
    return np.ascontiguousarray(np.asarray(calculator.grid.array, dtype=np.float32).transpose(2, 1, 0))


def outside_box(atoms: Atoms, box: int, pixel_size: float) -> npt.NDArray[np.bool_]:
    """Return (n,) which atoms lie outside a map of ``box`` voxels, whose first voxel's centre is at 0 Å."""
    voxel = atoms.position / pixel_size
    return np.asarray(((voxel < -0.5) | (voxel >= box - 0.5)).any(axis=1))
