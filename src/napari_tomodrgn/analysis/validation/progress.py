"""How far a validation is, as it is yielded and as it is logged."""

import re
from dataclasses import dataclass

OPENING = "opening the run"
ASKING = "asking the images for the difference"
LEARNING = "learning a small model from three quarters of the tilt images"
BACKPROJECTING = "backprojecting"
TRAINING = "training decoders alone"
_LINE = re.compile(rf"({OPENING}|{ASKING}|{LEARNING}|{BACKPROJECTING}|{TRAINING})(?:: (\d+) of (\d+))?")


@dataclass(frozen=True)
class Progress:
    """How far a part of the work is."""

    what: str
    done: int
    total: int

    @property
    def line(self) -> str:
        """The line of the log."""
        return self.what if self.total == 1 else f"{self.what}: {self.done} of {self.total}"

    @classmethod
    def of_line(cls, line: str) -> "Progress | None":
        """Return what a line of the log says, ``None`` where it says something else."""
        found = _LINE.fullmatch(line.strip())
        return None if found is None else cls(found[1], int(found[2] or 0), int(found[3] or 1))

    def is_news(self, before: "Progress | None") -> bool:
        """Whether it is worth a line: another part, or another tenth of it."""
        if before is None or before.what != self.what:
            return True
        return 10 * self.done // self.total > 10 * before.done // before.total
