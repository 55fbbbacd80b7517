"""Whether pixel size and voltage fit the CTF that is seen in the images."""

from dataclasses import replace

from napari_tomodrgn.analysis.inspection.check import Check, compare
from napari_tomodrgn.analysis.inspection.examination import Examination
from napari_tomodrgn.imaging.tilt_images import CTF_SCALARS

FACTORS = (0.5, 0.8, 1.0, 1.25, 2.0)
SMALLEST, LARGEST = 0.3, 30.0  # Å
VOLTAGES = (100.0, 200.0, 300.0)


def check_pixel_size(examination: Examination) -> Check:
    """Compare the pixel size with others that are wrong by a binning step or a fifth."""
    tilts = examination.evidence.tilts
    stated = tilts.pixel_size
    if not SMALLEST <= stated <= LARGEST:
        text = f"{stated:.4g} Å per pixel is not plausible for sub-tomograms; set --pixel-size"
        return Check("pixel_size", "warn", None, stated, None, text)
    if not examination.can_compare:
        return Check("pixel_size", "unknown", None, stated, None, "plausible; cannot tell more from a single particle")
    sizes = {factor: round(factor * stated, 4) if factor != 1 else stated for factor in FACTORS}
    scores = {size: examination.predict_with(replace(tilts, pixel_size=size)) for size in sizes.values()}
    return compare("pixel_size", scores, stated, wrong="check the star file's pixel size, or set --pixel-size")


def check_voltage(examination: Examination) -> Check:
    """Compare the voltage with the other usual ones."""
    tilts = examination.evidence.tilts
    column = CTF_SCALARS.index("voltage")
    stated = round(float(tilts.optics[:, column].mean()), 3)
    if not examination.can_compare:
        return Check("voltage", "unknown", None, stated, None, "cannot tell from a single particle")
    scores = {stated: examination.as_stated.score}
    for voltage in VOLTAGES:
        if abs(voltage - stated) > 1:
            optics = tilts.optics.clone()
            optics[:, column] = voltage
            scores[voltage] = examination.predict_with(replace(tilts, optics=optics))
    return compare("voltage", scores, stated, wrong="check the star file's voltage (and pixel size, which acts alike)")
