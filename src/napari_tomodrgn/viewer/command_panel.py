"""What the Analyse widget knows: the commands on an open run, their options, and how the last one went. No Qt."""

import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from psygnal import Signal

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.cli.main import SUMMARIES
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.child_watch import ChildWatch
from napari_tomodrgn.viewer.option_values import OptionValues, sentences_of
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.suggested_options import labels_of, suggested

MOST_PICTURES = 60
WHERE = ("run", "particles", "run_a")  # options that say on which run a command works


@dataclass(frozen=True)
class Offered:
    """A command that is offered.

    Attributes
    ----------
    name
        As on the command line.
    title
        What it finds, in words.
    common
        Options that are in sight, the others being below a heading.
    """

    name: str
    title: str
    common: tuple[str, ...]

    @property
    def command(self) -> Command:
        """Its options and what it does; loaded when it is asked for."""
        command: Command = self._found[1]
        return command

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return str(self._found[0])

    @property
    def where(self) -> str | None:
        """The option that says on which run it works, ``None`` where it needs none."""
        return next((name for name in WHERE if name in self.command.model.model_fields), None)

    @property
    def _found(self) -> tuple[str, Command]:
        name, _, of_group = self.name.partition(" ")
        module = import_module(f"napari_tomodrgn.cli.commands.{name.replace('-', '_')}")
        if not of_group:
            return SUMMARIES[name], module.COMMAND
        summary, command = module.COMMANDS[of_group]
        return summary, command


OFFERED = (
    Offered(
        "analyze", "Classes and embedding", ("clusters", "method", "smallest", "seeds", "umap", "losses", "overwrite")
    ),
    Offered("neighbors", "Neighbours in the tomogram", ("labels", "nearest", "radius", "null", "overwrite")),
    Offered("occupancy", "Occupancy of a model's parts", ("model", "fit", "parts", "sphere", "threshold", "overwrite")),
    Offered("fit", "Model into a volume", ("model", "map", "outdir", "hand", "overwrite")),
    Offered("nuisance", "What latents may follow", ("permutations", "volumes", "overwrite")),
    Offered("score", "Evidence for each particle's class", ("labels", "datadir", "overwrite")),
    Offered("calibrate", "Are the latents' widths right?", ("datadir", "overwrite")),
    Offered("export tomogram", "Tomogram filled with volumes", ("outdir", "tomogram", "labels", "pixel_size")),
    Offered("export chimerax", "Scene for ChimeraX", ("outdir", "tomogram", "labels", "class_centres")),
    Offered("export coordinates", "Coordinates for other programs", ("output", "format", "tomograms", "labels")),
    Offered("traverse", "Volumes along a way", ("method", "order_by", "classes", "points", "movie", "overwrite")),
    Offered("converge", "Convergence, epoch by epoch", ("clusters", "reference", "volumes", "overwrite")),
    Offered("ensemble", "Components of all volumes", ("clusters", "components", "mask", "reference", "overwrite")),
    Offered("compare", "Comparison with a run, as files", ("run_b", "labels_a", "labels_b", "outdir", "overwrite")),
)
IMPORT = Offered("import-tomodrgn", "A run of tomoDRGN", ("folder", "outdir", "star", "volume_series", "overwrite"))


