"""Whether exposure weights and cos(tilt) were multiplied into the images."""

from napari_tomodrgn.analysis.inspection.check import Check
from napari_tomodrgn.analysis.inspection.examination import Examination


def check_attenuation(examination: Examination) -> Check:
    """Compare the three attenuations, each in the explanation that suits it best.

    Signal fades with dose and tilt in any case; noise does so only where the extraction program made it.
    """
    stated = examination.particle_set.forward_model.attenuation
    if not examination.can_compare:
        return Check("attenuation", "unknown", None, stated, None, "cannot tell from a single particle")
    return examination.compare("attenuation", stated, wrong="check how the images were extracted, or set --attenuation")
