"""What the Validate widget knows: which particles are validated, the process at work, and what was found. No Qt."""

from pathlib import Path

from psygnal import Signal

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.validation.options import ValidateOptions
from napari_tomodrgn.analysis.validation.progress import Progress
from napari_tomodrgn.analysis.validation.stored import FOLDER, validations_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.child_watch import ChildWatch
from napari_tomodrgn.viewer.option_values import OptionValues
from napari_tomodrgn.viewer.retrain import next_name
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.training_end import STOPPED

CURRENT = "the selected particles"
GIVEN = ("run", "epoch", "selection")  # by what is open and chosen
WITHOUT = ("ids", "labels", "clusters", "nearest")  # a selection says which particles
FEWEST = 2  # particles that can be compared with others


class ValidationPanel(ChildWatch):
    """Begins validations as child processes, says how they are and how they ended, and knows those made before.

    Attributes
    ----------
    values
        The options of the validation that is to be begun.
    validated
        The folder that the process writes that was begun last, ``None`` before.
    progress
        How far it is.
    """

    written = Signal(Path)
    fine = (0, *STOPPED)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.values = OptionValues(ValidateOptions, "validate", WITHOUT)
        self.validated: Path | None = None
        self.progress: Progress | None = None
        session.data_changed.connect(self._suggest)
        self._suggest()

    def _suggest(self) -> None:
        """Take what is open for what is validated; what was told about particles of another run no longer holds."""
        run = self.session.run
        self.values.reset({} if run is None else {"run": str(run.path.absolute())})

    # what can be validated

    def _run(self) -> tuple[Run, int]:
        """Return the open run and epoch.

        Raises
        ------
        InputError
            Where there is none.
        """
        run, epoch = self.session.run, self.session.epoch
        if run is None:
            raise InputError("validate: what a run shows of particles is validated, and none is open; open a run first")
        if epoch is None:
            raise InputError(f"{run.path}: has no finished epoch yet; wait for one")
        return run, epoch

    def choices(self) -> list[str]:
        """Return what may be validated: the selected particles, and the named selections."""
        named = self.session.named
        return [CURRENT, *([] if named.unread else named.names)]

    def free_name(self) -> str:
        """Return a name under which the selected particles can be kept."""
        return next_name(self.session.run)

    def earlier(self) -> list[Path]:
        """Return the folders of the open epoch's validations, the one written last first."""
        run, epoch = self.session.run, self.session.epoch
        return [] if run is None or epoch is None else validations_of(run.path, epoch)

    # a validation

    def begin(self, which: str, name: str) -> str:
        """Validate a named selection, or the selected particles, which are kept under a name; return the name.

        Raises
        ------
        InputError
            Where no run is open, options can't be taken, fewer than two particles are selected, the name can't be
            had, or a validation that was begun here is going on.
        RunError
            Where no process can be begun.
        """
        run, epoch = self._run()
        if self.works:
            raise InputError(f"{self.validated}: is being made; wait for it, or cancel it")
        named = self.session.named
        if which == CURRENT:
            self._check_selected()
        else:
            name = named[which].name
        assert named.folder is not None
        given = {"run": run.path.absolute(), "epoch": epoch, "selection": (named.folder / f"{name}.json").absolute()}
        self.values.take({key: str(value) for key, value in given.items()})
        words, options = self.values.words(), self.values.options()
        if which == CURRENT:
            named.keep(name)
        self.begin_child(words)
        self.validated = AnalysisFolder(options.run, epoch).path / FOLDER / options.folder_name
        self.progress = None
        self.changed.emit()
        return name

    def _check_selected(self) -> None:
        count = int(self.session.selected.sum())
        if count < FEWEST:
            said = "no particle is" if count == 0 else "one particle is"
            raise InputError(f"{said} selected, and a comparison needs two or more; select more")

    def hear(self, said: str) -> None:
        """Take how far the validation is."""
        for line in said.splitlines():
            self.progress = Progress.of_line(line) or self.progress

    def look(self) -> bool:
        """Take what the validation has said, and return whether it has ended since this was asked last."""
        ended = super().look()
        if ended and self.child is not None and self.child.code() == 0:
            self.written.emit(self.validated)
        return ended

    def sentence_of(self, code: int) -> str:
        """Return how the validation ended, in a sentence."""
        if code == 0:
            return f"{self.validated}: is written"
        if code in STOPPED:
            return "The validation was stopped; nothing was written"
        errors = self.values.take_errors(self.log)
        return "\n".join(errors) or f"{self.validated}: the validation ended with code {code} without saying why"
