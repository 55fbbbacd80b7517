"""What the viewer knows: particles, run, tomogram, colours, and the one selection that every view shows.

Widgets and layers talk to the session and never to each other. It knows no Qt and no napari, so all of it can be tested
without a window. What a person changes is a command that can be undone.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.analysis.columns import Classes, Column, Columns, Numbers
from napari_tomodrgn.analysis.rule_trees import combined, inverted
from napari_tomodrgn.analysis.rules import Between, OfClasses
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.camera_path import CameraPath
from napari_tomodrgn.viewer.class_labels import ClassLabels, is_named, kept_classes, named, with_named
from napari_tomodrgn.viewer.colouring import ClassStyle, Colour, Colouring, colour_by
from napari_tomodrgn.viewer.history import Change, History
from napari_tomodrgn.viewer.marks import Marks
from napari_tomodrgn.viewer.named_selections import NamedSelections
from napari_tomodrgn.viewer.neighbour_view import NeighbourView
from napari_tomodrgn.viewer.opening import Opened, read_anew, read_run, read_star
from napari_tomodrgn.viewer.volume_style import VolumeStyle

How = Literal["replace", "add", "subtract", "intersect"]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
PLAIN = "tomogram"  # the column that a data set without classes is coloured by


class Session:
    """The open data set and what is looked at in it.

    Attributes
    ----------
    particle_set, run, epoch
        What is open; a run and its epoch are ``None`` where a star was opened.
    columns
        All that is known of the particles, by name.
    tomogram
        The name of the open tomogram.
    coloured_by, styles
        The column that gives the colours, and the names and colours given to the classes of columns.
    labels
        Words that a person gave to classes, by column; the column ``"COLUMN named"`` holds them by particle.
    volume_style
        How volumes at their poses are shown.
    selected
        (N,) which particles are selected.
    rule
        How the selection was made.
    particle
        The row of the particle that is looked at by itself.
    path
        Rows of particles along a way through latent space that was drawn last, in its order.
    neighbours
        How neighbours are shown.
    camera_path
        Stops of a camera on its way through the tomogram.
    named, marks
        Selections that were given a name, and words given to single particles.
    """

    data_changed = Signal()
    epochs_changed = Signal()  # another epoch of the run is shown, or it has others than before
    columns_changed = Signal()
    tomogram_changed = Signal()
    labels_changed = Signal()  # what the column of labels says, where it stays; else columns_changed comes before
    colouring_changed = Signal()
    volume_style_changed = Signal()
    selection_changed = Signal()
    particle_changed = Signal()
    path_changed = Signal()

    def __init__(self) -> None:
        self.particle_set: ParticleSet | None = None
        self.run: Run | None = None
        self.epoch: int | None = None
        self.columns: Columns = {}
        self.tomogram: str | None = None
        self.coloured_by: str | None = None
        self.styles: dict[str, ClassStyle] = {}
        self.labels: dict[str, ClassLabels] = {}
        self.volume_style = VolumeStyle()
        self.selected: Mask = np.zeros(0, dtype=bool)
        self.rule: dict[str, Any] = {}
        self.particle: int | None = None
        self.path: Rows | None = None
        self.history = History()
        self.camera_path = CameraPath(self.history)
        self.neighbours = NeighbourView()
        self._colouring: Colouring | None = None
        self._rows: dict[ParticleId, int] = {}
        self.named = NamedSelections(self)
        self.marks = Marks(self)

    # what is open

    def open_star(self, path: Path) -> None:
        """Open the particles of a star file; what was open is closed.

        Raises
        ------
        InputError
            Where it can't be read; what was open stays.
        """
        self.show(read_star(path))

    def open_run(self, path: Path, epoch: int | None = None) -> None:
        """Open a run at an epoch (default: the chosen one, or none yet); what was open is closed.

        Raises
        ------
        InputError
            Where it can't be read; what was open stays.
        """
        self.show(read_run(path, epoch))

    def show(self, opened: Opened) -> None:
        """Show what was read, in a thread maybe; what was open is closed."""
        if self.particle_set is None or self.particle_set.source.path != opened.particle_set.source.path:
            self.camera_path.set(())
        self.particle_set, self.run, self.epoch = opened.particle_set, opened.run, opened.epoch
        self.columns, self._rows = dict(opened.columns), opened.rows
        self.selected, self.rule = np.zeros(len(opened.particle_set), dtype=bool), {}
        self.particle = self.path = None
        self.labels, self.styles, self.coloured_by = {}, {}, self.first_colours()
        self.volume_style = VolumeStyle()
        self._colouring = None
        self.tomogram = self.tomograms[0] if self.tomograms else None
        self.history.clear()
        self.data_changed.emit()

    def first_colours(self) -> str:
        """Return the labelling with the fewest classes, or what there is without one."""
        labellings = {name: own for name, own in self.columns.items() if isinstance(own, Classes) and "-" in name}
        labellings = {name: own for name, own in labellings.items() if not is_named(name)}
        return min(labellings, key=lambda name: len(labellings[name].names), default=PLAIN)

    def read_again(self) -> None:
        """Read what the run's folder says now, for an epoch or an analysis that was not there before.

        Raises
        ------
        InputError
            Where it can't be read; what is shown stays.
        """
        if self.particle_set is not None and self.run is not None:
            self.renew(read_anew(self.particle_set, self.run, self.epoch))

    def renew(self, opened: Opened) -> None:
        """Show what :func:`read_anew` found; the selection, labels and styles stay."""
        if opened.particle_set is self.particle_set and opened.epoch == self.epoch and opened.run is not None:
            self.show_epoch(opened.run, opened.epoch, kept_classes(self.columns) | opened.columns)

    def show_epoch(self, run: Run, epoch: int | None, columns: Columns) -> None:
        """Show what an epoch of the run says of the open particles; what was done with them stays."""
        self.run, self.epoch, self.columns = run, epoch, self.marks.among(with_named(columns, self.labels))
        self._colouring = None
        if self.coloured_by not in self.columns:
            self.coloured_by = self.first_colours()
        self.epochs_changed.emit()
        self.columns_changed.emit()
        self.colouring_changed.emit()

    def __len__(self) -> int:
        return len(self.selected)

    def row_of(self, particle: ParticleId) -> int | None:
        """Return the row of a particle, ``None`` where it is not in the set."""
        return self._rows.get(particle)

    # tomograms

    @property
    def tomograms(self) -> list[str]:
        """The names of the tomograms that particles are in, in the order of the set."""
        column = self.columns.get("tomogram")
        return list(column.names) if isinstance(column, Classes) else []

    def open_tomogram(self, name: str) -> None:
        """Look at another tomogram.

        Raises
        ------
        InputError
            Where the set has no particles in it.
        """
        if name not in self.tomograms:
            raise InputError(f"tomogram {name}: has no particles in the open data set; choose one of its tomograms")
        if name != self.tomogram:
            self.tomogram = name
            self.tomogram_changed.emit()

    @property
    def rows_in_tomogram(self) -> Rows:
        """(n,) the particles of the open tomogram."""
        tomograms = self.columns.get("tomogram")
        if self.tomogram is None or not isinstance(tomograms, Classes):
            return np.zeros(0, np.int64)
        return np.flatnonzero(tomograms.codes == tomograms.names.index(self.tomogram))

    @property
    def rows_here(self) -> Rows:
        """(n,) the particles of the open tomogram that have a position."""
        rows = self.rows_in_tomogram
        if self.particle_set is None:
            return rows
        position = self.particle_set.particles[["z", "y", "x"]].to_numpy(np.float64)[rows]
        placed: Rows = rows[np.isfinite(position).all(axis=1)]
        return placed

    # colours

    @property
    def colouring(self) -> Colouring:
        """The colours of all particles."""
        if self._colouring is None:
            if self.coloured_by is None:
                self._colouring = Colouring(np.zeros((0, 4), np.float32))
            else:
                style = self.styles.get(self.coloured_by)
                self._colouring = colour_by(self.columns[self.coloured_by], style)
        return self._colouring

    def colour_by(self, column: str) -> None:
        """Colour particles by another column.

        Raises
        ------
        InputError
            Where there is no such column.
        """
        self.column(column)
        if column != self.coloured_by:
            self.history.do(Change(f"colour by {column}", self._set_coloured_by, self.coloured_by, column))

    def column(self, name: str) -> Column:
        """Return a column.

        Raises
        ------
        InputError
            Where there is none of that name.
        """
        if name not in self.columns:
            raise InputError(f"column {name}: is not known of these particles; choose one of {', '.join(self.columns)}")
        return self.columns[name]

    def _set_coloured_by(self, column: object) -> None:
        self.coloured_by = str(column) if column in self.columns else self.first_colours()
        self.restyled()

    def name_class(self, column: str, code: int, name: str) -> None:
        """Give a class another name, in every view; a class of labels that were given is labelled anew."""
        for labelled, labels in self.labels.items():
            if column == named(labelled):
                self._relabel(f"rename label {labels.names[code]}", labelled, labels.renamed(labels.names[code], name))
                return
        style = self.styles.get(column, ClassStyle({}, {}))
        self._restyle(f"name class {name}", column, replace(style, names={**style.names, code: name}))

    def paint_class(self, column: str, code: int, colour: Colour) -> None:
        """Give a class another colour (red, green, blue, alpha from 0 to 1), in every view.

        Alpha 0 hides it; below 1 it is faded, and of volumes at their poses its are grey and coarse.
        """
        style = self.styles.get(column, ClassStyle({}, {}))
        self._restyle("paint a class", column, replace(style, colours={**style.colours, code: colour}))

    def label_classes(self, column: str, labels: dict[int, str]) -> None:
        """Give words to classes of a column, by code, in place of all that were given before; several may share one.

        Particles have them in the column ``"COLUMN named"``, which is there while there are any.

        Raises
        ------
        InputError
            Where the column has no classes, or none of such a code.
        """
        classes = self.column(column)
        if not isinstance(classes, Classes) or is_named(column):
            raise InputError(f"column {column}: has no classes that can be labelled; choose a labelling")
        before = self.labels.get(column, ClassLabels.none(classes))
        after = before.followed_by(classes, labels)
        if after != before:
            self._relabel(f"label classes of {column}", column, after)

    def rename_label(self, column: str, before: str, after: str) -> None:
        """Give another word to the classes of a column that have one."""
        labels = self.labels.get(column)
        if labels is not None and before in labels.names and before != after:
            self._relabel(f"rename label {before}", column, labels.renamed(before, after))

    def _relabel(self, name: str, column: str, labels: ClassLabels) -> None:
        after = {**self.labels, column: labels}
        if not labels.of_class:
            del after[column]
        lost = self.coloured_by == named(column) and not labels.of_class
        colours = column if lost else self.coloured_by
        self.history.do(Change(name, self._set_labels, (self.labels, self.coloured_by), (after, colours)))

    def _set_labels(self, value: Any) -> None:
        before, names = self.coloured_by, list(self.columns)
        self.labels, coloured_by = value
        plain = {name: own for name, own in self.columns.items() if not is_named(name)}
        self.columns = with_named(plain, self.labels)
        self.coloured_by = coloured_by if coloured_by in self.columns else self.first_colours()
        recoloured = self.coloured_by != before or is_named(self.coloured_by)
        if recoloured:
            self._colouring = None
        if list(self.columns) != names:  # views make much anew when columns come and go
            self.columns_changed.emit()
        self.labels_changed.emit()
        if recoloured:
            self.colouring_changed.emit()

    def _restyle(self, name: str, column: str, style: ClassStyle) -> None:
        after = {**self.styles, column: style}
        self.history.do(Change(name, self._set_styles, self.styles, after))

    def _set_styles(self, styles: Any) -> None:
        self.styles = styles
        self.restyled()

    def set_volume_style(self, style: Any) -> None:
        """Show volumes at their poses in another way; what a person asks for is a command that calls this."""
        self.volume_style = style
        self.volume_style_changed.emit()

    def restyled(self) -> None:
        """Work the colours out anew and tell the views."""
        self._colouring = None
        self.colouring_changed.emit()

    # the selection

    def select(self, mask: Mask, rule: dict[str, Any], how: How = "replace", *, always: bool = False) -> None:
        """Change the selection by a mask (N,) and the rule that made it; ``always``: also where no particle changes."""
        mask = np.asarray(mask, dtype=bool)
        after = {
            "replace": mask,
            "add": self.selected | mask,
            "subtract": self.selected & ~mask,
            "intersect": self.selected & mask,
        }[how]
        if how != "replace" and self.selected.any():
            rule = combined(how, [self.rule, rule])
        if (after == self.selected).all() and (rule == self.rule or not always):
            return
        # a bit a particle, as there is no end to what is remembered
        states = [(np.packbits(each), made) for each, made in ((self.selected, self.rule), (after, rule))]
        self.history.do(Change(f"select {int(after.sum())} particles", self._set_selected, *states))

    def select_rows(self, rows: Iterable[int], rule: dict[str, Any], how: How = "replace") -> None:
        """Change the selection by the particles of some rows."""
        mask = np.zeros(len(self), dtype=bool)
        mask[np.fromiter(rows, np.int64)] = True
        self.select(mask, rule, how)

    def select_class(self, column: str, code: int, how: How = "replace") -> None:
        """Change the selection by the particles of a class."""
        classes = self.column(column)
        assert isinstance(classes, Classes)
        self.select(classes.codes == code, OfClasses(column=column, classes=(classes.names[code],)).tree, how)

    def select_between(self, column: str, low: float, high: float, how: How = "replace") -> None:
        """Change the selection by the particles whose number lies within limits, ends included."""
        numbers = self.column(column)
        assert isinstance(numbers, Numbers)
        inside = (numbers.values >= low) & (numbers.values <= high)
        self.select(inside, Between(column=column, low=low, high=high).tree, how)

    def invert(self) -> None:
        """Select the particles that are not selected, and no others."""
        self.select(~self.selected, inverted(self.rule))

    def _set_selected(self, value: Any) -> None:
        packed, self.rule = value
        self.selected = np.unpackbits(packed, count=len(self)).astype(bool)
        self.selection_changed.emit()

    def as_selection(self, name: str) -> Selection:
        """Return the selection under a name, by particle id."""
        assert self.particle_set is not None
        ids = self.particle_set.ids
        chosen = frozenset(ids[row] for row in np.flatnonzero(self.selected))
        return Selection(name, chosen, self.rule, run=None if self.run is None else str(self.run.path.absolute()))

    # one particle

    def look_at(self, row: int | None) -> None:
        """Look at one particle by itself, or at none."""
        if row != self.particle:
            self.particle = row
            self.particle_changed.emit()

    def go_along(self, rows: Iterable[int]) -> None:
        """Go along a way through particles, given by row."""
        self.path = np.fromiter(rows, np.int64)
        self.path_changed.emit()

    def undo(self) -> bool:
        """Take the last change back, and return whether there was one."""
        return self.history.undo()

    def redo(self) -> bool:
        """Make the change again that was last taken back, and return whether there was one."""
        return self.history.redo()
