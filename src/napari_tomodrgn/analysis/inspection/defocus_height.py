"""Whether a particle's height along the beam was added to its defocus with the right sign."""

from dataclasses import replace

import numpy as np
import torch

from napari_tomodrgn.analysis.inspection.check import Check, compare
from napari_tomodrgn.analysis.inspection.examination import Examination
from napari_tomodrgn.imaging.ctf import electron_wavelength
from napari_tomodrgn.imaging.tilt_images import CTF_SCALARS, TiltImages

LEAST_PHASE = 0.3  # rad between the two signs at Nyquist; below it nobody can tell
SIGNS = {"plus": 1.0, "minus": -1.0, "none": 0.0}


def check_defocus_height(examination: Examination) -> Check:
    """Compare the defoci with the height added, subtracted, and left out.

    The power is the phase by which the CTFs of the two signs differ at Nyquist, 2 pi lambda h k², for the root mean
    square height h.
    """
    evidence = examination.evidence
    stated = examination.particle_set.forward_model.defocus_height

    def unknown(text: str, power: float | None = None) -> Check:
        return Check("defocus_height", "unknown", None, stated, power, text)

    if not examination.can_compare:
        return unknown("cannot tell from a single particle")
    if examination.particle_set.forward_model.ctf_power == 0:
        return unknown("cannot tell: there is no CTF in the images")
    if examination.heights is None:
        return unknown("cannot tell: the particles' positions or orientations in the tomogram are not known")
    power = round(phase_difference(examination), 2)
    if power < LEAST_PHASE:
        return unknown(f"cannot tell: the two signs differ by {power} rad at Nyquist", power)
    scores = {
        name: examination.predict_with(_with_height(evidence.tilts, (sign - SIGNS[stated]) * examination.heights))
        for name, sign in SIGNS.items()
    }
    check = compare("defocus_height", scores, stated, wrong="set --defocus-height")
    return replace(check, power=power, message=f"{check.message} (the two signs differ by {power} rad at Nyquist)")


def phase_difference(examination: Examination) -> float:
    """Return the phase in rad between both signs at Nyquist, for the root mean square height."""
    assert examination.heights is not None
    wavelength = float(electron_wavelength(examination.evidence.tilts.optics[:, 3]).mean())
    nyquist = 0.5 / examination.evidence.particle_set.pixel_size
    height = float(np.sqrt(np.mean(examination.heights**2)))
    return float(2 * np.pi * wavelength * height * nyquist**2)


def _with_height(tilts: TiltImages, added: np.ndarray) -> TiltImages:
    optics = tilts.optics.clone()
    for name in ("defocus_u", "defocus_v"):
        optics[:, CTF_SCALARS.index(name)] += torch.from_numpy(added).to(optics)
    return replace(tilts, optics=optics)
