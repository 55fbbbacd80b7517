"""What the Inspect widget knows: the evidence for the particle that is looked at, and maps of the selection. No Qt."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.particle_evidence import ParticleEvidence
from napari_tomodrgn.analysis.run_evidence import RunEvidence
from napari_tomodrgn.analysis.selection_maps import SelectionMaps, selection_maps
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.session import Session

MOST_BYTES = 256 << 20  # of evidence that is kept
COMPONENTS = 2
Coordinates = npt.NDArray[np.float32]


@dataclass
class Known:
    """What was found of a particle so far.

    Attributes
    ----------
    evidence
        Its images and the projections of its volume.
    own, everyone
        (C,) and (N, C): its latent and those of all particles, along the first principal components.
    tilts
        (m, C): what each of its first m images alone says, along the same.
    message
        How they say it, or why they say nothing.
    whole
        Whether nothing is left to be found.
    """

    evidence: ParticleEvidence
    own: Coordinates
    everyone: Coordinates
    tilts: Coordinates
    message: str = ""
    whole: bool = field(default=False)


@dataclass(frozen=True)
class TiltLatents:
    """What some of a particle's images say of its latent, each alone, along the first principal components."""

    values: Coordinates


@dataclass(frozen=True)
class Untold:
    """Why a particle's images say nothing of its latent."""

    message: str


Finding = Known | TiltLatents | Untold | None  # None is the end


class EvidencePanel:
    """The evidence for the session's particles, looked for in another thread and kept while there is room."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._source: RunEvidence | None = None
        self._opening = Lock()
        self._known: OrderedDict[int, Known] = OrderedDict()
        session.data_changed.connect(self.forget)

    def forget(self) -> None:
        """Know nothing any more: another run is open."""
        self._source = None
        self._known.clear()

    def open(self) -> RunEvidence:
        """Return the session's run as a source of evidence; may run in a thread.

        Raises
        ------
        InputError
            Where no run is open, or its files can't be read.
        """
        session = self.session
        run, epoch, particle_set = session.run, session.epoch, session.particle_set
        if run is None or epoch is None or particle_set is None:
            raise InputError("evidence needs a run that has finished an epoch; open one (Dataset ▸ Open run)")
        with self._opening:
            known = self._source
            if known is None or (known.run.path, known.epoch) != (run.path, epoch):
                known = None
            if known is None or known.particle_set is not particle_set:
                known = RunEvidence(run, epoch, particle_set)
            self._source = known
            return known

    def look_for_images_in(self, folder: Path) -> None:
        """Look for the run's image stacks in a further folder.

        Raises
        ------
        InputError
            Where none of those that are missing are there.
        """
        run = self.session.run
        if run is not None:
            self.session.particle_set = run.look_for_images_in(folder)  # the same but for where its stacks lie

    # one particle

    def known(self, row: int) -> Known | None:
        """Return what was found of a particle, ``None`` where it was not looked for."""
        return self._known.get(row)

    def find(self, row: int) -> Iterator[Finding]:
        """Yield what is found of a particle, for :meth:`take`; may run in a thread.

        Raises
        ------
        InputError
            Where there is no run, no image or no latent.
        """
        source = self.open()
        evidence = source.of(row)
        components = source.components
        everyone = np.zeros((0, 0), np.float32) if components is None else components.coordinates[:, :COMPONENTS]
        own = source.along_components(evidence.latent[None])[0, :COMPONENTS]
        yield Known(evidence, own, everyone, np.zeros((0, len(own)), np.float32), source.how_one_tilt_is_read)
        try:
            for found in source.latents_by_tilt(row):
                yield TiltLatents(source.along_components(found)[:, :COMPONENTS])
        except InputError as error:
            yield Untold(str(error))
        yield None

    def take(self, row: int, finding: Finding) -> None:
        """Keep what was found of a particle."""
        if isinstance(finding, Known):
            self._known[row] = finding
            self._make_room()
            return
        known = self._known[row]
        if isinstance(finding, TiltLatents):
            known.tilts = np.concatenate([known.tilts, finding.values])
        elif isinstance(finding, Untold):
            known.message = finding.message
        else:
            known.whole = True

    def _make_room(self) -> None:
        def size(known: Known) -> int:
            own = known.evidence
            return sum(4 * each.numel() for each in (own.images, own.projections, own.mean_projections, own.weights))

        while len(self._known) > 1 and sum(map(size, self._known.values())) > MOST_BYTES:
            self._known.popitem(last=False)

    # the selection

    def average(self) -> Iterator[tuple[int, int] | SelectionMaps]:
        """Yield how many steps are done, of how many, and at last the maps of the selection; may run in a thread.

        Raises
        ------
        InputError
            Where fewer than two particles are selected, there is no run, or no image.
        """
        rows = np.flatnonzero(self.session.selected)
        return self._averaged(rows)

    def _averaged(self, rows: npt.NDArray[np.int64]) -> Iterator[tuple[int, int] | SelectionMaps]:
        yield (yield from selection_maps(self.open(), rows))
