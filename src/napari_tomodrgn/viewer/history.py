"""What can be taken back: commands in one line, done, undone, and done again."""

from collections.abc import Callable
from typing import Protocol

from psygnal import Signal


class Command(Protocol):
    """Something that a person did, and how it is taken back."""

    name: str

    def do(self) -> None:
        """Do it, for the first time or again."""

    def undo(self) -> None:
        """Take it back."""


class Change:
    """A command that gives a value a new one."""

    def __init__(self, name: str, give: Callable[[object], None], before: object, after: object) -> None:
        self.name, self._give, self._before, self._after = name, give, before, after

    def do(self) -> None:
        """Give the new value."""
        self._give(self._after)

    def undo(self) -> None:
        """Give the value back that was there."""
        self._give(self._before)


class History:
    """Commands done so far, and those undone that may be done again; there is no end to them."""

    changed = Signal()

    def __init__(self) -> None:
        self._done: list[Command] = []
        self._undone: list[Command] = []

    def do(self, command: Command) -> None:
        """Do a command and remember it; what was undone before can't be done again."""
        command.do()
        self._done.append(command)
        self._undone.clear()
        self.changed.emit()

    def undo(self) -> bool:
        """Take the last command back, and return whether there was one."""
        if not self._done:
            return False
        command = self._done[-1]
        command.undo()  # which may fail and leaves it where it is then
        self._done.pop()
        self._undone.append(command)
        self.changed.emit()
        return True

    def redo(self) -> bool:
        """Do the command again that was last taken back, and return whether there was one."""
        if not self._undone:
            return False
        command = self._undone[-1]
        command.do()
        self._undone.pop()
        self._done.append(command)
        self.changed.emit()
        return True

    @property
    def undo_name(self) -> str | None:
        """What would be taken back."""
        return self._done[-1].name if self._done else None

    @property
    def redo_name(self) -> str | None:
        """What would be done again."""
        return self._undone[-1].name if self._undone else None

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
        self.changed.emit()
