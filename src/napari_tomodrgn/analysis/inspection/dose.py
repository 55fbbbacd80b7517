"""Whether the doses are what the forward model takes them for."""

import numpy as np

from napari_tomodrgn.analysis.inspection.check import Check
from napari_tomodrgn.particles.particle_set import ParticleSet

LARGEST = 400.0  # e/Å² in all: more than that is another unit or another quantity
NEAR = 0.25  # of one exposure


def check_dose(particle_set: ParticleSet) -> Check:
    """Hold the dose of the first exposure against ``dose_at``, and all doses against what is plausible."""
    stated = particle_set.forward_model.dose_at
    dose = particle_set.tilt_images["dose"].to_numpy(np.float64)
    particle = particle_set.tilt_images["particle"].to_numpy()
    if not np.isfinite(dose).all() or dose.min() < 0 or dose.max() > LARGEST:
        text = f"doses run from {dose.min():.4g} to {dose.max():.4g} e/Å²; expected 0 to {LARGEST:.0f}"
        return Check("dose_at", "warn", None, stated, None, f"{text}: check the star file")
    order = np.lexsort((dose, particle))
    same = particle[order][1:] == particle[order][:-1]
    steps = np.diff(dose[order])[same]
    if not len(steps):
        return Check("dose_at", "unknown", None, stated, None, "cannot tell: the particles have one tilt image each")
    repeated = float(np.mean(steps <= 1e-6))
    if repeated:
        text = f"{100 * repeated:.0f} % of a particle's tilt images have the dose of another; expected one dose a tilt"
        return Check("dose_at", "warn", None, stated, None, f"{text}: check the star file")
    exposure = float(np.median(steps))
    first = float(dose.min()) / exposure
    found = {0.0: "before", 0.5: "middle", 1.0: "after"}.get(round(2 * first) / 2)
    facts = f"the lowest dose is {dose.min():.4g} e/Å² and one exposure {exposure:.4g} e/Å²"
    if abs(first - round(2 * first) / 2) > NEAR / 2:
        found = None
    power = round(exposure, 3)
    if found == stated:
        return Check("dose_at", "ok", found, stated, power, f"{facts}, as for doses {stated} each exposure")
    if first < NEAR and stated != "before":
        text = f"{facts}, but nothing has been exposed to 0 e/Å² {stated} its exposure; set --dose-at before"
        return Check("dose_at", "warn", "before", stated, power, text)
    return Check("dose_at", "unknown", None, stated, power, f"cannot tell: {facts}; first exposures may be left out")
