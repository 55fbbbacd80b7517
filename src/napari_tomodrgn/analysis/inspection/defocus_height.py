"""Whether a particle's height along the beam was added to its defocus with the right sign."""

from dataclasses import replace

from napari_tomodrgn.analysis.inspection.check import Check
from napari_tomodrgn.analysis.inspection.examination import Examination
from napari_tomodrgn.analysis.inspection.explanations import LEAST_PHASE, phase_difference


def check_defocus_height(examination: Examination) -> Check:
    """Compare the defoci with the height added, subtracted, and left out.

    The power is the phase by which the CTFs of the two signs differ at Nyquist.
    """
    stated = examination.particle_set.forward_model.defocus_height

    def unknown(text: str, power: float | None = None) -> Check:
        return Check("defocus_height", "unknown", None, stated, power, text)

    if not examination.can_compare:
        return unknown("cannot tell from a single particle")
    if examination.particle_set.forward_model.ctf_power == 0:
        return unknown("cannot tell: there is no CTF in the images")
    if examination.heights is None:
        return unknown("cannot tell: the particles' positions or orientations in the tomogram are not known")
    phase = phase_difference(examination.evidence, examination.heights)
    power = round(phase, 2)
    if phase < LEAST_PHASE:
        return unknown(f"cannot tell: the two signs differ by {power} rad at Nyquist", power)
    check = examination.compare("defocus_height", stated, wrong="set --defocus-height")
    return replace(check, power=power, message=f"{check.message} (the two signs differ by {power} rad at Nyquist)")
