"""The prior learns the true spectrum from noisy data, and leaves what a Wiener filter leaves."""

import numpy as np
import pytest
import torch

from napari_tomodrgn.training.spectral_prior import FILLED, SpectralPrior

BOX, VISITS = 16, 6


def see(
    prior: SpectralPrior, k3: torch.Tensor, real: torch.Tensor, imaginary: torch.Tensor, precision: torch.Tensor
) -> None:
    """Let the prior take note of points, of which one more does not count."""
    sums = prior.sums()
    beside = torch.cat([k3, k3[:1]])
    counted = torch.arange(len(beside)) < len(k3)
    power, precision = (
        torch.cat([real**2 + imaginary**2, torch.full((1,), 99.0)]),
        torch.cat([precision, torch.zeros(1)]),
    )
    sums.add(prior.shells(beside), counted, power, precision)
    prior.note(sums)


def test_it_ends_at_the_wiener_filter() -> None:
    """Independent voxels of known variance, each seen a few times through a transfer of 0.8 with noise of variance 1.

    The most probable value of a voxel is known in closed form for any penalty; the prior is asked to find the variance
    that the voxels were drawn with, from values that are shrunk by what it has found so far.
    """
    generator = torch.Generator().manual_seed(0)
    prior = SpectralPrior(BOX, torch.device("cpu"))
    transfer, truth = 0.8, {4: 1.5, 7: 0.2}
    points, sums = {}, {}
    for shell, variance in truth.items():
        voxels = int(FILLED * 2 * torch.pi * shell**2 * 60)
        prior.voxels[shell] = voxels
        values = torch.randn(voxels, 2, generator=generator) * (variance / 2) ** 0.5
        noise = torch.randn(VISITS, voxels, 2, generator=generator) * 0.5**0.5
        sums[shell] = (transfer * (transfer * values + noise)).sum(0)
        direction = torch.nn.functional.normalize(torch.randn(voxels, 3, generator=generator), dim=1)
        points[shell] = direction * shell / BOX
    for _ in range(80):
        for shell in truth:
            precision = VISITS * (transfer**2 + float(prior.penalty[shell]))
            found = sums[shell] / precision
            for _visit in range(VISITS):
                seen = torch.full((len(found),), transfer**2)
                see(prior, points[shell], found[:, 0], found[:, 1], seen)
        prior.end_epoch()

    assert prior.variance is not None
    for shell, variance in truth.items():
        assert float(prior.variance[shell]) == pytest.approx(variance, rel=0.1)
        wiener = VISITS * transfer**2 / (VISITS * transfer**2 + 1 / variance)
        shrunk = transfer**2 / (transfer**2 + float(prior.penalty[shell]))
        assert shrunk == pytest.approx(wiener, rel=0.05)


def test_the_first_epoch_is_free() -> None:
    prior = SpectralPrior(BOX, torch.device("cpu"))
    assert torch.equal(prior.penalties(prior.shells(torch.rand(5, 3) / 2)), torch.zeros(5))


def test_it_adds_up_what_it_saw_in_each_shell() -> None:
    """Two visits, against numpy's histograms; points past Nyquist count with the last shell."""
    k3 = (torch.rand(2, 500, 3, generator=torch.Generator().manual_seed(2)) - 0.5) * 1.2
    real, imaginary, precision = torch.randn(3, 2, 500, generator=torch.Generator().manual_seed(3))
    prior = SpectralPrior(BOX, torch.device("cpu"))
    for visit in range(2):
        see(prior, k3[visit], real[visit], imaginary[visit], precision[visit])

    shell = np.minimum(np.rint(np.linalg.norm(k3.numpy().reshape(-1, 3), axis=1) * BOX), BOX // 2).astype(int)
    assert (shell == BOX // 2).sum() > 50
    for found, values in (
        (prior.points, np.ones(len(shell))),
        (prior.power, (real**2 + imaginary**2).numpy().ravel()),
        (prior.precision, precision.numpy().ravel()),
    ):
        np.testing.assert_allclose(found.numpy(), np.bincount(shell, values, BOX // 2 + 1), rtol=1e-12, atol=1e-12)


def test_a_restored_prior_goes_on_as_if_nothing_had_happened() -> None:
    k3 = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) / 2
    real, imaginary, precision = k3.unbind(1)
    one, other = (SpectralPrior(BOX, torch.device("cpu")) for _ in range(2))
    see(one, k3, real, imaginary, precision)
    one.end_epoch()
    see(one, k3, real, imaginary, precision)
    other.restore(one.state())
    for each in (one, other):
        see(each, k3, imaginary, real, precision)
        each.end_epoch()
    assert one.variance is not None
    assert other.variance is not None
    assert torch.equal(one.variance, other.variance)
    assert torch.equal(one.penalty, other.penalty)


def test_noise_of_another_variance_is_the_same_problem_in_other_units() -> None:
    """Values and precisions as noise of variance 4 leaves them are those of variance 1, twice as large."""
    k3 = torch.rand(200, 3, generator=torch.Generator().manual_seed(1)) / 2
    real, imaginary, precision = torch.rand(3, 200, generator=torch.Generator().manual_seed(2))
    one, other = (SpectralPrior(BOX, torch.device("cpu"), noise) for noise in (1.0, 4.0))
    for _ in range(2):
        for prior, unit in ((one, 1.0), (other, 2.0)):
            see(prior, k3, unit * real, unit * imaginary, precision)
            prior.end_epoch()
    assert one.variance is not None
    assert other.variance is not None
    seen = one.penalty > 0
    assert seen.sum() > 5
    torch.testing.assert_close(other.penalty, one.penalty)
    torch.testing.assert_close(other.variance[seen], 4 * one.variance[seen])
