"""Whether pixel size and voltage fit the CTF that is seen in the images."""

from napari_tomodrgn.analysis.inspection.check import AGREES, Check, standard_errors
from napari_tomodrgn.analysis.inspection.examination import Examination
from napari_tomodrgn.analysis.inspection.explanations import LARGEST, SMALLEST, best_by, stated_optics

NO_CTF = "cannot tell: the images show no CTF to hold it against"


def check_pixel_size(examination: Examination) -> Check:
    """Compare the pixel size with others that are wrong by a binning step or a fifth."""
    stated = stated_optics(examination.evidence).pixel_size
    if not SMALLEST <= stated <= LARGEST:
        text = f"{stated:.4g} Å per pixel is not plausible for sub-tomograms; set --pixel-size"
        return Check("pixel_size", "warn", None, stated, None, text)
    if not examination.can_compare:
        return Check("pixel_size", "unknown", None, stated, None, "plausible; cannot tell more from a single particle")
    if not _shows_ctf(examination):
        return Check("pixel_size", "unknown", None, stated, None, NO_CTF)
    return examination.compare("pixel_size", stated, wrong="check the star file's pixel size, or set --pixel-size")


def check_voltage(examination: Examination) -> Check:
    """Compare the voltage with the other usual ones."""
    stated = stated_optics(examination.evidence).voltage
    if not examination.can_compare:
        return Check("voltage", "unknown", None, stated, None, "cannot tell from a single particle")
    if not _shows_ctf(examination):
        return Check("voltage", "unknown", None, stated, None, NO_CTF)
    return examination.compare(
        "voltage", stated, wrong="check the star file's voltage (and pixel size, which acts alike)"
    )


def _shows_ctf(examination: Examination) -> bool:
    """Whether the images fit with a CTF in them only; without, both facts would act on the exposure's damage alone."""
    scores = best_by(examination.explanations, "ctf_power")
    best = max(scores.values(), key=lambda each: float(each.sum()))
    return standard_errors(best - scores[0]) >= AGREES
