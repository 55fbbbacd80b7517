"""A session as a file beside its run, ``sessions/NAME.json``: reopened, it looks as it did."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.viewer.camera_path import SHORTEST, CameraPath, Pace, Stop
from napari_tomodrgn.viewer.class_labels import ClassLabels, with_named
from napari_tomodrgn.viewer.colouring import ClassStyle, Colour
from napari_tomodrgn.viewer.neighbour_view import NeighbourStyle
from napari_tomodrgn.viewer.opening import Opened, read_run, read_star
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_style import VolumeStyle

FORMAT = 1
FOLDER = "sessions"
AUTOSAVED = "last"


class _Style(BaseModel):
    """Names and colours given to the classes of a column, by code."""

    names: dict[int, str] = {}
    colours: dict[int, Colour] = {}


class _Labels(BaseModel):
    """Words given to the classes of a column, by code, all words in their order, and which classes were meant."""

    of_class: dict[int, str]
    names: tuple[str, ...]
    digest: str


Vector = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class _Stop(BaseModel):
    """A stop of the camera, as :class:`Stop` has it."""

    centre: Vector
    zoom: FiniteFloat = Field(gt=0)
    towards: Vector
    up: Vector
    point: tuple[FiniteFloat, ...]
    order: tuple[int, ...]
    ndisplay: Literal[2, 3]
    seconds: FiniteFloat = Field(ge=SHORTEST)


class _CameraPath(BaseModel):
    """A camera's stops, and how it goes through them."""

    pace: Pace = "ease"
    stops: list[_Stop] = []

    @classmethod
    def of(cls, path: CameraPath) -> "_CameraPath":
        return cls(pace=path.pace, stops=[_Stop(**asdict(stop)) for stop in path.stops])

    def give(self, path: CameraPath) -> None:
        path.set([Stop(**stop.model_dump()) for stop in self.stops], self.pace)


class _Volumes(BaseModel):
    """How volumes at their poses are shown."""

    only_selected: bool = False
    beside: str | None = None


