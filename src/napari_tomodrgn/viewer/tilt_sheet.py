"""A particle's tilt images, the projections of its volume and what these leave, as grey pictures with their numbers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.particle_evidence import PARTS, SPAN, ParticleEvidence, deviation, real_space

Picture = npt.NDArray[np.uint8]

GREYS = (1.0, 99.5)  # percentiles of its first slice that a map's greys span


@dataclass(frozen=True)
class SheetLook:
    """How pictures are shown.

    Attributes
    ----------
    low_pass
        Å beyond which detail is removed; 0 removes none.
    masked
        Whether frequencies beyond the dose mask are left out, as they are in the loss.
    one_scale
        Whether black and white stand for the same in all three columns; else projections have their own.
    """

    low_pass: float = 0.0
    masked: bool = True
    one_scale: bool = True


class TiltSheet:
    """Pictures of one particle, made when they are asked for: grey is 0, and all tilts share black and white."""

    def __init__(self, evidence: ParticleEvidence, look: SheetLook) -> None:
        self.evidence, self.look = evidence, look
        self._pairs = [evidence.shown(part, low_pass=look.low_pass, masked=look.masked) for part in PARTS]
        spread = [deviation(pairs, evidence.box) for pairs in self._pairs]
        image, projection = spread[0], spread[0] if look.one_scale else spread[1]
        self.limits = tuple(SPAN * max(each, 1e-12) for each in (image, projection, image))

    def pictures(self, tilt: int) -> list[Picture]:
        """Return the three pictures (D, D) of a tilt."""
        found = []
        for pairs, limit in zip(self._pairs, self.limits, strict=True):
            pixels = real_space(pairs[tilt], self.evidence.box).numpy()
            found.append((127.5 * (1 + np.clip(pixels / limit, -1, 1))).astype(np.uint8))
        return found

    def numbers(self, tilt: int) -> list[str]:
        """Return what stands beside the pictures of a tilt, in lines."""
        own = self.evidence
        lines = [
            f"{angle(own, tilt)}, {own.dose[tilt]:.4g} e/Å²",
            f"defocus {own.defocus[tilt] / 1e4:.2f} µm",
            f"loss {own.loss[tilt]:.4f}",
            f"mean volume {own.mean_loss[tilt]:.4f}",
            f"weight {own.weight[tilt]:.2f}, CC {own.correlation[tilt]:.2f}",
        ]
        return lines if own.trained[tilt] else [*lines, "held out"]


def angle(evidence: ParticleEvidence, tilt: int) -> str:
    """Return the angle of a tilt in words."""
    degrees = round(float(evidence.tilt[tilt]), 1) + 0.0
    return f"{degrees:+.1f}°".replace("-", "−") if evidence.signed else f"±{degrees:.1f}°"


def slices(volume: npt.NDArray[np.float32]) -> list[Picture]:
    """Return the central slices (D, D) across z, y and x of a volume (D, D, D), in one scale; rows go down."""
    low, high = np.percentile(volume[len(volume) // 2], GREYS)
    planes = [np.take(volume, len(volume) // 2, axis=axis)[::-1] for axis in range(3)]
    return [(255 * np.clip((plane - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8) for plane in planes]
