"""What the evidence consists of: numbers, each with the least or the most that it has to be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One number: what it is, its value, and its limits."""

    what: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the number is what it has to be."""
        low = self.at_least is None or self.value >= self.at_least
        return bool(low and (self.at_most is None or self.value <= self.at_most))

    def row(self) -> str:
        """Return a line of the printed table."""
        least = "" if self.at_least is None else f"{self.at_least:.3f}"
        most = "" if self.at_most is None else f"{self.at_most:.3f}"
        return f"{self.what:62s}{self.value:9.3f}{least:>10s}{most:>9s}{'' if self.met else '  NOT MET'}"


HEADER = f"{'':62s}{'value':>9s}{'at least':>10s}{'at most':>9s}"
