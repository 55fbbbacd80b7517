"""Explanations of the images that compete with the stated one: other facts of image formation, alone and together."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from napari_tomodrgn.analysis.inspection.evidence import Evidence
from napari_tomodrgn.analysis.inspection.prediction import Hypothesis, hypothesis
from napari_tomodrgn.imaging.ctf import electron_wavelength
from napari_tomodrgn.imaging.tilt_images import CTF_SCALARS, TiltImages

Attenuation = Literal["none", "dose", "dose-tilt"]
Scores = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float64]

CTF_POWERS: tuple[Literal[0, 1, 2], ...] = (0, 1, 2)
ATTENUATIONS: tuple[Attenuation, ...] = ("none", "dose", "dose-tilt")
FACTORS = (0.5, 0.8, 1.25, 2.0)  # of the pixel size: a binning step, or a fifth
SMALLEST, LARGEST = 0.3, 30.0  # Å per pixel
VOLTAGES = (100.0, 200.0, 300.0)
SIGNS = {"plus": 1.0, "minus": -1.0, "none": 0.0}
LEAST_PHASE = 0.3  # rad between the two signs of the height at Nyquist; below it nobody can tell


class Processing(NamedTuple):
    """What the extraction program did."""

    ctf_power: Literal[0, 1, 2]
    attenuation: Attenuation


class Optics(NamedTuple):
    """What the microscope did."""

    pixel_size: float
    voltage: float
    defocus_height: str


class Explanation(NamedTuple):
    """One of the hypotheses that are compared."""

    processing: Processing
    optics: Optics


def explain(
    evidence: Evidence, heights: FloatArray | None, score: Callable[[Hypothesis], Scores]
) -> dict[Explanation, Scores]:
    """Return the score (N,) of every explanation looked at, for the checks to take the best from.

    A wrong fact spoils the comparison of any other: a CTF that is read with the wrong power may fit best at a wrong
    pixel size. So each alternative is scored with the rest as stated, and with the rest as it fits best: all ways of
    processing with the optics stated and with those that fit best, and all optics with the processing stated and with
    that which fits best.

    Parameters
    ----------
    heights
        (n,) Å along the beam of the images looked at, where known.
    score
        The log-likelihood of each particle's images under a hypothesis.
    """
    model = evidence.particle_set.forward_model
    stated = Processing(model.ctf_power, model.attenuation)
    processings = [Processing(power, attenuation) for power in CTF_POWERS for attenuation in ATTENUATIONS]
    optics = optics_of(evidence, heights)
    known: dict[Explanation, Scores] = {}

    def add(processing: Processing, given: Optics) -> None:
        explanation = Explanation(processing, given)
        if explanation not in known:
            known[explanation] = score(hypothesis(evidence, optics[given], **processing._asdict()))

    for given in optics:
        add(stated, given)
    for processing in processings:
        add(processing, next(iter(optics)))
    best = best_of(known)
    for given in optics:
        add(best.processing, given)
    best = best_of(known)
    for processing in processings:
        add(processing, best.optics)
    return known


def best_of(scores: Mapping[Explanation, Scores]) -> Explanation:
    """Return the explanation under which the images are most likely."""
    return max(scores, key=lambda each: float(scores[each].sum()))


def best_by(scores: Mapping[Explanation, Scores], fact: str) -> dict[Any, Scores]:
    """Return, for each alternative of one fact, the scores of the best explanation that it is part of."""
    kind = "processing" if fact in Processing._fields else "optics"
    result: dict[Any, Scores] = {}
    for explanation, score in scores.items():
        value = getattr(getattr(explanation, kind), fact)
        if value not in result or score.sum() > result[value].sum():
            result[value] = score
    return result


def optics_of(evidence: Evidence, heights: FloatArray | None) -> dict[Optics, TiltImages]:
    """Return the tilt parameters as stated, first, and with one fact of the optics replaced."""
    tilts = evidence.tilts
    stated = stated_optics(evidence)
    result = {stated: tilts}
    if SMALLEST <= stated.pixel_size <= LARGEST:
        for factor in FACTORS:
            size = round(factor * stated.pixel_size, 4)
            result[stated._replace(pixel_size=size)] = replace(tilts, pixel_size=size)
    for voltage in VOLTAGES:
        if abs(voltage - stated.voltage) > 1:
            optics = tilts.optics.clone()
            optics[:, CTF_SCALARS.index("voltage")] = voltage
            result[stated._replace(voltage=voltage)] = replace(tilts, optics=optics)
    if heights is not None and phase_difference(evidence, heights) >= LEAST_PHASE:
        for name, sign in SIGNS.items():
            if name != stated.defocus_height:
                added = (sign - SIGNS[stated.defocus_height]) * heights
                result[stated._replace(defocus_height=name)] = _with_height(tilts, added)
    return result


def stated_optics(evidence: Evidence) -> Optics:
    """Return what the data set says; the voltage is the mean one."""
    voltage = round(float(evidence.tilts.optics[:, CTF_SCALARS.index("voltage")].mean()), 3)
    return Optics(evidence.tilts.pixel_size, voltage, evidence.particle_set.forward_model.defocus_height)


def phase_difference(evidence: Evidence, heights: FloatArray) -> float:
    """Return the phase in rad between both signs at Nyquist, 2 pi lambda h k², for the root mean square height h."""
    wavelength = float(electron_wavelength(evidence.tilts.optics[:, CTF_SCALARS.index("voltage")]).mean())
    nyquist = 0.5 / evidence.tilts.pixel_size
    height = float(np.sqrt(np.mean(heights**2)))
    return float(2 * np.pi * wavelength * height * nyquist**2)


def _with_height(tilts: TiltImages, added: FloatArray) -> TiltImages:
    optics = tilts.optics.clone()
    for name in ("defocus_u", "defocus_v"):
        optics[:, CTF_SCALARS.index(name)] += torch.from_numpy(added).to(optics)
    return replace(tilts, optics=optics)
