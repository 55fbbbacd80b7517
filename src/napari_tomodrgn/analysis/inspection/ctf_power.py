"""How many times the CTF is in the images."""

from napari_tomodrgn.analysis.inspection.check import Check
from napari_tomodrgn.analysis.inspection.examination import Examination


def check_ctf_power(examination: Examination) -> Check:
    """Compare CTF powers 0, 1 and 2, each in the explanation that suits it best.

    Powers 1 and 2 differ in the signs of the signal beyond the CTF's first zero, and in the noise, which power 2
    has multiplied by the CTF as well.
    """
    stated = examination.particle_set.forward_model.ctf_power
    if not examination.can_compare:
        return Check("ctf_power", "unknown", None, stated, None, "cannot tell from a single particle")
    return examination.compare("ctf_power", stated, wrong="check how the images were extracted, or set --ctf-power")
