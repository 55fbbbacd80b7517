"""Beta by schedule and by target."""

import pytest

from napari_tomodrgn.training.beta import BetaController


def test_constant() -> None:
    assert [BetaController(0.25).value(progress) for progress in (0, 0.5, 1)] == [0.25] * 3


def test_linear_rises_over_the_first_half() -> None:
    beta = BetaController(2.0, "linear")
    assert [beta.value(progress) for progress in (0, 0.25, 0.5, 0.9)] == [0, 1, 2, 2]


def test_cyclical_rises_in_each_of_four_cycles() -> None:
    beta = BetaController(1.0, "cyclical")
    for start in (0, 0.25, 0.5, 0.75):
        assert beta.value(start) == 0
        assert beta.value(start + 0.0625) == pytest.approx(0.5)
        assert beta.value(start + 0.2) == 1


@pytest.mark.parametrize("base", [1e-3, 1.0, 1e3])
def test_a_target_is_reached_from_either_side(base: float) -> None:
    """The posterior here answers as one that gives up information as it gets dear: KL = 40 / (1 + beta)."""
    beta = BetaController(base, target=10.0)
    for _ in range(4000):
        beta.observe(40 / (1 + beta.value(0)))
    assert 40 / (1 + beta.value(0)) == pytest.approx(10, rel=0.05)


def test_a_restored_controller_goes_on_as_if_nothing_had_happened() -> None:
    one, other = BetaController(1.0, target=5.0), BetaController(1.0, target=5.0)
    for kld in (9.0, 7.0, 3.0):
        one.observe(kld)
    other.restore(one.state())
    one.observe(4.0)
    other.observe(4.0)
    assert one == other
