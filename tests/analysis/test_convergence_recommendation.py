"""Which epoch is recommended of curves whose plateau is known."""

import math

import pytest

from napari_tomodrgn.analysis.convergence.recommendation import (
    loss_signal,
    recommend,
    rise_after_lowest,
    tail_signal,
)

KEPT = list(range(1, 21))


def falling(epochs: int = 20, half: float = 2.0) -> dict[int, float]:
    """A loss that halves its distance to 3 every two epochs."""
    return {epoch: 3 + 2 ** (-(epoch - 1) / half) for epoch in range(1, epochs + 1)}


def test_a_loss_that_halves_every_two_epochs_settles_when_the_logarithm_says() -> None:
    found = loss_signal(falling(), 0.05, "loss")

    end = 2 ** (-19 / 2)  # what is left at the last epoch, which counts as the lowest
    expected = 1 + math.ceil(-2 * math.log2(end + 0.05 * (1 - end)))
    assert found.since == expected == 10
    assert "within 5%" in found.reason


@pytest.mark.parametrize(("noise", "since"), [({}, 6), ({9: 0.5}, 10), ({20: 0.5}, None)])
def test_changes_have_settled_from_the_last_large_one_on(noise: dict[int, float], since: int | None) -> None:
    changes = {epoch: 0.5 if epoch < 6 else 0.01 for epoch in range(2, 21)} | noise

    assert tail_signal(changes, 0.1, "latents", "of their spread").since == since


def test_what_is_not_a_number_has_not_settled() -> None:
    assert tail_signal({2: 0.0, 3: math.nan}, 0.1, "latents", "").since is None


def test_the_epoch_is_the_first_at_which_everything_has_settled() -> None:
    signals = [loss_signal(falling(), 0.05, "loss"), tail_signal({5: 1.0, 12: 0.0, 20: 0.0}, 0.1, "volumes", "")]

    found = recommend(signals, falling(), 0.05, KEPT)

    assert (found.epoch, found.settled) == (12, True)
    assert recommend(signals, falling(), 0.05, [5, 10, 15, 20]).epoch == 15


def test_what_has_not_settled_asks_for_more_epochs() -> None:
    moving = tail_signal(dict.fromkeys(range(2, 21), 0.5), 0.1, "latents", "of their spread")

    found = recommend([moving], None, 0.05, KEPT)

    assert (found.epoch, found.settled) == (20, False)
    assert any("--resume" in reason for reason in found.reasons)


def test_where_noise_is_learned_the_lowest_held_out_loss_decides() -> None:
    overfit = {epoch: 1 + (epoch - 7) ** 2 / 100 for epoch in KEPT}
    late = tail_signal({7: 1.0, 15: 0.0, 20: 0.0}, 0.1, "volumes", "")

    found = recommend([loss_signal(overfit, 0.05, "loss"), late], overfit, 0.05, KEPT)

    assert (found.epoch, found.settled) == (7, False)
    assert rise_after_lowest(overfit, 0.05) == (7, pytest.approx(1.69))
    assert any("rises by 169.00% after epoch 7" in reason for reason in found.reasons)


def test_a_rise_after_everything_has_settled_changes_nothing() -> None:
    overfit = {epoch: 1 + (epoch - 10) ** 2 / 100 for epoch in KEPT}
    early = tail_signal({2: 0.0, 20: 0.0}, 0.1, "volumes", "")

    found = recommend([loss_signal(overfit, 0.05, "loss"), early], overfit, 0.05, KEPT)

    assert found.settled
    assert overfit[found.epoch] <= 1 + 0.05 * 0.81


def test_a_flat_loss_does_not_rise() -> None:
    assert rise_after_lowest({1: 1.0, 2: 0.99999, 3: 0.99999 + 1e-6}, 0.05) is None
