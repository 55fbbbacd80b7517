"""Atomic models of one or more files as arrays of atoms, and the parts that can be left out."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError

Part = tuple[str, str]  # a file's stem, and a chain
MODEL_FILES = (".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".ent.gz", ".cif.gz", ".mmcif.gz")
_SHOWN_PARTS = 12


@dataclass(frozen=True)
class Atoms:
    """The atoms of a complex, in the order of the files.

    Attributes
    ----------
    position
        (n, 3) x, y, z in Å.
    element
        (n,) chemical symbols.
    occupancy, mass
        (n,) occupancies, and atomic masses in Da times the occupancy.
    part
        (n,) row in ``parts``.
    parts
        Stem of the file and chain, each once.
    residue, place
        (n,) each atom's residue as the file numbers it, and counted within its chain from 0.
    name
        (n,) name of the residue, of the atom, and alternate location.
    """

    position: npt.NDArray[np.float64]
    element: npt.NDArray[np.str_]
    occupancy: npt.NDArray[np.float64]
    mass: npt.NDArray[np.float64]
    part: npt.NDArray[np.int64]
    parts: tuple[Part, ...]
    residue: npt.NDArray[np.str_]
    place: npt.NDArray[np.int64]
    name: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.element)

    @property
    def centre_of_mass(self) -> npt.NDArray[np.float64]:
        """(3,) x, y, z in Å."""
        return np.asarray(np.average(self.position, axis=0, weights=self.mass), dtype=np.float64)

    def take(self, rows: npt.NDArray[np.bool_]) -> "Atoms":
        """Return some of the atoms (n,); the list of parts stays as it is."""
        arrays = {each.name: getattr(self, each.name)[rows] for each in fields(self) if each.name != "parts"}
        return replace(self, **arrays)


def read_atoms(paths: Sequence[Path]) -> Atoms:
    """Read all atoms of PDB or mmCIF files, the first model of each, as one complex.

    Raises
    ------
    InputError
        On a file that is no model or holds no atoms, an atom of unknown element, and two files of one name.
    """
    stems = [path.name.partition(".")[0] for path in paths]
    repeated = next((stem for number, stem in enumerate(stems) if stem in stems[:number]), None)
    if repeated is not None:
        raise InputError(f"--model: two files are named {repeated}; rename one, so that its chains can be told apart")
    rows = [(stem, *row) for stem, path in zip(stems, paths, strict=True) for row in _rows(Path(path))]
    of_part: dict[Part, int] = {}
    part = [of_part.setdefault((row[0], row[1]), len(of_part)) for row in rows]
    _, _, place, residue, name, element, occupancy, mass, position = zip(*rows, strict=True)
    return Atoms(
        position=np.array(position, dtype=np.float64),
        element=np.array(element),
        occupancy=np.array(occupancy, dtype=np.float64),
        mass=np.array(mass, dtype=np.float64) * np.array(occupancy, dtype=np.float64),
        part=np.array(part, dtype=np.int64),
        parts=tuple(of_part),
        residue=np.array(residue),
        place=np.array(place, dtype=np.int64),
        name=np.array(name),
    )


def is_model_file(path: Path | str) -> bool:
    """Return whether a file is a PDB or mmCIF file by its name."""
    return Path(path).name.lower().endswith(MODEL_FILES)


def model_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files of a model, where a folder stands for all PDB and mmCIF files in it, by name.

    Raises
    ------
    InputError
        Where a folder has none.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        within = sorted(each for each in path.iterdir() if each.is_file() and is_model_file(each))
        if not within:
            raise InputError(f"{path}: holds no atomic model; give a PDB or mmCIF file, or a folder of them")
        found += within
    return found


def without_waters(atoms: Atoms) -> Atoms:
    """Return the atoms that are no water's, which no map at these resolutions shows."""
    import gemmi

    residues, of_atom = np.unique([name.partition(" ")[0] for name in atoms.name.tolist()], return_inverse=True)
    water = np.array([gemmi.find_tabulated_residue(str(name)).is_water() for name in residues], dtype=bool)
    return atoms.take(~water[of_atom])


