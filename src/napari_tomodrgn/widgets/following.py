"""How widgets hear of the session: what comes within one turn of the event loop is done once, and nothing leaks."""

import time
from collections.abc import Callable
from functools import partial
from weakref import WeakMethod, ref

from psygnal import SignalInstance
from qtpy.QtCore import QObject, QTimer

AT_ONCE_SECONDS = 0.02  # that the window is kept by what is due
Work = Callable[[], None]


def follow_at_once(owner: QObject, signal: SignalInstance, method: Work) -> None:
    """Call a bound method of a widget whenever a signal is emitted, until the widget is destroyed."""
    work = WeakMethod(method)

    def heard() -> None:
        found = work()
        if found is not None:
            found()

    signal.connect(heard)
    owner.destroyed.connect(partial(_disconnect, signal, heard))


class Follower(QObject):
    """Calls methods of a widget soon after signals of the session, until the widget is destroyed.

    Neither the session nor the connections keep the widget alive.
    """

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self._due: dict[WeakMethod[Work], None] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._do_some)

    def follow(self, signal: SignalInstance, method: Work) -> None:
        """Call a bound method once after any number of emissions within a turn of the event loop."""
        mine, due = ref(self), WeakMethod(method)

        def heard() -> None:
            follower = mine()
            if follower is not None:
                follower._remember(due)

        signal.connect(heard)
        self.destroyed.connect(partial(_disconnect, signal, heard))

    def soon(self, method: Work) -> None:
        """Call a bound method once in the next turn of the event loop."""
        self._remember(WeakMethod(method))

    def _remember(self, method: "WeakMethod[Work]") -> None:
        self._due[method] = None
        self._timer.start()

    def catch_up(self) -> None:
        """Do now what is due."""
        self._timer.stop()
        due, self._due = self._due, {}
        for method in due:
            _do(method)

    def _do_some(self) -> None:
        """Do what is due as long as that does not keep the window, and the rest in its next turn."""
        until = time.monotonic() + AT_ONCE_SECONDS
        while self._due and time.monotonic() < until:
            method = next(iter(self._due))
            del self._due[method]
            _do(method)
        if self._due:
            self._timer.start()


def _do(method: "WeakMethod[Work]") -> None:
    work = method()
    if work is not None:
        work()


def _disconnect(signal: SignalInstance, heard: Work, _: object = None) -> None:
    signal.disconnect(heard, missing_ok=True)
