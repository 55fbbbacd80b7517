"""What of neighbours a person wants to see: which result, which lines, and which distances."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from psygnal import Signal
from pydantic import FiniteFloat

Kind = Literal["chains", "nearest"]
By = Literal["chain", "length"]


@dataclass(frozen=True)
class NeighbourStyle:
    """How neighbours are shown.

    Attributes
    ----------
    result
        The name of the result that was chosen, ``None`` before: the first.
    chains, nearest
        Whether chains are drawn as lines, and a line from each particle to its nearest.
    by
        What gives chains their colour.
    interval
        Of distances in Å, ``None`` where nobody set one: that of the result.
    """

    result: str | None = None
    chains: bool = True
    nearest: bool = False
    by: By = "chain"
    interval: tuple[FiniteFloat, FiniteFloat] | None = None


class NeighbourView:
    """The style that there is now, which the dock, the lines and a saved session share."""

    changed = Signal()

    def __init__(self) -> None:
        self.style = NeighbourStyle()

    def set(self, **changes: Any) -> None:
        """Change parts of the style."""
        before, self.style = self.style, replace(self.style, **changes)
        if self.style != before:
            self.changed.emit()
