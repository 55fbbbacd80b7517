"""What a validation found, and its files."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.validation.apartness import Apartness
from napari_tomodrgn.analysis.validation.evidence import Evidence
from napari_tomodrgn.analysis.validation.independence import Independence
from napari_tomodrgn.analysis.validation.maps import ORIGINS, Maps
from napari_tomodrgn.analysis.validation.options import ValidateOptions
from napari_tomodrgn.analysis.validation.significance import Amplitude, amplitude_value, standard_error
from napari_tomodrgn.analysis.validation.subject import Subject
from napari_tomodrgn.analysis.validation.verdict import Verdict
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.maps import flip_hand, write_map
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.reconstruction.reconstruct import write_curves

OWN_FILES = ("*.mrc", "validation.json", "fsc.csv", "particles.csv", "validation.png", "validation.pdf")


@dataclass(frozen=True)
class Measured:
    """What the images say.

    Attributes
    ----------
    rows
        (n,) particles that were looked at.
    evidence
        Of these.
    tilts
        Which of their tilt images were looked at: ``held-out`` (from the training) or ``all``.
    amplitude
        Of the difference over all shells.
    """

    rows: npt.NDArray[np.int64]
    evidence: Evidence
    tilts: str
    amplitude: Amplitude


@dataclass(frozen=True)
class Validation:
    """A selection, what is decoded of it, what the images say of that, and the verdict.

    ``choices`` is of how many averages of as many others the others' backprojection is the mean; ``independence`` is
    ``None`` where it was not needed or could not be told.
    """

    options: ValidateOptions
    folder: Path
    epoch: int
    ids: tuple[ParticleId, ...]
    map_hand: str
    subject: Subject
    maps: Maps
    choices: int
    apartness: Apartness
    measured: Measured
    independence: Independence | None
    needs_independence: bool
    verdict: Verdict

    def by_shell(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return (D/2 + 1,) the amplitude in each shell, and its standard error; NaN where nothing is predicted."""
        evidence, rows = self.measured.evidence, self.measured.rows
        chosen, tomogram = self.subject.chosen[rows], self.subject.tomogram[rows]
        values = np.full((2, evidence.power.shape[1]), np.nan)
        for shell in np.flatnonzero(evidence.power.sum(axis=0) > 0):
            product, power = evidence.product[:, shell], evidence.power[:, shell]
            values[:, shell] = [each(product, power, chosen, tomogram) for each in (amplitude_value, standard_error)]
        return values[0], values[1]

    def document(self) -> dict[str, Any]:
        """Return everything but maps and curves as values that JSON holds."""
        amplitude, gains = self.measured.amplitude, self.measured.evidence.gains()
        chosen = self.subject.chosen[self.measured.rows]
        independence = self.independence
        return {
            "name": self.folder.name,
            "verdict": self.verdict.verdict,
            "reasons": list(self.verdict.reasons),
            "run": str(self.options.run),
            "epoch": self.epoch,
            "particles": int(self.subject.chosen.sum()),
            "against": int(self.subject.others.sum()),
            "decoded_at": self.subject.centre,
            "latent": self.subject.latent.tolist(),
            "remoteness": self.subject.remoteness,
            "latents_apart": {"distance": self.apartness.distance, "p": self.apartness.p},
            "in_the_images": {
                "amplitude": amplitude.value,
                "low": amplitude.low,
                "high": amplitude.high,
                "p": amplitude.p,
                "power": amplitude.power,
                "tilt_images": self.measured.tilts,
                "particles_measured": int(chosen.sum()),
                "nats_per_particle": float(gains[chosen].mean()),
                "nats_per_other_particle": float(gains[~chosen].mean()),
            },
            "found_again": None
            if independence is None
            else {"correlation": independence.correlation, "p": independence.p},
            "found_again_needed": self.needs_independence,
            "maps": {
                "origins": {way: ORIGINS[way] for way in self.maps.pairs},
                "correlation": self.maps.correlations(),
                "correlation_of_differences": self.maps.difference_correlations(),
                "differences_low_passed_to_angstrom": self.maps.cutoff,
                "mask_px": self.maps.mask.widths,
                "averages_of_others": self.choices,
            },
            "resolution_of_backprojection_angstrom": self.maps.resolution,
            "settings": self.options.model_dump(mode="json", exclude={"run", "epoch", "overwrite"}),
        }

    def write(self, folder: Path) -> None:
        """Write the maps in the hand that the run says, the curves, the particles' evidence and the document."""
        flip = self.map_hand == "flip"

        def put(name: str, values: npt.NDArray[np.float32]) -> None:
            write_map(folder / f"{name}.mrc", flip_hand(values) if flip else values, self.maps.pixel_size)

        for way, pair in self.maps.pairs.items():
            put(way, pair.chosen)
            put(f"{way}_others", pair.others)
            put(f"{way}_difference", self.maps.low_passed_differences[way])
        put("half_1", self.maps.half_1)
        put("half_2", self.maps.half_2)
        put("mask", self.maps.mask.values)
        amplitude, error = self.by_shell()
        curves = {**self.maps.curves(), "amplitude": amplitude, "amplitude_error": error}
        write_curves(folder / "fsc.csv", curves, self.maps.pixel_size)
        self._write_particles(folder / "particles.csv")
        with atomic_open(folder / "validation.json") as stream:
            json.dump(_finite(self.document()), stream, indent=1, allow_nan=False)

    def _write_particles(self, path: Path) -> None:
        """Write for every particle measured how much of the difference its images show, and what it gains by it."""
        evidence = self.measured.evidence
        shown = evidence.products / np.maximum(evidence.powers, 1e-300)
        with atomic_open(path) as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(["tomogram", "particle", "chosen", "amplitude", "nats"])
            for row, value, gain in zip(self.measured.rows, shown, evidence.gains(), strict=True):
                chosen = int(self.subject.chosen[row])
                table.writerow([*self.ids[row], chosen, f"{value:.5g}", f"{gain:.5g}"])


def _finite(value: Any) -> Any:
    """Return a document whose numbers that are not finite are null."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
