"""What the Occupancy page knows: which part is looked at, its thresholds, and the labels that these make. No Qt."""

import math
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.occupancy.labelling import Labelling
from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.analysis.occupancy.result import TABLE
from napari_tomodrgn.analysis.occupancy.thresholds import MOST, Labels, Threshold, threshold_labels, valley
from napari_tomodrgn.analysis.rules import OfClasses
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.colouring import CONTINUOUS, SHOWN, palette
from napari_tomodrgn.viewer.live_column import end_live, show_live
from napari_tomodrgn.viewer.measured_parts import MeasuredParts, measured_names, read_measured
from napari_tomodrgn.viewer.session import Session

Colouring = Literal["occupancy", "labels"]
Side = Literal["below", "between", "above"]
MOST_LINES = 2  # of a part
FINE = 1000  # steps over a part's range at least: values that a person can type again
SIDES = ((0.45, 0.45, 0.45, 1.0), (0.6, 0.6, 0.6, 1.0), (0.75, 0.75, 0.75, 1.0))  # of a part's lines, where no label is
Floats = npt.NDArray[np.float64]


class OccupancyPanel:
    """Thresholds on occupancies that were measured of the session's run, at its epoch.

    Attributes
    ----------
    measured
        The table that is looked at, ``None`` where there is none.
    part
        The part whose histogram is looked at.
    lines
        The thresholds of the parts that were looked at, from low to high.
    labelled
        Parts whose thresholds make the labels, in the order of the table; none: the part that is looked at.
    colours
        Whether particles are coloured by the part's occupancy, or by the labels.
    """

    changed = Signal()  # another table or part, other parts that are labelled by
    moved = Signal()  # a threshold is elsewhere

    def __init__(self, session: Session) -> None:
        self.session = session
        self.measured: MeasuredParts | None = None
        self.part = ""
        self.lines: dict[str, tuple[float, ...]] = {}
        self.labelled: tuple[str, ...] = ()
        self.colours: Colouring = "occupancy"
        self._live: set[str] = set()
        session.data_changed.connect(self.forget)
        session.epochs_changed.connect(self._read_again)

    # which table, which part

    @property
    def folder(self) -> AnalysisFolder | None:
        """Where the tables lie, ``None`` where no run is open that has finished an epoch."""
        run, epoch = self.session.run, self.session.epoch
        return None if run is None or epoch is None else AnalysisFolder(run.path, epoch)

    def names(self) -> list[str]:
        """Return the names of the tables that are there."""
        return [] if self.folder is None else measured_names(self.folder)

    def forget(self) -> None:
        """Look at no table: another run is open."""
        self.measured, self.part, self.lines, self.labelled = None, "", {}, ()
        self._live.clear()
        self.changed.emit()

    def _read_again(self) -> None:
        """Read the table once more: it, or the epoch, may be another one now."""
        if self.measured is None:
            self.changed.emit()
            return
        before, part, lines, labelled = self.measured, self.part, self.lines, self.labelled
        same = self.folder is not None and before.path == self.folder.occupancy(before.name) / TABLE and before.fresh
        if same and before.occupancy.unit != "class":
            self.changed.emit()
            return
        self.measured = None
        with suppress(InputError):
            self.measured = self.read(before.name)
        parts = () if self.measured is None else self.measured.occupancy.parts
        self.part = part if part in parts else next(iter(parts), "")
        self.lines = {each: own for each, own in lines.items() if each in parts}
        self.labelled = tuple(each for each in labelled if each in parts)
        self.changed.emit()

    def read(self, name: str) -> MeasuredParts:
        """Read a table. Works in any thread.

        Raises
        ------
        InputError
            Where it can't be read.
        """
        if self.folder is None or self.session.particle_set is None:
            raise InputError("occupancies need a run that has finished an epoch; open one (Dataset ▸ Open run)")
        row_of = {particle: row for row, particle in enumerate(self.session.particle_set.ids)}
        return read_measured(self.folder, name, row_of, self.session.columns)

    def choose(self, name: str) -> None:
        """Look at another table, and its first part.

        Raises
        ------
        InputError
            Where it can't be read.
        """
        self.take(self.read(name))

    def take(self, measured: MeasuredParts) -> None:
        """Look at a table that was read, and its first part."""
        self.measured, self.lines, self.labelled, self.part = measured, {}, (), ""
        self.choose_part(measured.occupancy.parts[0])

    def choose_part(self, part: str) -> None:
        """Look at another part; its threshold stands in the valley of its histogram, where there is one."""
        if part == self.part:
            return
        if part not in self.lines:
            self.lines[part] = self._first_line(part)
        self.part = part
        self.changed.emit()
        self.show()

    def _first_line(self, part: str) -> tuple[float]:
        values = self._values(part)
        lowest = valley(values)
        return (self.rounded(float(np.median(values)) if lowest is None else lowest, part),)

    def _table(self) -> MeasuredParts:
        if self.measured is None:
            raise InputError("no occupancies are open; measure some (Analyse ▸ Occupancy) and choose them")
        return self.measured

    def _values(self, part: str) -> Floats:
        table = self._table().occupancy
        return table.values[:, table.parts.index(part)]

    @property
    def values(self) -> Floats:
        """(n,) occupancies of the part that is looked at, in the table's rows."""
        return self._values(self.part)

    def histogram(self, part: str, bins: int) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return how many rows (bins,) lie between edges (bins + 1,)."""
        values = self._values(part)
        low, high = float(values.min()), float(values.max())
        if not high > low:
            low, high = low - 0.5, high + 0.5
        counts, edges = np.histogram(values, bins, (low, high))
        return counts.astype(np.int64), edges

    # thresholds

    @property
    def here(self) -> tuple[float, ...]:
        """The thresholds of the part that is looked at."""
        return self.lines.get(self.part, ())

    def rounded(self, value: float, part: str) -> float:
        """Return a value with the digits that a part's range needs, so that a command line says it in a few."""
        span = float(np.ptp(self._values(part))) or 1.0
        return float(round(value, -math.floor(math.log10(span / FINE))))

    def move(self, number: int, value: float) -> None:
        """Put a threshold of the part elsewhere; beyond another one it stops there."""
        lines = list(self.here)
        beside = [*lines[:number][-1:], *lines[number + 1 :][:1]]
        value = self.rounded(value, self.part)
        for other in beside:
            value = max(value, other) if lines.index(other) < number else min(value, other)
        if value != lines[number]:
            lines[number] = value
            self._take(lines)

    def set_lines(self, values: Iterable[float]) -> None:
        """Give the part one or two thresholds.

        Raises
        ------
        InputError
            Where there are none or more, or one is no finite number.
        """
        lines = sorted(self.rounded(value, self.part) if math.isfinite(value) else math.nan for value in values)
        if not 1 <= len(lines) <= MOST_LINES or not np.isfinite(lines).all():
            raise InputError(f"thresholds of {self.part}: one or two numbers are needed, as 0.5; give them")
        self._take(lines)

    def second_line(self, there: bool) -> None:
        """Add a threshold halfway to the end of what is above the first, or take it away."""
        if there and len(self.here) < MOST_LINES:
            self.set_lines([*self.here, (self.here[0] + float(self.values.max())) / 2])
        elif not there:
            self._take(list(self.here[:1]))

    def _check(self, labelled: tuple[str, ...], lines: dict[str, tuple[float, ...]]) -> None:
        """Raise where labels would be too many to be told apart."""
        count = sum(len(lines[part]) for part in labelled)
        if count > MOST:
            raise InputError(
                f"labels by {count} thresholds: there would be {2**count} of them; untick parts until at most {MOST} "
                "thresholds are left"
            )

    def _take(self, lines: list[float]) -> None:
        self._check(self.labelled, {**self.lines, self.part: tuple(lines)})
        self.lines = {**self.lines, self.part: tuple(lines)}
        self.moved.emit()
        if self.colours == "labels":
            self.show()

    def label_by(self, part: str, chosen: bool) -> None:
        """Let the thresholds of a part make the labels, together with those of other parts, or no longer.

        Raises
        ------
        InputError
            Where the labels would be too many.
        """
        wanted = {*self.labelled, part} if chosen else {*self.labelled} - {part}
        labelled = tuple(each for each in self._table().occupancy.parts if each in wanted)
        lines = {part: self._first_line(part), **self.lines}
        self._check(labelled, lines)
        self.labelled, self.lines = labelled, lines
        self.changed.emit()
        if self.colours == "labels":
            self.show()

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """What makes the labels: those of all parts that are labelled by, or of the one that is looked at."""
        parts = self.labelled or ((self.part,) if self.part else ())
        return tuple(Threshold(part, value) for part in parts for value in self.lines[part])

    def counts(self) -> dict[Side, int]:
        """Return how many rows of the table lie on the sides of the part's thresholds."""
        values, lines = self.values, self.here
        reached = [int((values >= line).sum()) for line in lines]
        sides: dict[Side, int] = {"below": len(values) - reached[0], "above": reached[-1]}
        if len(lines) > 1:
            sides["between"] = reached[0] - reached[1]
        return sides

    def labels(self) -> Labels:
        """Return the label of each row of the table."""
        return threshold_labels(self._table().occupancy, self.thresholds)

    # what they do

    def colour_by(self, colours: Colouring) -> None:
        """Colour particles by occupancy or by labels."""
        self.colours = colours
        self.changed.emit()
        self.show()

    @property
    def live_name(self) -> str:
        """The column that holds the labels while they are not kept."""
        return f"{self._table().name} thresholds"

    def show(self) -> None:
        """Colour particles by what is asked for."""
        if self.measured is None or not self.part:
            return
        if self.colours == "labels":
            labels = self.labels()
            codes = self.measured.codes_of_particles(labels.codes)
            self._show_live(self.live_name, Classes(codes, labels.names))
            return
        name = self.measured.column(self.part)
        if name in self.session.columns:
            self.session.colour_by(name)
        else:  # of class centres: no file has it by particle
            self._show_live(name, Numbers(self.measured.of_particles(self.values)))

    def _show_live(self, name: str, column: Classes | Numbers) -> None:
        self._live.add(name)
        show_live(self.session, name, column)

    def bar_colours(self, centres: Floats) -> list[tuple[float, float, float, float]]:
        """Return the colours of the histogram's bars (k,): those that particles of such an occupancy have."""
        if self.colours == "labels":
            codes = np.zeros(len(centres), dtype=np.int64)
            for place, line in enumerate(self.here):
                codes += (centres >= line).astype(np.int64) << place
            alone = self.labelled in ((), (self.part,))  # else a label is of other parts too
            colours = palette(1 << len(self.here)) if alone else [SIDES[0], SIDES[1], SIDES[1], SIDES[2]]
            return [colours[code] for code in codes]
        assert self.measured is not None
        of_particles = self.measured.of_particles(self.values)
        low, high = np.percentile(of_particles[np.isfinite(of_particles)], SHOWN)
        share = (centres - low) / (high - low) if high > low else np.full(len(centres), 0.5)
        return [tuple(each) for each in matplotlib.colormaps[CONTINUOUS](np.clip(share, 0, 1))]

    def select(self, side: Side) -> None:
        """Select the particles on one side of the part's thresholds; ``above`` includes the threshold itself."""
        lines, table = self.here, self._table()
        limits = {
            "below": (-math.inf, _before(lines[0])),
            "between": (lines[0], _before(lines[-1])),
            "above": (lines[-1], math.inf),
        }
        low, high = limits[side]
        if table.occupancy.unit != "class":
            self.session.select_between(table.column(self.part), low, high)
            return
        column = str(table.occupancy.facts["centres"])
        classes = self.session.column(column)
        assert isinstance(classes, Classes)
        inside = (self.values >= low) & (self.values <= high)
        names = tuple(classes.names[int(label)] for label in table.occupancy.index["label"][inside])
        mask = np.isin(classes.codes, table.occupancy.index["label"][inside].astype(int))
        self.session.select(mask, OfClasses(column=column, classes=names).tree)

    def options(self, name: str, *, overwrite: bool = False) -> OccupancyOptions:
        """Return the options of the command that labels so."""
        texts = tuple(f"{each.part}={each.value!r}" for each in self.thresholds)
        return OccupancyOptions(run=self._table().path, threshold=texts, name=name, overwrite=overwrite)

    def keep(self, name: str, *, overwrite: bool = False) -> Path:
        """Store the labels as ``occupancy --threshold`` does, and return their file.

        Raises
        ------
        InputError
            Where the name can't be one, or there are such labels already.
        """
        found = occupancy(self.options(name, overwrite=overwrite)).labelling
        assert isinstance(found, Labelling)
        return found.write()[0]

    def end(self) -> None:
        """Take away the columns that were shown and are on no disk."""
        for name in self._live:
            end_live(self.session, name)
        self._live.clear()


def _before(value: float) -> float:
    """Return the largest number below a value: the limits of a rule are included."""
    return float(np.nextafter(value, -math.inf))
