"""Measuring what a sphere or a mask holds in all volumes of the open run, by the command in its own process. No Qt."""

import string
from pathlib import Path

from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.cli.options import words_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.child_watch import ChildWatch
from napari_tomodrgn.viewer.drawn_sphere import DrawnSphere
from napari_tomodrgn.viewer.measured_parts import MeasuredParts
from napari_tomodrgn.viewer.occupancy_panel import OccupancyPanel
from napari_tomodrgn.viewer.option_values import sentences_of

COMMAND = "occupancy"
SPHERE, MASK = "sphere", "mask"  # what tables are called at first


class Measuring(ChildWatch):
    """One measurement at a time.

    Attributes
    ----------
    name
        Of the table that is written, or was written last.
    """

    def __init__(self, panel: OccupancyPanel, drawn: DrawnSphere) -> None:
        super().__init__()
        self.panel, self.session, self.drawn = panel, panel.session, drawn
        self.name = ""
        self._run: Path | None = None
        self.session.data_changed.connect(self._forget)

    def _forget(self) -> None:
        """Draw no sphere: it suits one box."""
        self.drawn.end()

    def free_name(self, first: str) -> str:
        """Return a name that no table has yet; names are of letters only."""
        taken = self.panel.names()
        return next(
            each for each in (first, *(first + letter for letter in string.ascii_lowercase[1:])) if each not in taken
        )

    def options(self, name: str, *, centres: str = "", mask: Path | None = None) -> OccupancyOptions:
        """Return the options of the command: of the sphere that is drawn, or of a mask.

        Parameters
        ----------
        centres
            The labelling whose class centres are measured; empty: all particles.

        Raises
        ------
        InputError
            Where no run is open, or no sphere is drawn and no mask given.
        """
        run, epoch, particle_set = self.session.run, self.session.epoch, self.session.particle_set
        if run is None or epoch is None or particle_set is None:
            raise InputError("occupancies need a run that has finished an epoch; open one (Dataset ▸ Open run)")
        if mask is None and self.drawn.sphere is None:
            raise InputError("what to measure? Draw a sphere into a volume, or give a mask")
        hand = str(run.document["data"]["forward_model"]["map_hand"])
        asked = {"mask": (mask,)} if mask is not None else {"sphere": (self._sphere(hand),)}
        chosen = {"centres": centres} if centres else {}
        return OccupancyOptions(run=run.path, epoch=epoch, name=name, figures=False, **asked, **chosen)

    def _sphere(self, hand: str) -> str:
        assert self.drawn.sphere is not None
        return self.drawn.sphere.as_option(self.drawn.extent, hand)

    def start(self, name: str, *, centres: str = "", mask: Path | None = None) -> None:
        """Begin to measure.

        Raises
        ------
        InputError
            As of :meth:`options`, and where something is being measured.
        RunError
            Where no process can be begun.
        """
        if self.works:
            raise InputError(f"{self.name}: is being measured; wait until it has ended, or cancel it")
        options = self.options(name, centres=centres, mask=mask)
        words = [COMMAND, *words_of(options, options.model_fields_set), "--quiet"]
        self.begin_child(words)
        self.name, self._run = name, options.run
        self.changed.emit()

    def sentence_of(self, code: int) -> str:
        """Return how the measurement ended, in a sentence."""
        if code == 0:
            return f"{self.name}: is measured"
        return "\n".join(sentences_of(self.log)) or f"{self.name}: ended with code {code}; nothing was written"

    @property
    def concerns_open_run(self) -> bool:
        """Whether what was measured is of the run that is open."""
        run = self.session.run
        return run is not None and self._run == run.path

    def show(self, measured: MeasuredParts) -> None:
        """Colour particles by what was measured."""
        self.panel.colours = "occupancy"
        self.panel.take(measured)
