"""Which epoch to take: the first from which on losses, latents and volumes have settled."""

from collections.abc import Sequence
from dataclasses import dataclass

SMALLEST_RISE = 1e-4  # of the loss; below it a rise of the held-out loss says nothing


@dataclass(frozen=True)
class Signal:
    """Something that was followed from epoch to epoch.

    Attributes
    ----------
    name
        What it is.
    since
        The first epoch from which on it has settled, ``None`` where it has not.
    reason
        The same in words, with its tolerance.
    """

    name: str
    since: int | None
    reason: str


@dataclass(frozen=True)
class Recommendation:
    """An epoch, whether everything has settled there, and why it is that one."""

    epoch: int
    settled: bool
    reasons: tuple[str, ...]


def loss_signal(losses: dict[int, float], tolerance: float, what: str) -> Signal:
    """Return from when on a loss has settled: the first epoch near its lowest value.

    Near is within ``tolerance`` of the whole fall, from the first epoch's value to the lowest.
    """
    first, lowest = next(iter(losses.values())), min(losses.values())
    allowed = lowest + tolerance * (first - lowest)
    since = next(epoch for epoch, loss in losses.items() if loss <= allowed)
    return Signal(what, since, f"the {what} is within {tolerance:.0%} of its whole fall from epoch {since} on")


def rise_after_lowest(losses: dict[int, float], tolerance: float) -> tuple[int, float] | None:
    """Return the epoch of the lowest loss and the share by which the last one is above it, ``None`` if it is not.

    What is smaller than ``tolerance`` of the fall before, or than 0.01 % of the loss, is no rise.
    """
    epoch = min(losses, key=lambda each: losses[each])
    lowest, first, last = losses[epoch], next(iter(losses.values())), list(losses.values())[-1]
    rise = last - lowest
    if rise <= max(tolerance * (first - lowest), SMALLEST_RISE * abs(lowest)):
        return None
    return epoch, rise / abs(lowest) if lowest else rise


def tail_signal(changes: dict[int, float], tolerance: float, what: str, unit: str) -> Signal:
    """Return from when on something changes no more: the end of the first of the last intervals that are all small.

    Parameters
    ----------
    changes
        How much it changed, by the epoch at which an interval ends, ascending.
    tolerance
        What is small.
    what, unit
        Its name, and what changes are counted in.
    """
    since = None
    for epoch, value in reversed(changes.items()):
        if not value <= tolerance:
            break
        since = epoch
    last = next(reversed(changes.values()))
    if since is None:
        reason = f"{what} have not settled: {last:.3g} {unit} in the last interval, more than {tolerance:g}"
    else:
        reason = f"{what} change by {tolerance:g} {unit} or less from epoch {since} on"
    return Signal(what, since, reason)


def recommend(
    signals: Sequence[Signal],
    held_out: dict[int, float] | None,
    loss_tolerance: float,
    candidates: Sequence[int],
) -> Recommendation:
    """Return the first of the candidates at which all signals have settled.

    Where one has not settled it is the last. Where what is held out is explained worse and worse after some epoch, and
    the rest settles only later, it is the candidate that explains it best.
    """
    reasons = [signal.reason for signal in signals]
    waiting = [signal for signal in signals if signal.since is None]
    since = max((signal.since for signal in signals if signal.since is not None), default=candidates[0])
    later = [epoch for epoch in candidates if epoch >= since]
    epoch, settled = (later[0] if later else candidates[-1]), not waiting and bool(later)
    if waiting:
        epoch = candidates[-1]
        reasons.append("it is the last epoch there is; go on with --resume and more --epochs, then look again")
    elif not later:
        reasons.append(f"epoch {epoch} is the last that has what is needed")
    elif epoch > since:
        reasons.append(f"epoch {epoch} is the first one kept from epoch {since} on")
    rise = rise_after_lowest(held_out, loss_tolerance) if held_out else None
    if held_out and rise is not None:
        best, share = rise
        reasons.append(f"the held-out loss rises by {share:.2%} after epoch {best}: from there on noise is learned")
        first, lowest = next(iter(held_out.values())), held_out[best]
        allowed = lowest + max(loss_tolerance * (first - lowest), SMALLEST_RISE * abs(lowest))
        known = [each for each in candidates if each in held_out]
        if held_out.get(epoch, lowest) > allowed and known:
            epoch = min(known, key=lambda each: held_out[each])
            settled = False
            reasons.append(f"of the epochs kept, epoch {epoch} explains the held-out images best")
    return Recommendation(epoch, settled, tuple(reasons))
