"""Being asked to stop: Ctrl-C and SIGTERM end long work at the next safe point."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class InterruptedWorkError(Exception):
    """Work that was asked to stop and left a whole state; ``exit_code`` is 130 (Ctrl-C) or 143 (SIGTERM)."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Set by a signal, read by work that stops only where its state is whole. ``signal`` is ``None`` until then."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def _set(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number

    @contextmanager
    def listening(self) -> Iterator["StopRequest"]:
        """Catch SIGINT and SIGTERM inside the block (main thread only) instead of ending the process."""
        before = {number: signal.signal(number, self._set) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
