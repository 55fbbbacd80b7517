"""How many times the CTF is in the images."""

import numpy as np

from napari_tomodrgn.analysis.inspection.check import Check, compare
from napari_tomodrgn.analysis.inspection.examination import ATTENUATIONS, CTF_POWERS, Examination


def check_ctf_power(examination: Examination) -> Check:
    """Compare CTF powers 0, 1 and 2, each with the attenuation that suits it best.

    Powers 1 and 2 differ in the signs of the signal beyond the CTF's first zero, and in the noise, which power 2
    has multiplied by the CTF as well.
    """
    stated = examination.particle_set.forward_model.ctf_power
    if not examination.can_compare:
        return Check("ctf_power", "unknown", None, stated, None, "cannot tell from a single particle")
    every = examination.multiplied_in
    scores = {
        power: max((every[power, attenuation] for attenuation in ATTENUATIONS), key=np.sum) for power in CTF_POWERS
    }
    return compare("ctf_power", scores, stated, wrong="check how the images were extracted, or set --ctf-power")
