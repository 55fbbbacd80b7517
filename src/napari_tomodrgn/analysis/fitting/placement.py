"""How an atomic model lies in maps, as a file."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.atoms import Atoms

FORMAT = 1
Floats = npt.NDArray[np.float64]
Hand = Literal["keep", "flip"]


@dataclass(frozen=True)
class Placement:
    """A turn and a shift that put a model into maps: seen from voxel D/2, an atom lies at ``rotation`` x + ``shift``.

    Attributes
    ----------
    rotation
        (3, 3) on vectors x, y, z.
    shift
        (3,) x, y, z in Å.
    hand
        ``flip`` where it fits the maps only once they are mirrored along z about voxel D/2.
    """

    rotation: Floats
    shift: Floats
    hand: Hand = "keep"

    def in_box(self, atoms: Atoms, box: int, pixel_size: float) -> Atoms:
        """Return atoms in the frame of a map: 0 Å is the centre of voxel (0, 0, 0)."""
        pivot = box // 2 * pixel_size
        return replace(atoms, position=atoms.position @ self.rotation.T + self.shift + pivot)

    def as_dict(self) -> dict[str, Any]:
        """Return the placement as values that JSON holds."""
        return {"rotation": self.rotation.tolist(), "shift_from_voxel_half_box": self.shift.tolist(), "hand": self.hand}


def read_placement(path: Path) -> Placement:
    """Read the placement that `fit` wrote; raises one sentence on anything else."""
    advice = "give the fit.json of `napari-tomodrgn fit`"
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such fit; {advice}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: could not be read ({error}); {advice}") from error
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise InputError(f"{path}: is not a fit (no 'format'); {advice}")
    if document["format"] > FORMAT:
        raise InputError(
            f"{path}: has format {document['format']}, this version reads up to {FORMAT}; update napari-tomodrgn"
        )
    try:
        rotation = np.array(document["rotation"], dtype=np.float64)
        shift = np.array(document["shift_from_voxel_half_box"], dtype=np.float64)
        hand = document["hand"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not a fit (rotation, shift and hand are not all there); {advice}") from error
    if rotation.shape != (3, 3) or shift.shape != (3,) or hand not in ("keep", "flip") or not np.isfinite(shift).all():
        raise InputError(f"{path}: has a rotation, shift or hand that is none; {advice}")
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) or np.linalg.det(rotation) < 0:
        raise InputError(f"{path}: its rotation is none (not orthogonal, or a mirror); {advice}")
    return Placement(rotation, shift, hand)
