"""Whether exposure weights and cos(tilt) were multiplied into the images."""

import numpy as np

from napari_tomodrgn.analysis.inspection.check import Check, compare
from napari_tomodrgn.analysis.inspection.examination import ATTENUATIONS, CTF_POWERS, Examination


def check_attenuation(examination: Examination) -> Check:
    """Compare the three attenuations, each with the CTF power that suits it best.

    Signal fades with dose and tilt in any case; noise does so only where the extraction program made it.
    """
    stated = examination.particle_set.forward_model.attenuation
    if not examination.can_compare:
        return Check("attenuation", "unknown", None, stated, None, "cannot tell from a single particle")
    every = examination.multiplied_in
    scores = {
        attenuation: max((every[power, attenuation] for power in CTF_POWERS), key=np.sum)
        for attenuation in ATTENUATIONS
    }
    return compare("attenuation", scores, stated, wrong="check how the images were extracted, or set --attenuation")
