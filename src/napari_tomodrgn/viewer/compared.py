"""The session beside another run, epoch or labelling: which particle is which, and what is selected on either side.

A is the session, B what it is compared with. Particles are the same where their ids are; what is selected is the
session's alone, so that every view shows it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.analysis.columns import Classes, Columns, Numbers
from napari_tomodrgn.analysis.label_agreement import NO_PARTNER
from napari_tomodrgn.analysis.rule_trees import BY_HAND
from napari_tomodrgn.analysis.run_comparison import RunComparison
from napari_tomodrgn.viewer.colouring import WITHOUT, Colour, Colours, legend_of, palette_of
from napari_tomodrgn.viewer.comparing import NOT_HERE, Found
from napari_tomodrgn.viewer.session import How, Mask, Rows, Session

STAYED, CHANGED = (0.62, 0.62, 0.62, 0.5), (0.835, 0.369, 0.0, 1.0)  # grey, vermilion


class Compared:
    """What a session is compared with.

    Attributes
    ----------
    comparison
        ``None`` while there is nothing to compare with.
    columns
        All that is known of B's particles, by name.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self.session = session
        self.comparison: RunComparison | None = None
        self.columns: Columns = {}
        self._here: Rows = np.zeros(0, np.int64)  # of each particle of B, its row in the session
        self._row_of_a: Rows = np.zeros(0, np.int64)

    # what was found

    def take(self, found: Found) -> None:
        """Take what was found to be what the session is compared with, unless another data set was opened since."""
        if found.asked.particle_set is not self.session.particle_set:
            return
        self.comparison, self.columns = found.comparison, found.columns
        self._row_of_a, self._here = found.rows_a, found.rows_b
        self.changed.emit()

    def take_seeds(self, comparison: RunComparison) -> None:
        """Take the interval over seeds, which comes later."""
        if self.comparison is None:
            return
        self.comparison = comparison
        self.changed.emit()

    def forget(self) -> None:
        """Compare with nothing any more."""
        if self.comparison is not None:
            self.comparison, self.columns = None, {}
            self._here = self._row_of_a = np.zeros(0, np.int64)
            self.changed.emit()

    def __len__(self) -> int:
        return len(self._here)

    def values(self, column: str) -> npt.NDArray[np.float64]:
        """Return the numbers (N,) of a column of B; NaN where there is none of that name."""
        own = self.columns.get(column)
        return own.values if isinstance(own, Numbers) else np.full(len(self), np.nan)

    @property
    def selected(self) -> Mask:
        """(N,) which particles of B are selected in the session."""
        return self._from_session(self.session.selected, False)

    @property
    def particle(self) -> int | None:
        """The row in B of the particle that is looked at."""
        if self.session.particle is None:
            return None
        rows = np.flatnonzero(self._here == self.session.particle)
        return int(rows[0]) if len(rows) else None

    def row_here(self, row: int) -> int | None:
        """Return the row in the session of a particle of B, ``None`` where it is not there."""
        here = int(self._here[row])
        return None if here == NOT_HERE else here

    def _from_session(self, values: npt.NDArray[Any], missing: Any) -> npt.NDArray[Any]:
        result = np.full((len(self._here), *values.shape[1:]), missing, dtype=values.dtype)
        there = self._here != NOT_HERE
        result[there] = values[self._here[there]]
        return result

    # colours

    def colours_as_here(self) -> Colours:
        """Return the colours (N, 4) that the session gives to B's particles; those it lacks are grey."""
        return self._from_session(self.session.colouring.rgba, WITHOUT)

    def colours_of_classes(self) -> Colours:
        """Return the colours (N, 4) of B's classes: those of their partners in A, as the session has them."""
        labelling = None if self.comparison is None else self.comparison.b.labelling
        if labelling is None:
            return np.full((len(self), 4), WITHOUT, dtype=np.float32)
        return np.array([*self.class_colours()[1], WITHOUT], dtype=np.float32)[labelling.codes]

    def class_colours(self) -> tuple[list[Colour], list[Colour]]:
        """Return the colours of the classes of A, and of those of B; those without a partner have further ones."""
        comparison = self.comparison
        if comparison is None or comparison.agreement is None:
            return [], palette_of(
                () if comparison is None or comparison.b.labelling is None else comparison.b.labelling.names
            )
        a, b = comparison.a.labelling, comparison.b.labelling
        assert a is not None
        assert b is not None
        column, count = self.session.columns.get(a.name), len(a.names)
        as_first = comparison.coloured_as()
        alone = np.flatnonzero(as_first == NO_PARTNER).tolist()
        own = palette_of([*a.names, *(b.names[code] for code in alone)])
        if isinstance(column, Classes) and len(column.names) == count:
            own[:count] = [entry.colour for entry in legend_of(column, self.session.styles.get(a.name))]
        more = dict(zip(alone, own[count:], strict=True))
        return own[:count], [more.get(code, own[first]) for code, first in enumerate(as_first.tolist())]

    def colours_of_change(self) -> Colours:
        """Return colours (N, 4) that tell the particles that changed class from the others."""
        result = np.full((len(self), 4), STAYED, dtype=np.float32)
        changed = np.zeros(len(self.session), dtype=bool)
        changed[self.changed_rows()] = True
        result[self._from_session(changed, False)] = CHANGED
        return result

    # selecting

    def select(self, mask: Mask, rule: dict[str, Any], how: How = "replace") -> None:
        """Change the session's selection by particles of B, given by a mask (N,); those it lacks are left out."""
        rows = self._here[mask]
        self._select(rows[rows != NOT_HERE], rule, how)

    def changed_rows(self) -> Rows:
        """Return the session's rows of the particles that changed class."""
        return np.zeros(0, np.int64) if self.comparison is None else self._row_of_a[self.comparison.changed()]

    def select_changed(self, how: How = "replace") -> None:
        """Select the particles that changed class."""
        self._select(self.changed_rows(), {"rule": "changed class"}, how)

    def select_some(self, rows: Rows) -> None:
        """Select some of the particles that changed class, by the session's rows."""
        self._select(rows, {"rule": "table"}, "replace")

    def select_cell(self, a: int | None, b: int | None, how: How = "replace") -> None:
        """Select the particles that are of a class of A and a class of B; ``None`` is any class."""
        comparison = self.comparison
        if comparison is None or comparison.agreement is None:
            return
        first, second = comparison.classes()
        meant = np.ones(len(first), dtype=bool)
        meant &= True if a is None else first == a
        meant &= True if b is None else second == b
        rows = self._row_of_a[comparison.rows_a[comparison.labelled[meant]]]
        assert comparison.a.labelling is not None
        assert comparison.b.labelling is not None
        parts = ((a, comparison.a.labelling), (b, comparison.b.labelling))
        names = [f"{own.names[code]} of {own.name}" for code, own in parts if code is not None]
        self._select(rows, {"rule": " and ".join(names)}, how)

    def _select(self, rows: Rows, rule: dict[str, Any], how: How) -> None:
        comparison = self.comparison
        assert comparison is not None
        labels = None if comparison.b.labelling is None else comparison.b.labelling.name
        other = {"run": str(comparison.b.run.path), "epoch": comparison.b.epoch, "labels": labels}
        if rule["rule"] not in BY_HAND:  # no rule that could be applied again: it is about two runs
            rule = {**rule, "rule": f"{rule['rule']}, compared with {comparison.names[1]}"}
        self.session.select_rows(rows.tolist(), {**rule, "compared with": other}, how)

    def show(self, row: int) -> None:
        """Look at a particle of the session, in its tomogram."""
        tomograms = self.session.columns.get("tomogram")
        if isinstance(tomograms, Classes):
            self.session.open_tomogram(tomograms.names[int(tomograms.codes[row])])
        self.session.look_at(row)


