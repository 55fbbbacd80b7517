"""A density from an atomic model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import Map

MARGIN = 1.3  # of the model's largest extent
BLUR = 0.6  # standard deviation, voxels


def density_of_models(paths: Sequence[Path], pixel_size: float) -> Map:
    """Return the density of an atomic model in one or more files: atoms by atomic number, blurred to the pixel size.

    The centre of mass lies on voxel D/2. Hydrogens and waters are left out. Raises one sentence on a file that is no
    model or holds no atoms.
    """
    atoms = np.concatenate([_atoms(Path(path)) for path in paths])
    weight, position = atoms[:, 0], atoms[:, 1:]
    position = position - np.average(position, axis=0, weights=weight)
    extent = 2 * float(np.linalg.norm(position, axis=1).max())
    box = 2 * int(np.ceil(MARGIN * extent / pixel_size / 2) + 2)
    edges = (np.arange(box + 1) - box // 2 - 0.5) * pixel_size
    density, _ = np.histogramdd(position[:, ::-1], bins=[edges] * 3, weights=weight)
    return Map(gaussian_filter(density, BLUR).astype(np.float32), pixel_size)


def _atoms(path: Path) -> npt.NDArray[np.float64]:
    """Return (n, 4): atomic number, then x, y, z in Å."""
    import gemmi

    if not path.is_file():
        raise InputError(f"{path}: no such model; give the path of a PDB or mmCIF file")
    try:
        structure = gemmi.read_structure(str(path))
    except (RuntimeError, ValueError, OSError) as error:
        raise InputError(f"{path}: is not a readable atomic model ({error}); give a PDB or mmCIF file") from error
    structure.remove_hydrogens()
    structure.remove_waters()
    atoms = [each.atom for each in structure[0].all()] if len(structure) else []
    if not atoms:
        raise InputError(f"{path}: holds no atoms; give a PDB or mmCIF file with coordinates")
    return np.array([[atom.element.atomic_number, *atom.pos.tolist()] for atom in atoms], dtype=np.float64)
