"""What three tests say together of whether a difference that a decoder shows is in the images."""

from dataclasses import dataclass

from napari_tomodrgn.analysis.validation.apartness import Apartness
from napari_tomodrgn.analysis.validation.independence import Independence
from napari_tomodrgn.analysis.validation.significance import Amplitude

SUPPORTED, UNSUPPORTED = "supported", "unsupported"
LEVEL = 0.01  # of random choices may show as much
MOST_OF_IT = 2 / 3  # of a decoded difference has to be in the images, unless the interval holds all of it
REMOTE = 2.0  # times the distance that 99 % of the particles have to their nearest
ENOUGH_POWER = 3.0  # standard deviations by which a difference stands out that is fully there


@dataclass(frozen=True)
class Verdict:
    """``supported`` or ``unsupported``, and why, one sentence each."""

    verdict: str
    reasons: tuple[str, ...]

    @property
    def supported(self) -> bool:
        """Whether nothing speaks against it."""
        return self.verdict == SUPPORTED


def judge(
    apartness: Apartness,
    amplitude: Amplitude,
    independence: Independence | None,
    *,
    particles: int,
    needs_independence: bool,
    remoteness: float,
) -> Verdict:
    """Return the verdict on ``particles`` particles: supported where every test that is needed is passed."""
    against = []
    if apartness.p > LEVEL:
        against.append(
            f"the latents differ from the others' no more than those of {particles} random particles do "
            f"({_probability(apartness)})"
        )
    if amplitude.p > LEVEL:
        against.append(_unseen(amplitude, particles))
    elif amplitude.value < MOST_OF_IT and amplitude.high < 1:
        against.append(
            f"the images show {amplitude.value:.0%} of the decoded difference "
            f"({amplitude.low:.0%} to {amplitude.high:.0%}): it is exaggerated"
        )
    if remoteness > REMOTE:
        against.append(
            "no particles lie where it was decoded: the nearest one is "
            f"{remoteness:.1f} times as far as particles are from their nearest"
        )
    if needs_independence:
        against += _circular(independence)
    if against:
        return Verdict(UNSUPPORTED, tuple(against))
    share = f"{amplitude.value:.0%} ({amplitude.low:.0%} to {amplitude.high:.0%}) of the decoded difference"
    return Verdict(
        SUPPORTED,
        (f"the images show {share}, random particles as much with {_probability(amplitude)}",),
    )


def _probability(test: Apartness | Amplitude | Independence) -> str:
    """Return p in words; where no random choice reached as much, it is an upper bound."""
    least = 1 / (1 + len(test.null))
    return f"p ≤ {least:.2g}" if test.p <= least else f"p = {test.p:.2g}"


def _unseen(amplitude: Amplitude, particles: int) -> str:
    random = f"{particles} random particles show as much ({_probability(amplitude)})"
    if amplitude.power < ENOUGH_POWER:
        return f"the decoded difference is too faint, or the images are too few, to tell: {random}"
    return f"the images do not show the decoded difference: {random}"


def _circular(independence: Independence | None) -> list[str]:
    advice = "train with --held-out-by tilt --held-out-fraction 0.1 for a test on images that had no part in it"
    if independence is None:
        return [f"too few particles to see whether images kept aside find it again; {advice}"]
    if independence.p <= LEVEL:
        return []
    found = f"do not find the difference again in a model learned without them ({_probability(independence)})"
    return [f"images kept aside {found}, so it may be the noise that the particles were chosen by; {advice}"]
