"""What the Train widget knows: what is to be trained, what was begun, and the run that is watched. No Qt."""

import os
import signal
import socket
from pathlib import Path

from psygnal import Signal

from napari_tomodrgn.cli.option_fields import texts_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.lock import lock_holder
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.viewer.child_command import ChildCommand
from napari_tomodrgn.viewer.child_watch import ChildWatch
from napari_tomodrgn.viewer.option_values import OptionValues, sentences_of
from napari_tomodrgn.viewer.retrain import Retraining, Wish, free_folder, retrain, source_of
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.training_end import STOPPED, sentence_of_end
from napari_tomodrgn.viewer.training_watch import Glance

WITHOUT = ("resume", "resume_epoch", "dry_run", "print_sbatch")  # buttons do that


class TrainingPanel(ChildWatch):
    """Begins trainings as child processes, and says how they are and how they ended.

    Attributes
    ----------
    values
        The options of the training that is to be begun.
    trained
        The run that the process trains that was begun last, ``None`` before.
    watched, glance
        The run that is watched, and what was found there last.
    pinned
        The particle whose volume is shown at every new epoch.
    images
        The process that writes smaller images for the next training, ``None`` where none does.
    """

    watched_changed = Signal()
    fine = (0, *STOPPED)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.values = OptionValues(TrainOptions, "train", WITHOUT)
        self.trained: Path | None = None
        self.watched: Path | None = None
        self.glance: Glance | None = None
        self.pinned: ParticleId | None = None
        self.images: ChildCommand | None = None
        self._planned: Retraining | None = None
        self._suggested: dict[str, str] = {}
        session.data_changed.connect(self.suggest)
        self.suggest()

    # what is to be trained

    def suggest(self) -> None:
        """Suggest to train on what is open, where nobody has set anything else up."""
        particles = source_of(self.session)
        given = self.values.given()
        if particles is None or ("particles" in given and given != self._suggested):
            return
        here = particles.parent if self.session.run is None else self.session.run.path.parent
        free = "outdir" not in given or given["outdir"] == self._suggested.get("outdir")
        self._suggested = {"particles": str(particles)}
        if free:
            self._suggested["outdir"] = str(free_folder(here, "run"))
        self.values.take(self._suggested)

    def begin_anew(self) -> None:
        """Set everything back, to train on what is open."""
        self.values.reset({})
        self.suggest()

    def branch_off(self, run: Run) -> None:
        """Set a training up that begins with a run's weights, in a folder of its own."""
        outdir = free_folder(run.path.parent, f"{run.path.name}-branch")
        self.values.reset({**texts_of(run.settings), "outdir": str(outdir), "init_from": str(run.path.absolute())})

    def retrain(self, wish: Wish) -> Retraining:
        """Set a training on the selected particles up; where they get a smaller box, once their images are written.

        Raises
        ------
        InputError
            As of :func:`retrain`; or where images are being written already.
        RunError
            Where no process can be begun.
        """
        if self.images is not None:
            raise InputError(f"{self._outdir_planned}: its images are being written; wait until they are")
        planned = retrain(self.session, wish)
        if planned.words:
            self._planned, self.images = planned, ChildCommand(planned.words)
        else:
            self.values.reset(planned.options)
        self.changed.emit()
        return planned

    @property
    def _outdir_planned(self) -> str:
        return "" if self._planned is None else self._planned.options["outdir"]

    def look_at_images(self) -> str | None:
        """Set the training up whose images have been written; return a sentence where they could not be."""
        if self.images is None or self._planned is None or (code := self.images.code()) is None:
            return None
        (images, self.images), (planned, self._planned) = (self.images, None), (self._planned, None)
        if code == 0:
            self.values.reset(planned.options)
            self.changed.emit()
            return None
        planned.selection.unlink(missing_ok=True)
        self.changed.emit()
        said = sentences_of(images.errors())
        return "\n".join(said) or f"{planned.options['particles']}: writing the images ended with code {code}"

    # a training

    def start(self) -> None:
        """Begin the training that is set up, and watch it.

        Raises
        ------
        InputError
            Where options can't be taken, or a training that was begun here is going on.
        RunError
            Where no process can be begun.
        """
        words = self.values.words()
        self._begin(words, self.values.options().outdir)

    def resume(self, epochs: int, epoch: int | None = None) -> None:
        """Go on with the run that is watched, to a number of epochs; from its newest state, or from an epoch.

        Raises
        ------
        InputError
            Where there is none, or a training that was begun here is going on.
        """
        if self.watched is None:
            raise InputError("no run is watched; attach to one first")
        run = Run.open(self.watched)
        particles = Path(str(run.settings["particles"]))
        if not particles.exists():
            particles = run.path / layout.PARTICLES_STAR
        words = ["train", str(particles), "--outdir", str(run.path), "--resume", "--epochs", str(epochs)]
        words += [] if epoch is None else ["--resume-epoch", str(epoch)]
        for name in ("store_dir", "devices"):  # which a run does not record
            if name in self.values.given():
                words += [self.values.fields[name].written, self.values[name]]
        self._begin(words, run.path)

    def _begin(self, words: list[str], run: Path) -> None:
        if self.works:
            raise InputError(f"{self.trained}: is being trained from this window; stop it first, or use another window")
        self.begin_child(words)
        self.trained = run.absolute()
        self.attach(run)

    def sentence_of(self, code: int) -> str:
        """Return how the training ended, in a sentence."""
        assert self.trained is not None
        return sentence_of_end(code, self.trained, self.values.take_errors(self.log), self.log)

    @property
    def can_stop(self) -> bool:
        """Whether the run that is watched is trained on this computer."""
        if self.watched is not None and self.watched == self.trained and self.works:
            return True
        holder = None if self.glance is None else self.glance.trainer
        return holder is not None and holder.host == socket.gethostname()

    def stop(self) -> None:
        """Ask the training of the watched run to end; it writes a checkpoint first.

        Raises
        ------
        InputError
            Where nobody on this computer trains in it.
        """
        if self.child is not None and self.watched == self.trained and self.works:
            self.child.stop()
            return
        holder = None if self.watched is None else lock_holder(self.watched)
        if holder is None:
            raise InputError(f"{self.watched}: nobody trains in it, so there is nothing to stop")
        if holder.host != socket.gethostname():
            raise InputError(f"{self.watched}: {holder} trains in it; stop it on that computer")
        try:
            os.kill(holder.process, signal.SIGTERM)
        except OSError as error:
            raise InputError(f"{self.watched}: {holder} can't be stopped from here ({error.strerror})") from error

    # watching

    def attach(self, path: Path) -> None:
        """Watch a run, whoever trains it."""
        path = path.absolute()
        if path.name == layout.DOCUMENT:
            path = path.parent
        self.watched, self.glance = path, Glance(path)
        self.watched_changed.emit()
        self.changed.emit()

    def take(self, glance: Glance) -> None:
        """Take what was found at a look at the run that is watched."""
        if glance.path != self.watched or (self.glance is not None and glance.same_as(self.glance)):
            return
        self.glance = glance
        if glance.run is not None and self.watched == self.trained and self.values["outdir"]:
            outdir = Path(self.values["outdir"]).absolute()
            if outdir == self.trained:  # the next one gets another folder
                self.values.set("outdir", str(free_folder(outdir.parent, outdir.name.rstrip("0123456789").rstrip("-"))))
        self.changed.emit()
