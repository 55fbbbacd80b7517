"""Whether the poses fit the images: better than another particle's, transposed ones, or the other hand of tilt."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.inspection.check import Check, compare
from napari_tomodrgn.analysis.inspection.evidence import Evidence, slices
from napari_tomodrgn.analysis.inspection.examination import Examination
from napari_tomodrgn.analysis.inspection.prediction import hypothesis, predict
from napari_tomodrgn.reconstruction.fsc import IN_SPHERE, resolution_at, resolution_text

HIGHEST_K = 0.35  # cycles/px: poses show at low resolution already
HALF_MAPS_AT = 0.143  # FSC
MIRROR = np.diag([1.0, 1.0, -1.0])
FloatArray = npt.NDArray[np.float64]


def check_poses(examination: Examination) -> Check:
    """Compare the poses with those of another particle, and with the transposed matrices."""
    if not examination.can_compare:
        return Check("poses", "unknown", None, "as given", None, "cannot tell from a single particle")
    evidence = examination.evidence.up_to(HIGHEST_K)
    rotation = examination.evidence.tilts.rotation.numpy().astype(np.float64)
    scores = {
        "as given": _score(evidence, rotation),
        "of another particle": _score(evidence, _of_another(evidence, rotation)),
        "transposed": _score(evidence, np.swapaxes(rotation, 1, 2)),
    }
    check = compare("poses", scores, "as given", wrong="check angles and their order in the star file")
    return replace(check, message=f"{check.message}; {_reached(examination)}")


def _reached(examination: Examination) -> str:
    """Say how far the half-maps agree, as ``reconstruct --backproject`` does of all images."""
    curve = examination.backprojection.fsc
    assert curve is not None  # both halves have particles
    resolution = resolution_at(curve, HALF_MAPS_AT, examination.particle_set.pixel_size)
    found = resolution_text(resolution, HALF_MAPS_AT, IN_SPHERE)
    return f"resolution of the half-maps of {len(examination.evidence.particle_set)} particles: {found}"


def check_tilt_hand(examination: Examination) -> Check:
    """Compare the hand of the tilt geometry with the other one."""
    if not examination.can_compare:
        return Check("tilt_hand", "unknown", None, "as given", None, "cannot tell from a single particle")
    evidence = examination.evidence.up_to(HIGHEST_K)
    rotation = examination.evidence.tilts.rotation.numpy().astype(np.float64)
    scores = {
        "as given": _score(evidence, rotation),
        "mirrored": _score(evidence, other_hand(examination, rotation)),
    }
    return compare("tilt_hand", scores, "as given", wrong="the tilt angles may have the opposite sign")


def other_hand(examination: Examination, rotation: FloatArray) -> FloatArray:
    """Return rotations (n, 3, 3) whose tilts are mirrored while the particles stay as they are in the tomogram.

    Without orientations in the tomogram, each particle's least tilted image stands for its orientation.
    """
    evidence = examination.evidence
    tilt = examination.tilt_rotations
    if tilt is None:
        tilt = np.einsum("nij,nkj->nik", rotation, rotation[_least_tilted(evidence)])
    own = np.einsum("nji,njk->nik", tilt, rotation)
    mirrored: FloatArray = MIRROR @ tilt @ MIRROR @ own
    return mirrored


def _least_tilted(evidence: Evidence) -> npt.NDArray[np.int64]:
    """Return (n,) the row of the least tilted image of the same particle."""
    cosine = evidence.tilts.tilt_cosine.numpy()
    first = evidence.particle_set.first_tilt
    rows = [begin + int(np.argmax(cosine[begin:end])) for begin, end in pairwise(first)]
    return np.array(rows)[evidence.particle]


def _of_another(evidence: Evidence, rotation: FloatArray) -> FloatArray:
    """Return rotations (n, 3, 3) of the image at the same place in the series of another particle."""
    first, count = evidence.particle_set.first_tilt, evidence.particle_set.tilts_per_particle
    other = np.roll(np.arange(len(count)), 1)[evidence.particle]
    place = np.arange(len(rotation)) - first[evidence.particle]
    another: FloatArray = rotation[first[other] + np.minimum(place, count[other] - 1)]
    return another


def _score(evidence: Evidence, rotation: FloatArray) -> npt.NDArray[np.float64]:
    return predict(evidence, slices(evidence, rotation.astype(np.float32)), hypothesis(evidence)).score
