"""What a check answers, and when it may warn."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

Status = Literal["ok", "warn", "unknown"]

AGREES = 3.0  # standard errors by which the stated value must lead every other one to be called right
DISAGREES = 4.0  # and by which another one must lead it to be called wrong
BLAMES = 2.5  # and by which that one must lead what else could be wrong, to be named
FEWEST_PARTICLES = 4
LEAST_EVIDENCE = 3.0  # of log-likelihood in all: less is rounding, however alike from particle to particle


@dataclass(frozen=True)
class Check:
    """The answer of one check.

    Attributes
    ----------
    name
        What was checked.
    status
        ``warn`` only on a significant disagreement; ``unknown`` where the data can't tell.
    found, expected
        What the data say (``None`` where they can't), and what the data set is said to be.
    power
        How well the data can tell; the message gives its unit. ``None`` where nothing was measured.
    message
        A sentence with the numbers.
    """

    name: str
    status: Status
    found: Any
    expected: Any
    power: float | None
    message: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for JSON."""
        return asdict(self)


def standard_errors(differences: npt.NDArray[np.floating]) -> float:
    """Return how far the mean of (n,) independent numbers is from 0, as the normal deviate of the same t test."""
    known = differences[np.isfinite(differences)]
    if len(known) < FEWEST_PARTICLES or known.std() == 0:
        return 0.0
    t = float(known.mean() / (known.std(ddof=1) / np.sqrt(len(known))))
    tail = float(stats.t.logsf(abs(t), len(known) - 1))
    deviate = float(-stats.norm.ppf(np.exp(tail))) if tail > -700 else 40.0
    return float(np.sign(t) * min(max(deviate, 0.0), 40.0))


def compare(
    name: str,
    scores: Mapping[Any, npt.NDArray[np.floating]],  # (N,) of each alternative
    stated: Any,
    *,
    wrong: str,
    as_stated: npt.NDArray[np.floating] | None = None,
) -> Check:
    """Return the check that holds the stated alternative against all others.

    Parameters
    ----------
    scores
        Log-likelihood of each particle's images under each alternative, the higher the better.
    stated
        The alternative that the data set is said to be.
    wrong
        What to do where the data say otherwise.
    as_stated
        (N,) the log-likelihood with everything as stated, where ``scores[stated]`` is that of the stated alternative
        with something else changed. Then the data may be at odds with what is stated, but not with this fact.
    """
    best = max(scores, key=lambda each: float(scores[each].sum()))
    others = {each: _lead(scores[best] - scores[each]) for each in scores if each != best}
    nearest = min(others, key=lambda each: others[each])
    what = name.replace("_", " ")
    if best == stated:
        size = round(others[nearest], 2)
        if size >= AGREES:
            text = f"the images fit {what} {stated}, ahead of every alternative by {size:.1f} standard errors or more"
            return Check(name, "ok", stated, stated, size, text)
        text = f"cannot tell: {stated} and {nearest} differ by {size:.1f} standard errors only"
        return Check(name, "unknown", None, stated, size, text)
    size = round(others[stated], 2)
    rejected = size if as_stated is None else round(_lead(scores[best] - as_stated), 2)
    if min(rejected, size + DISAGREES - BLAMES) < DISAGREES:
        text = f"cannot tell: {stated} and {best} differ by {size:.1f} standard errors only"
        return Check(name, "unknown", None, stated, size, text)
    text = f"by {rejected:.1f} standard errors; {wrong}"
    if size < DISAGREES:
        text = f"{text}; if something else is wrong instead, it fits worse by {size:.1f}"
    alike = [each for each in scores if each not in (best, stated) and others[each] < BLAMES]
    found = None if alike else best
    either = " or ".join(str(each) for each in (best, *alike))
    return Check(name, "warn", found, stated, rejected, f"the images fit {what} {either}, not {stated}, {text}")


def _lead(differences: npt.NDArray[np.floating]) -> float:
    return standard_errors(differences) if abs(float(differences.sum())) >= LEAST_EVIDENCE else 0.0
