"""Whether maps of this set have the hand of a reference."""

import numpy as np
import numpy.typing as npt
import torch

from napari_tomodrgn.analysis.inspection.check import Check, compare
from napari_tomodrgn.analysis.inspection.examination import Examination
from napari_tomodrgn.analysis.inspection.prediction import score
from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.particles.maps import Map
from napari_tomodrgn.reconstruction.align import Fit, rotational_search

HIGHEST_K = 0.35  # cycles/px
MIRROR = np.diag([1.0, 1.0, -1.0])


def check_map_hand(examination: Examination, backprojection: Map, reference: Map) -> Check:
    """Fit the backprojection on the reference in both hands, then ask every particle which of the two it prefers.

    Parameters
    ----------
    backprojection
        In the frame of the poses, not flipped.
    reference
        Of known hand; its pixel size must be right.
    """
    stated = examination.particle_set.forward_model.map_hand
    fits = rotational_search(backprojection, reference)
    scores = {
        hand: _score(examination, reference, fit, mirrored=hand == "flip")
        for hand, fit in (("keep", fits.keep), ("flip", fits.flip))
    }
    check = compare("map_hand", scores, stated, wrong=f"set --map-hand {'keep' if stated == 'flip' else 'flip'}")
    both = f"correlation with the reference {fits.score_keep:.3f} as it is, {fits.score_flip:.3f} flipped"
    return Check(check.name, check.status, check.found, stated, check.power, f"{check.message}; {both}")


def unchecked_map_hand(examination: Examination) -> Check:
    """Return what is known of the hand of maps without anything to hold it against."""
    stated = examination.particle_set.forward_model.map_hand
    text = f"not checked: the images alone don't tell whether {stated} is right; give --reference MAP, or --model ATOMS"
    return Check("map_hand", "unknown", None, stated, None, text)


def _score(examination: Examination, reference: Map, fit: Fit, *, mirrored: bool) -> npt.NDArray[np.float64]:
    """Return the log-likelihood (N,) of the images if they show the reference where the fit has put it.

    With x_reference = R x_map + s, an image at rotation A shows the reference at A Rᵀ, moved by -A Rᵀ s.
    """
    pixel_size = examination.particle_set.pixel_size
    ratio = reference.pixel_size / pixel_size
    evidence = examination.evidence.up_to(min(HIGHEST_K, 0.48 / ratio))
    turn = fit.rotation @ (MIRROR if mirrored else np.eye(3))
    rotation = examination.evidence.tilts.rotation.numpy().astype(np.float64) @ turn.T
    projector = Projector(torch.from_numpy(reference.values))
    k = evidence.lattice.k.numpy().astype(np.float64)
    k3 = torch.from_numpy(np.einsum("pj,njk->npk", ratio * k, rotation[:, :2])).float()
    shift = -(rotation @ fit.shift_angstrom)[:, :2] / pixel_size
    phase = np.exp(-2j * np.pi * shift @ k.T)
    slices = pairs_to_complex(projector.pairs(k3)).numpy() * phase
    given = examination.stated
    transfer, noise = given.transfer[:, : evidence.lattice.pairs], given.noise[:, : evidence.lattice.pairs]
    return score(evidence, (slices * transfer).astype(np.complex64), type(given)(transfer, noise))