class CommandPanel(ChildWatch):
    """Runs commands on the open run as child processes.

    Parameters
    ----------
    session
        Knows the run.
    commands
        Those that are offered.

    Attributes
    ----------
    offered
        The command that is set up.
    values
        Its options; those of the other commands are kept until they are chosen again.
    running
        The command that was begun last, empty before.
    written
        The files and folders that it said it wrote.
    """

    chosen_changed = Signal()

    def __init__(self, session: Session, commands: tuple[Offered, ...] = OFFERED) -> None:
        super().__init__()
        self.session, self.commands = session, commands
        self._values: dict[str, OptionValues] = {}
        self.written: tuple[Path, ...] = ()
        self._began = 0.0
        self._run: Path | None = None
        self.running = ""
        self._suggested: dict[str, dict[str, str]] = {}  # what was suggested last, by command
        self.offered = commands[0]
        self.values = self._values_of(self.offered)
        session.data_changed.connect(self.suggest)
        session.epochs_changed.connect(self.suggest)
        session.colouring_changed.connect(self._suggest_found)
        self.suggest()

    def choose(self, name: str) -> None:
        """Set another command up.

        Raises
        ------
        InputError
            Where it is not offered.
        """
        found = next((each for each in self.commands if each.name == name), None)
        if found is None:
            raise InputError(
                f"{name}: is not offered here; choose one of: {', '.join(each.name for each in self.commands)}"
            )
        self.offered, self.values = found, self._values_of(found)
        self.suggest()
        self.chosen_changed.emit()

    def _values_of(self, offered: Offered) -> OptionValues:
        if offered.name not in self._values:
            self._values[offered.name] = OptionValues(offered.command.model, offered.name)
        return self._values[offered.name]

    def suggest(self) -> None:
        """Set the run and the epoch to those that are open, whatever was set before."""
        run, epoch, where = self.session.run, self.session.epoch, self.offered.where
        if run is not None and where is not None:
            at = "epoch_a" if where == "run_a" else "epoch"
            self.values.take({where: str(run.path), at: "" if epoch is None else str(epoch)})
        self._suggest_found()

    def _suggest_found(self) -> None:
        """Suggest what was found in the run, as the classes that are seen, where nobody chose otherwise."""
        run, epoch, coloured_by = self.session.run, self.session.epoch, self.session.coloured_by
        if run is None or epoch is None:
            return
        found = suggested(self.offered.name, run.path, epoch, coloured_by)
        if "labels" in self.values.fields:
            found["labels"] = labels_of(run.path, epoch, coloured_by)
        before = self._suggested.get(self.offered.name, {})
        free = {name for name in found if self.values[name] in ("", before.get(name))}
        self._suggested[self.offered.name] = {name: text for name, text in found.items() if name in free}
        self.values.take(self._suggested[self.offered.name])

    # the process

    def start(self) -> None:
        """Begin the command that is set up.

        Raises
        ------
        InputError
            Where options can't be taken, or a command is going on.
        RunError
            Where no process can be begun.
        """
        if self.works:
            raise InputError(f"{self.running}: is going on; wait until it has ended, or cancel it")
        words = self.values.words()
        options = self.values.options()
        self._began, self._run = time.time(), getattr(options, self.offered.where or "", None)
        self.running = self.offered.name
        self.begin_child([*words, "--quiet"])
        self.written = ()
        self.changed.emit()

    def sentence_of(self, code: int) -> str:
        """Take which files the command wrote, and return how it ended, in a sentence."""
        assert self.child is not None
        self.written = tuple(Path(line) for line in self.child.output().splitlines() if Path(line).is_absolute())
        name, refused = self.running, self._values[self.running].take_errors(self.log)
        if code == 0:
            return f"{name}: done in {time.time() - self._began:.0f} s"
        return "\n".join(refused or sentences_of(self.log)) or f"{name}: ended with code {code}; see the log"

    @property
    def concerns_open_run(self) -> bool:
        """Whether the last command was on the run that is open, so that there may be something new to show."""
        run = self.session.run
        return run is not None and self._run is not None and self._run.absolute() == run.path.absolute()

    def pictures(self) -> list[Path]:
        """Return the pictures that the last command drew."""
        folders = {path if path.is_dir() else path.parent for path in self.written if path.exists()}
        if self.concerns_open_run and self._run is not None and self.session.epoch is not None:
            folders.add(AnalysisFolder(self._run, self.session.epoch).path)
        found = {path for folder in folders for path in folder.rglob("*.png") if _is_new(path, self._began)}
        return sorted(found)[:MOST_PICTURES]


def _is_new(path: Path, began: float) -> bool:
    try:
        return path.stat().st_mtime >= began - 1
    except OSError:  # gone meanwhile
        return False
