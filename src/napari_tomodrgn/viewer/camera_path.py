"""A camera's way through a tomogram: stops, how long it takes from one to the next, and where it is between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from psygnal import Signal
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation, RotationSpline, Slerp

from napari_tomodrgn.viewer.history import Change, History

Vector = tuple[float, float, float]
Pace = Literal["ease", "steady", "flow"]
PACES: tuple[Pace, ...] = get_args(Pace)
SECONDS = 3.0  # to a stop, unless said otherwise
SHORTEST = 0.1  # seconds


@dataclass(frozen=True)
class Stop:
    """What a viewer's camera sees.

    Attributes
    ----------
    centre
        z, y, x in Å that the camera looks at; of a slice, z is where it lies.
    zoom
        Pixels of the window per Å.
    towards, up
        z, y, x, unit vectors in which the camera looks, and which is up in the window.
    point
        Where the sliders of the dimensions stand, Å.
    order
        Of the dimensions, those that are displayed last.
    ndisplay
        2 for a slice, 3 for all of it.
    seconds
        That it takes to come here from the stop before.
    """

    centre: Vector
    zoom: float
    towards: Vector
    up: Vector
    point: tuple[float, ...]
    order: tuple[int, ...]
    ndisplay: int
    seconds: float = SECONDS

    @property
    def rotation(self) -> Rotation:
        """Turns the axes z, y, x into the camera's: towards, up, and across both."""
        return Rotation.from_matrix(np.stack([self.towards, self.up, np.cross(self.towards, self.up)], axis=1))


class Interpolation:
    """Where the camera is at any time on its way through stops, at each of which it comes exactly to what that is.

    Between two stops the places are on a straight line and the zoom is in proportion to time by its logarithm, so that
    things grow evenly; rotations go about one axis, the short way (Shoemake, 1985). A leg between a slice and all of a
    tomogram shows all of it.

    Parameters
    ----------
    stops
        At least one.
    pace
        ``"ease"``: each leg begins and ends at rest; ``"steady"``: each is gone evenly; ``"flow"``: the whole way is a
        smooth curve through the stops, without a halt.
    """

    def __init__(self, stops: Sequence[Stop], pace: Pace = "ease") -> None:
        self.stops, self.pace = tuple(stops), pace
        self.times = np.cumsum([0.0, *(stop.seconds for stop in self.stops[1:])])
        self._linear = np.array([[*stop.centre, np.log(stop.zoom)] for stop in self.stops])
        self._rotations = Rotation.concatenate([stop.rotation for stop in self.stops])
        if len(self.stops) > 1:
            flows = pace == "flow"
            self._turn = (RotationSpline if flows else Slerp)(self.times, self._rotations)
            self._curve = PchipInterpolator(self.times, self._linear) if flows else None

    @property
    def seconds(self) -> float:
        """How long all of it takes."""
        return float(self.times[-1])

    def at(self, seconds: float) -> Stop:
        """Return what the camera sees so long after the start."""
        leg = int(np.clip(np.searchsorted(self.times, seconds, side="right") - 1, 0, len(self.stops) - 1))
        start = self.stops[leg]
        if leg == len(self.stops) - 1 or seconds <= self.times[leg]:
            return start
        goal = self.stops[leg + 1]
        share = (seconds - self.times[leg]) / goal.seconds
        if self.pace == "ease":
            share = share**2 * (3 - 2 * share)
        time = self.times[leg] + share * goal.seconds
        if self._curve is None:
            row = (1 - share) * self._linear[leg] + share * self._linear[leg + 1]
        else:
            row = self._curve(time)
        towards, up, _ = self._turn(time).as_matrix().T
        point = start.point
        if len(start.point) == len(goal.point):
            point = tuple((1 - share) * one + share * other for one, other in zip(start.point, goal.point, strict=True))
        return replace(
            start if start.ndisplay >= goal.ndisplay else goal,
            centre=_vector(row[:3]), zoom=float(np.exp(row[3])), towards=_vector(towards), up=_vector(up), point=point,
        )  # fmt: skip

    def frames(self, fps: int) -> npt.NDArray[np.float64]:
        """Return the times of the pictures of a movie: from the first stop to the last, both included."""
        count = int(np.ceil(round(self.seconds * fps, 6))) + 1
        return np.minimum(np.arange(count) / fps, self.seconds)


def _vector(values: npt.NDArray[np.float64]) -> Vector:
    z, y, x = map(float, values)
    return z, y, x


class CameraPath:
    """The stops that a person set; what changes them is a command that can be undone."""

    changed = Signal()

    def __init__(self, history: History) -> None:
        self._history = history
        self.stops: tuple[Stop, ...] = ()
        self.pace: Pace = "ease"

    def set(self, stops: Sequence[Stop], pace: Pace | None = None) -> None:
        """Take these as they are, with nothing to be undone."""
        self.stops, self.pace = tuple(stops), pace or self.pace
        self.changed.emit()

    def set_pace(self, pace: Pace) -> None:
        """Go through the stops in another way."""
        self.set(self.stops, pace)

    def add(self, stop: Stop, after: int | None = None) -> int:
        """Add a stop after one, or at the end, and return its place."""
        place = len(self.stops) if after is None else after + 1
        self._change("add a stop", [*self.stops[:place], stop, *self.stops[place:]])
        return place

    def update(self, place: int, stop: Stop) -> None:
        """Put another in the place of a stop; the time it takes to come there stays."""
        self._change("change a stop", self._with(place, replace(stop, seconds=self.stops[place].seconds)))

    def take_seconds(self, place: int, seconds: float) -> None:
        """Let it take another time to come to a stop."""
        self._change("time a stop", self._with(place, replace(self.stops[place], seconds=max(seconds, SHORTEST))))

    def remove(self, place: int) -> None:
        """Remove a stop."""
        self._change("remove a stop", [*self.stops[:place], *self.stops[place + 1 :]])

    def move(self, place: int, by: int) -> int:
        """Let a stop come earlier or later, and return its new place."""
        to = min(max(place + by, 0), len(self.stops) - 1)
        stops = list(self.stops)
        stops.insert(to, stops.pop(place))
        self._change("move a stop", stops)
        return to

    def _with(self, place: int, stop: Stop) -> list[Stop]:
        return [*self.stops[:place], stop, *self.stops[place + 1 :]]

    def _change(self, name: str, stops: Sequence[Stop]) -> None:
        if tuple(stops) != self.stops:
            self._history.do(Change(name, self._give, self.stops, tuple(stops)))

    def _give(self, stops: object) -> None:
        assert isinstance(stops, tuple)
        self.set(stops)