def _rows(path: Path) -> list[tuple[str, int, str, str, str, float, float, list[float]]]:
    """Return chain, place and number of the residue, names, element, occupancy, mass and position of every atom."""
    import gemmi

    if not path.is_file():
        raise InputError(f"{path}: no such model; give the path of a PDB or mmCIF file")
    if not path.stat().st_size:
        raise InputError(f"{path}: is empty; give a PDB or mmCIF file with coordinates")
    try:
        structure = gemmi.read_structure(str(path))
    except (RuntimeError, ValueError, OSError, IndexError) as error:
        raise InputError(f"{path}: is not a readable atomic model ({error}); give a PDB or mmCIF file") from error
    rows = [
        (
            chain.name,
            place,
            str(residue.seqid),
            f"{residue.name} {atom.name} {atom.altloc}",
            atom.element.name,
            atom.occ,
            atom.element.weight,
            atom.pos.tolist(),
        )
        for chain in (structure[0] if len(structure) else [])
        for place, residue in enumerate(chain)
        for atom in residue
    ]
    if not rows:
        raise InputError(f"{path}: holds no atoms; give a PDB or mmCIF file with coordinates")
    if not np.isfinite([row[7] for row in rows]).all():
        raise InputError(f"{path}: has atoms whose coordinates are no finite numbers; mend the file")
    if not any(row[5] for row in rows):
        raise InputError(f"{path}: all its atoms have an occupancy of 0; give a model with atoms that are there")
    unknown = next((row for row in rows if row[4] == "X"), None)
    if unknown is not None:
        raise InputError(f"{path}: atom {unknown[3].strip()} of chain {unknown[0]} has no known element; name it there")
    return rows


def left_after(atoms: Atoms, leave_out: str) -> npt.NDArray[np.bool_]:
    """Return (n,) which atoms stay when the parts of a comma-separated list are left out.

    Raises one sentence on a part that isn't there or isn't unique, and where nothing would be left.
    """
    stays = ~np.isin(atoms.part, parts_named(atoms, leave_out, "--leave-out"))
    if not stays.any():
        raise InputError(f"--leave-out {leave_out}: leaves no atoms; leave out fewer parts")
    return stays


def parts_named(atoms: Atoms, names: str, option: str) -> list[int]:
    """Return the rows of ``atoms.parts`` that a comma-separated list means, each once, in its order.

    A part is ``STEM:CHAIN``, ``STEM`` (all of a file), or ``CHAIN`` where one file only has it. Raises one sentence,
    which names the ``option`` that the list was given with, on a part that isn't there or isn't unique.
    """
    found = (row for wanted in names.split(",") if wanted.strip() for row in _find(atoms, wanted.strip(), option))
    return list(dict.fromkeys(found))


def _find(atoms: Atoms, wanted: str, option: str) -> list[int]:
    """Return the rows of the parts that one name means."""
    stem, _, chain = wanted.partition(":")
    if chain:
        found = [row for row, part in enumerate(atoms.parts) if part == (stem, chain)]
    else:
        found = [row for row, part in enumerate(atoms.parts) if part[0] == wanted]
        if not found:
            found = [row for row, part in enumerate(atoms.parts) if part[1] == wanted]
            if len(found) > 1:
                files = ", ".join(atoms.parts[row][0] for row in found)
                raise InputError(f"{option} {wanted}: chain {wanted} is in {files}; write FILE:{wanted}")
    if not found:
        raise InputError(f"{option} {wanted}: there is no such part; there are {_listed(atoms, stem)}")
    return found


def _listed(atoms: Atoms, stem: str) -> str:
    """Return the parts' names: of the file asked for where it is there, else of all files, those of one together."""
    stems = list(dict.fromkeys(part[0] for part in atoms.parts))
    chosen = [stem] if stem in stems else stems
    return "; ".join(f"{each}:{_chains(atoms, each)}" for each in chosen)


def _chains(atoms: Atoms, stem: str) -> str:
    chains = [chain for of_file, chain in atoms.parts if of_file == stem]
    shown = chains if len(chains) <= 2 * _SHOWN_PARTS + 2 else [*chains[:_SHOWN_PARTS], "…"]
    return ",".join(shown)
