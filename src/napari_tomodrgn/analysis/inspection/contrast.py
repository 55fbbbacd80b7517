"""Whether particles are brighter or darker than what surrounds them."""

import numpy as np

from napari_tomodrgn.analysis.inspection.check import AGREES, DISAGREES, Check, standard_errors
from napari_tomodrgn.analysis.inspection.evidence import sum_by
from napari_tomodrgn.analysis.inspection.examination import Examination

CENTRE_SIGMA = 0.12  # of the box: the Gaussian that stands for the particle's centre against the shell about it


def check_contrast(examination: Examination) -> Check:
    """Correlate every image, CTF and weights considered, with a bright centre in a dark shell.

    The sum over a particle's images is the centre minus shell of its own backprojection.
    """
    evidence, stated = examination.evidence, examination.particle_set.forward_model.contrast
    given = examination.stated
    k = evidence.lattice.k.norm(dim=1).numpy() * evidence.lattice.box
    centre = np.exp(-2 * np.pi**2 * (CENTRE_SIGMA * k) ** 2)
    power = np.abs(evidence.values) ** 2 / given.noise
    shells = evidence.shell
    mean = sum_by(shells, power.mean(0)) / np.maximum(np.bincount(shells), 1)
    weight = given.transfer / given.noise * (centre / mean[shells]).astype(np.float32)
    # The lattice holds one of each ±k, so the real part of the sum is half the overlap in real space.
    image = (evidence.values.real * weight).sum(1)
    overlap = sum_by(evidence.particle, image, len(evidence.particle_set))
    lead = standard_errors(overlap)
    opposite = "dark" if stated == "bright" else "bright"
    size = round(abs(lead), 2)
    if lead >= AGREES:
        text = f"with contrast {stated} the backprojection's centre is denser than its shell by {size} standard errors"
        return Check("contrast", "ok", stated, stated, size, text)
    if lead <= -DISAGREES:
        text = f"with contrast {stated} the backprojection's centre is emptier than its shell by {size} standard errors"
        return Check(
            "contrast", "warn", opposite, stated, size, f"{text}; look at the map, or set --contrast {opposite}"
        )
    text = f"cannot tell: centre and shell of the backprojection differ by {size} standard errors only"
    return Check("contrast", "unknown", None, stated, size, text)