class _Document(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(extra="ignore")

    format: int
    run: str | None = None
    star: str | None = None
    epoch: int | None = None
    tomogram: str | None = None
    coloured_by: str | None = None
    styles: dict[str, _Style] = {}
    labels: dict[str, _Labels] = {}
    volumes: _Volumes = _Volumes()
    neighbours: NeighbourStyle = NeighbourStyle()
    selected: list[ParticleId] = []
    rule: dict[str, Any] = {}
    marks: dict[str, list[ParticleId]] = {}
    particle: ParticleId | None = None
    camera_path: _CameraPath = _CameraPath()
    view: dict[str, Any] = {}


def save_session(session: Session, path: Path, view: dict[str, Any] | None = None) -> None:
    """Write a session; ``view`` is what the viewer adds to it, plain values.

    A run is named by its path relative to the file where it holds the file, so that both can be moved together.

    Raises
    ------
    InputError
        Where nothing is open, or the file can't be written.
    """
    if session.particle_set is None:
        raise InputError(f"{path}: there is nothing to save; open a star file or a run first")
    ids = session.particle_set.ids
    run = None
    if session.run is not None:
        folder, own = path.absolute().parent, session.run.path.absolute()
        run = ".." if folder == own / FOLDER else str(own)
    document = _Document(
        format=FORMAT,
        run=run,
        star=None if session.run is not None else str(session.particle_set.source.path.absolute()),
        epoch=session.epoch,
        tomogram=session.tomogram,
        coloured_by=session.coloured_by,
        styles={name: _Style(names=own.names, colours=own.colours) for name, own in session.styles.items()},
        labels={
            name: _Labels(of_class=own.of_class, names=own.names, digest=own.digest)
            for name, own in session.labels.items()
        },
        volumes=_Volumes(**asdict(session.volume_style)),
        neighbours=session.neighbours.style,
        selected=[ids[row] for row in session.selected.nonzero()[0]],
        rule=session.rule,
        marks=session.marks.as_dict(),
        particle=None if session.particle is None else ids[session.particle],
        camera_path=_CameraPath.of(session.camera_path),
        view=view or {},
    )
    with atomic_open(path) as stream:
        json.dump(document.model_dump(), stream, indent=1)


@dataclass(frozen=True)
class SavedSession:
    """A session that was read, with what it had open; shown by :func:`restore_session`."""

    document: "_Document"
    opened: Opened


def load_session(session: Session, path: Path) -> tuple[dict[str, Any], list[str]]:
    """Open what a saved session had open, as it was: :func:`restore_session` of :func:`read_session`."""
    return restore_session(session, read_session(path))


def read_session(path: Path) -> SavedSession:
    """Read a saved session, and the run or star that it names; in a thread maybe.

    Raises
    ------
    InputError
        Where one of them can't be read.
    """
    document = _read(path)
    if document.run is not None:
        run = (path.absolute().parent / document.run).resolve()
        return SavedSession(document, read_run(run, document.epoch))
    if document.star is not None:
        return SavedSession(document, read_star(Path(document.star)))
    raise InputError(f"{path}: names neither a run nor a star file; save the session again")


def restore_session(session: Session, saved: SavedSession) -> tuple[dict[str, Any], list[str]]:
    """Show a saved session as it was; return what the viewer had added, and what could not be kept."""
    document = saved.document
    session.show(saved.opened)
    lost: list[str] = []
    if document.tomogram in session.tomograms:
        session.open_tomogram(str(document.tomogram))
    elif document.tomogram is not None:
        lost.append(f"tomogram {document.tomogram} is not in the data set any more")
    session.labels = {name: ClassLabels(own.of_class, own.names, own.digest) for name, own in document.labels.items()}
    session.columns = with_named(session.columns, session.labels)
    lost += [
        f"labels of {name} are of other classes than it has now"
        for name, own in session.labels.items()
        if not own.fit(session.columns.get(name))
    ]
    gone = session.marks.restore(document.marks)
    if gone:
        lost.append(f"{gone} marked particles are not in the data set any more")
    session.columns_changed.emit()
    styles = {name: ClassStyle(own.names, own.colours) for name, own in document.styles.items()}
    session.styles = {name: own for name, own in styles.items() if name in session.columns}
    if document.coloured_by is not None and document.coloured_by not in session.columns:
        lost.append(f"column {document.coloured_by} is not known any more")
    else:
        session.coloured_by = document.coloured_by
    session.set_volume_style(VolumeStyle(**document.volumes.model_dump()))
    rows = [session.row_of(particle) for particle in document.selected]
    known = [row for row in rows if row is not None]
    if len(known) < len(rows):
        lost.append(f"{len(rows) - len(known)} selected particles are not in the data set any more")
    session.restyled()
    session.select_rows(known, document.rule)
    session.history.clear()
    document.camera_path.give(session.camera_path)
    result = document.neighbours.result
    if result is not None and not _has_neighbours(session, result):
        lost.append(f"result {result} of neighbors is not there any more")
    session.neighbours.set(**asdict(document.neighbours))
    if document.particle is not None:
        session.look_at(session.row_of(document.particle))
    return document.view, lost


def _has_neighbours(session: Session, result: str) -> bool:
    if session.run is None or session.epoch is None:
        return False
    return AnalysisFolder(session.run.path, session.epoch).neighbours(result).is_dir()


def _read(path: Path) -> _Document:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        found = values.get("format") if isinstance(values, dict) else None
        if isinstance(found, int) and found > FORMAT:
            raise InputError(f"{path}: has format {found}, this version reads up to {FORMAT}; update napari-tomodrgn")
        return _Document.model_validate(values)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such session; choose one of the run's {FOLDER} folder") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{path}: {'.'.join(map(str, first['loc'])) or 'it'} is not as a session has it ({first['msg']}); save it "
            "again"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not a readable session ({error}); save it again") from error
