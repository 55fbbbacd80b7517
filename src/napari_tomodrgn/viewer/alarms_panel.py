"""What the Alarms page knows: what ``nuisance`` found of the open run, and the two ends of each direction. No Qt."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from psygnal import Signal

from napari_tomodrgn.analysis.columns import Classes, Column, Numbers
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.nuisance.findings import TOMOGRAM, sentence_of_no_alarm
from napari_tomodrgn.analysis.nuisance.nuisance import DOCUMENT, TABLE, end_rows
from napari_tomodrgn.analysis.nuisance.quantities import single_numbers
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.live_column import show_live
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel

ColouredBy = Literal["quantity", "direction"]
STOPS = 9  # particles along a direction that the latent space shows
Floats = npt.NDArray[np.float64]
Latents = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """What was found of one quantity.

    Attributes
    ----------
    name
        The quantity.
    alarm
        Whether latents follow it.
    sentence
        What was found, in words.
    ends
        What the quantity is at both ends of its direction, low end first; ``None`` where it was not tested.
    tomogram
        The tomogram that is told best, "" of other quantities.
    """

    name: str
    alarm: bool
    sentence: str
    ends: tuple[str, str] | None
    tomogram: str = ""


class AlarmsPanel:
    """Shows one finding at a time: in the colours of all views, as a way through latents, and as two volumes.

    Attributes
    ----------
    asked
        What was found, alarms first; none where ``nuisance`` was not run on the epoch.
    doubt
        What so few tomograms can't tell, or "".
    chosen
        What is looked at.
    colours
        Whether particles are coloured by the quantity itself, or by their place along its direction in the latents.
    """

    changed = Signal()

    def __init__(self, session: Session, volumes: VolumePanel) -> None:
        self.session, self.volumes = session, volumes
        self.asked: tuple[Asked, ...] = ()
        self.doubt = ""
        self.chosen: Asked | None = None
        self.colours: ColouredBy = "quantity"
        self._along: dict[str, Floats] = {}
        session.data_changed.connect(self._forget)
        session.epochs_changed.connect(self._forget)

    @property
    def path(self) -> Path | None:
        """The file of what was found, ``None`` where there is no run or it was not asked."""
        run, epoch = self.session.run, self.session.epoch
        if run is None or epoch is None:
            return None
        path = AnalysisFolder(run.path, epoch).path / "nuisance" / DOCUMENT
        return path if path.is_file() else None

    def _forget(self) -> None:
        self.asked, self.doubt, self.chosen, self._along = (), "", None, {}
        self.changed.emit()

    def read(self) -> None:
        """Take up what the run's folder says now.

        Raises
        ------
        InputError
            Where it can't be read.
        """
        path, chosen = self.path, self.chosen
        if path is None:
            if self.asked:
                self._forget()
            return
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            self.asked, self.doubt = _asked(document), str(document["doubt"])
            self._along = self._by_particle(path.with_name(TABLE))
        except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
            self._forget()
            raise InputError(f"{path}: could not be read ({error}); run `napari-tomodrgn nuisance` again") from error
        name = None if chosen is None else chosen.name
        self.chosen = next((each for each in self.asked if each.name == name and each.ends is not None), None)
        self.changed.emit()

    def _by_particle(self, path: Path) -> dict[str, Floats]:
        """Return where each particle (N,) lies along each direction, NaN where that is not known."""
        table = pd.read_csv(path, dtype={"tomogram": str, "particle": str}, keep_default_na=False)
        rows = [self.session.row_of(each) for each in zip(table.pop("tomogram"), table.pop("particle"), strict=True)]
        known = np.array([row is not None for row in rows])
        found = {}
        for name in table:
            along = np.full(len(self.session), np.nan)
            along[[row for row in rows if row is not None]] = table[name].to_numpy(np.float64)[known]
            found[str(name).removeprefix("along_").replace("_", " ")] = along
        # names of quantities have hyphens, and no underscores, so this is how they were written
        return found

    def choose(self, name: str) -> None:
        """Look at a finding: colours, the way through latent space, and the volumes at its ends as A and B.

        Raises
        ------
        InputError
            Where it was not tested, or the epoch has no checkpoint.
        """
        found = next((each for each in self.asked if each.name == name), None)
        if found is None or found.ends is None:
            raise InputError(f"{name}: was not asked, so there is nothing to show of it; choose another")
        self.chosen = found
        self.show()
        low, high = self.end_latents()
        self.session.go_along(self._stops(low, high))
        said = found.ends
        self.volumes.pin_pair((low, f"low end: {said[0]}"), (high, f"high end: {said[1]}"))
        self.changed.emit()

    def colour_by(self, colours: ColouredBy) -> None:
        """Colour particles by the quantity, or by where they lie along its direction."""
        self.colours = colours
        self.show()
        self.changed.emit()

    def show(self) -> None:
        """Colour particles by what is asked for; directions have no one number, but a place along theirs."""
        if self.chosen is None:
            return
        column = self._quantity(self.chosen) if self.colours == "quantity" else None
        if column is None:
            show_live(self.session, f"along {self.chosen.name}", Numbers(self._along[self.chosen.name]))
        else:
            show_live(self.session, f"nuisance {self.chosen.name}", column)

    def _quantity(self, asked: Asked) -> Column | None:
        assert self.session.particle_set is not None
        if asked.name == TOMOGRAM:
            tomograms = self.session.column(TOMOGRAM)
            assert isinstance(tomograms, Classes)
            here = tomograms.codes == tomograms.names.index(asked.tomogram)
            return Classes(np.where(here, 0, 1), (tomogram_label(asked.tomogram), "others"))
        numbers = {each.name: each.shown for each in single_numbers(self.session.particle_set)}
        shown = numbers.get(asked.name)
        return None if shown is None else Numbers(shown)

    def end_latents(self) -> tuple[Latents, Latents]:
        r"""Return the mean latents (\|z\|,) of the particles lowest and highest along the direction.

        Raises
        ------
        InputError
            Where the epoch has no checkpoint.
        """
        assert self.chosen is not None
        latents = self.volumes.source().latents
        along = self._along[self.chosen.name]
        known = np.flatnonzero(np.isfinite(along) & np.isfinite(latents).all(axis=1))
        low, high = (latents[known[rows]].mean(axis=0) for rows in end_rows(along[known]))
        return low, high

    def _stops(self, low: Latents, high: Latents) -> list[int]:
        """Return the particles nearest to places on the straight way between both ends, each once."""
        latents = self.volumes.source().latents
        places = low + np.linspace(0, 1, STOPS, dtype=np.float32)[:, None] * (high - low)
        # squared distances but for what all places have in common
        apart = (latents**2).sum(axis=1)[:, None] - 2 * latents @ places.T
        return list(dict.fromkeys(np.where(np.isfinite(apart), apart, np.inf).argmin(axis=0).tolist()))


def _asked(document: dict[str, Any]) -> tuple[Asked, ...]:
    """Return what a nuisance.json says, alarms first."""
    sentences = iter(document["alarms"])
    found = []
    for each in document["quantities"]:
        if "untested" in each:
            found.append(Asked(each["name"], False, f"not asked: {each['untested']}", None))
            continue
        sentence = sentence_of_no_alarm(each["r2"], each["family_wise_p"], document["level"])
        ends = (str(each["low_end"]), str(each["high_end"]))
        said = next(sentences) if each["alarm"] else sentence
        found.append(Asked(each["name"], bool(each["alarm"]), said, ends, each.get("tomogram", "")))
    return tuple(sorted(found, key=lambda asked: not asked.alarm))