def summary_of(comparison: RunComparison) -> str:
    """Return in one line what was compared."""
    a, b = comparison.names
    alone = [len(side.ids) - comparison.shared for side in (comparison.a, comparison.b)]
    parts = [f"{comparison.shared:,} particles in both"]
    parts += [f"{count:,} only in {side}" for side, count in zip("AB", alone, strict=True) if count]
    if comparison.agreement is not None:
        changed, compared = int(comparison.agreement.changed.sum()), len(comparison.labelled)
        parts.append(f"{changed:,} of {compared:,} changed class ({changed / compared:.1%})")
        parts.append(f"adjusted Rand index {comparison.agreement.ari:.3f}")
    return f"A: {a}, B: {b} · " + " · ".join(parts)


def agreement_in_words(comparison: RunComparison) -> str:
    """Return how well the classes agree, and how far that can be relied on."""
    found = comparison.agreement
    if found is None:
        return "No classes were compared: choose some on both sides."
    parts = [f"Adjusted Rand index {found.ari:.3f}, mutual information {found.ami:.3f}"]
    seeds = comparison.over_seeds
    if seeds is not None:
        low, high = seeds.between.interval
        within = [
            f"{side} with itself {spread.median:.3f}"
            for side, spread in (("A", seeds.within_a), ("B", seeds.within_b))
            if spread is not None
        ]
        parts.append(f"over seeds {low:.3f} to {high:.3f} ({', '.join(within)})")
    if comparison.over_tomograms is not None:
        low, high = comparison.over_tomograms.interval
        parts.append(f"over {comparison.tomograms} tomograms {low:.3f} to {high:.3f}")
    return " · ".join(parts)


def latents_in_words(comparison: RunComparison) -> str:
    """Return how alike the latent spaces are."""
    own = comparison.alignment
    if own is None:
        return "The latents can't be laid on one another: both sides need some, of three particles or more."
    values = " ".join(f"{value:.2f}" for value in own.canonical[:4])
    return (
        f"Laid on A, B explains {own.explained:.0%} of its variance (by chance {own.explained_by_chance:.0%}) · "
        f"canonical correlations {values} (by chance {own.canonical_by_chance[0]:.2f} at first)"
    )
