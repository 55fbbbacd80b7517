"""Looking at particles one by one in an order, and giving each a mark. Knows no Qt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.viewer.marks import JUNK, KEEP
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.scene import Scene

Rows = npt.NDArray[np.int64]
# letters that neither napari nor its points take
KEYS = {"N": "next", "B": "previous", "K": "keep", "J": "junk", "L": "label", "U": "take_back"}


class Review:
    """The particles that are looked at, and the one among them that is.

    Attributes
    ----------
    rows
        In their order; empty where there is no review.
    place
        Of the particle that is looked at, among them.
    word
        What the key of labels gives.
    """

    moved = Signal()

    def __init__(self, scene: Scene) -> None:
        self.scene, self.session = scene, scene.session
        self.rows: Rows = np.zeros(0, np.int64)
        self.place = 0
        self.word = "unsure"
        self._bound = False
        self.session.data_changed.connect(self.end)

    @property
    def on(self) -> bool:
        """Whether particles are reviewed."""
        return len(self.rows) > 0

    def begin(self, column: str | None, *, highest: bool = False, selected: bool = False) -> None:
        """Look at all particles, or those that are selected, in the order of a column of numbers.

        Particles without a number come last, and those of equal ones in the order of the set.

        Raises
        ------
        InputError
            Where there is no such column, or none is selected.
        """
        rows = np.flatnonzero(self.session.selected) if selected else np.arange(len(self.session))
        if not len(rows):
            what = "no particle is selected; select some, or review all" if selected else "open a star or a run first"
            raise InputError(f"nothing to review: {what}")
        if column is not None:
            numbers = self.session.column(column)
            if not isinstance(numbers, Numbers):
                raise InputError(f"column {column}: holds no numbers, so it gives no order; choose another one")
            values = numbers.values[rows]
            rows = rows[np.argsort(-values if highest else values, kind="stable")]
        self.rows = rows
        self._bind(True)
        self.go_to(0)

    def end(self) -> None:
        """Review no more."""
        self._bind(False)
        self.rows, self.place = np.zeros(0, np.int64), 0
        self.moved.emit()

    def _bind(self, bound: bool) -> None:
        """Let keys in the viewer do what they say, or what they did before."""
        viewer = self.scene.viewer
        if viewer is None or bound == self._bound:  # the window is closed
            return
        self._bound = bound
        for key, name in KEYS.items():
            viewer.bind_key(key, _pressing(self, name) if bound else None, overwrite=True)

    @property
    def row(self) -> int | None:
        """The particle that is looked at."""
        return int(self.rows[self.place]) if self.on else None

    def go_to(self, place: int) -> None:
        """Look at the particle at a place of the order; before the first and after the last there is none."""
        if self.on:
            self.place = min(max(place, 0), len(self.rows) - 1)
            self.session.look_at(self.row)
            self.moved.emit()

    def go_to_row(self, row: int) -> None:
        """Look at a particle that is among those reviewed."""
        found = np.flatnonzero(self.rows == row)
        if len(found):
            self.go_to(int(found[0]))

    def next(self) -> None:
        """Look at the next one."""
        self.go_to(self.place + 1)

    def previous(self) -> None:
        """Look at the one before."""
        self.go_to(self.place - 1)

    def mark(self, word: str) -> None:
        """Give the particle that is looked at a mark, or none by an empty word, and go on to the next."""
        if self.row is not None:
            self.session.marks.mark([self.row], word)
            self.next()

    def keep(self) -> None:
        """Mark it as one to keep."""
        self.mark(KEEP)

    def junk(self) -> None:
        """Mark it as junk."""
        self.mark(JUNK)

    def label(self) -> None:
        """Mark it with the word that was chosen."""
        self.mark(self.word)

    def take_back(self) -> None:
        """Take the last change back, and look at the particle it was of where it is among them."""
        before = self.session.marks.column.codes
        self.session.undo()
        changed = np.flatnonzero(before != self.session.marks.column.codes)
        if len(changed) == 1:
            self.go_to_row(int(changed[0]))

    def flight(self) -> "Flight | None":
        """Return the camera's way to the particle that is looked at, whose tomogram is open then."""
        particle_set = self.session.particle_set
        if self.row is None or particle_set is None:
            return None
        self.session.open_tomogram(str(particle_set.particles["tomogram"].iat[self.row]))
        position = particle_set.particles[["z", "y", "x"]].to_numpy(np.float64)[self.row]
        return Flight.of(self.scene.viewer, position) if np.isfinite(position).all() else None


def _pressing(review: Review, name: str) -> Callable[[Any], None]:
    """Return what a key does; napari wants a function with a name."""

    def press(_viewer: Any) -> None:
        try:
            getattr(review, name)()
        except (InputError, RunError) as error:
            show_error(str(error))

    press.__name__ = f"review_{name}"
    return press


@dataclass(frozen=True)
class Flight:
    """The way of a viewer's camera and slice to a place, z, y, x in Å."""

    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]

    @classmethod
    def of(cls, viewer: Any, end: npt.NDArray[np.float64]) -> "Flight":
        """Begin where the viewer looks."""
        centre = np.array(viewer.scene.camera.center[-3:], dtype=np.float64)
        if viewer.dims.ndisplay == 2:
            upwards, across = (int(axis) - (viewer.dims.ndim - 3) for axis in viewer.dims.displayed[-2:])
            start = np.array(viewer.dims.point[-3:], dtype=np.float64)
            start[[upwards, across]] = viewer.scene.camera.center[-2:]
            return cls(start, end)
        return cls(centre, end)

    def show(self, viewer: Any, share: float) -> None:
        """Let a viewer look at a place of the way, from 0 to 1: slow at both ends."""
        eased = share * share * (3 - 2 * share)
        place = self.start + eased * (self.end - self.start)
        if viewer.dims.ndisplay == 2:
            shown = [int(axis) for axis in viewer.dims.displayed[-2:]]
            (aside,) = set(range(viewer.dims.ndim)[-3:]) - set(shown)
            offset = viewer.dims.ndim - 3
            viewer.dims.set_point(aside, float(place[aside - offset]))
            viewer.scene.camera.center = (0.0, *(float(place[axis - offset]) for axis in shown))
        else:
            viewer.scene.camera.center = tuple(map(float, place))
