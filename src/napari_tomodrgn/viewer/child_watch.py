"""One command at a time in a process of its own: what it has said, and how it ended. No Qt."""

from collections.abc import Sequence

from psygnal import Signal

from napari_tomodrgn.viewer.child_command import ChildCommand

MOST_LOG = 200_000  # characters of the log that are kept


class ChildWatch:
    """Begins a command and is asked again and again how it is; its kinds say how it ended.

    Attributes
    ----------
    child
        The process that was begun last, ``None`` before.
    log
        What it has said.
    ended
        How it ended, in a sentence, ``None`` while it works.
    """

    changed = Signal()
    fine: tuple[int, ...] = (0,)  # exit codes of a command that did what it was to do, or was asked to end

    def __init__(self) -> None:
        self.child: ChildCommand | None = None
        self.log = ""
        self.ended: str | None = None

    @property
    def works(self) -> bool:
        """Whether a command that was begun here is going on."""
        return self.child is not None and self.ended is None

    @property
    def failed(self) -> bool:
        """Whether the last command ended without having done what it was to do."""
        return self.child is not None and self.ended is not None and self.child.code() not in self.fine

    def begin_child(self, words: Sequence[str]) -> None:
        """Begin a command.

        Raises
        ------
        RunError
            Where no process can be begun.
        """
        self.child, self.log, self.ended = ChildCommand(words), "", None

    def look(self) -> bool:
        """Take what the command has said, and return whether it has ended since this was asked last."""
        if self.child is None or self.ended is not None:
            return False
        code, said = self.child.code(), self.child.news()
        self.log = (self.log + said)[-MOST_LOG:]
        self.hear(said)
        if code is not None:
            self.ended = self.sentence_of(code)
        if said or code is not None:
            self.changed.emit()
        return code is not None

    def hear(self, said: str) -> None:
        """Take what was said since the last look, for kinds that tell more of it than the log."""

    def sentence_of(self, code: int) -> str:
        """Return how the command ended, in a sentence."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Ask the command to end; what it had not finished is not there then."""
        if self.child is not None:
            self.child.stop()
