"""Averages of slices that take long: the slice is shown as it is until they are made."""

from typing import Any

import dask.array
import numpy as np
import numpy.typing as npt
import pytest

from napari_tomodrgn.viewer import slab
from napari_tomodrgn.viewer.mrc_volume import contrast_limits
from napari_tomodrgn.viewer.slab import Averages, SlabVolume


@pytest.fixture
def noise() -> npt.NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((20, 24, 28)).astype(np.float32)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often averages were asked for, all of which take too long."""
    monkeypatch.setattr(slab, "AT_ONCE", 0)
    return []


def listening(heard: list[int]) -> Averages:
    averages = Averages()
    averages.asked.connect(lambda: heard.append(1))
    return averages


def make_all(averages: Averages) -> None:
    for key, make in averages.wanted:
        assert averages.put(key, make())


def test_a_slice_is_shown_as_it_is_until_its_average_is_made(noise: Any, heard: list[int]) -> None:
    averages = listening(heard)
    slabs = SlabVolume(noise, 2, averages=averages)
    np.testing.assert_array_equal(slabs[10], noise[10])
    np.testing.assert_array_equal(slabs[:, :, 5], noise[:, :, 5])
    assert len(heard) == 2
    make_all(averages)
    np.testing.assert_allclose(slabs[10], noise[8:13].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(slabs[:, :, 5], noise[:, :, 3:8].mean(axis=2), atol=1e-6)
    assert len(heard) == 2


def test_parts_and_levels_have_averages_of_their_own(noise: Any, heard: list[int]) -> None:
    averages = listening(heard)
    whole = SlabVolume(noise, 2, averages=averages)
    coarse = whole[::2, ::2, ::2]
    tile = coarse[:, 3:9]
    np.testing.assert_array_equal(whole[4], noise[4])
    np.testing.assert_array_equal(tile[4], noise[8, 6:18:2, ::2])
    make_all(averages)
    np.testing.assert_allclose(tile[4], noise[6:11:2, 6:18:2, ::2].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(whole[::2, ::2, ::2][:, 3:9][4], tile[4])
    np.testing.assert_array_equal(coarse[4], noise[8, ::2, ::2])


def test_what_was_scrolled_past_is_not_made_and_no_other_volumes_average_is_shown(noise: Any, heard: list[int]) -> None:
    averages = listening(heard)
    before, after = SlabVolume(noise, 2, averages=averages), SlabVolume(noise + 5, 2, averages=averages)
    for index in range(12):
        np.asarray(before[index])
    assert len(averages.wanted) == 2
    (key, make), *_ = averages.wanted
    averages.clear()
    assert not averages.put(key, make())
    np.testing.assert_array_equal(after[11], noise[11] + 5)
    assert not averages.put(key, make())
    np.testing.assert_array_equal(after[11], noise[11] + 5)


def test_where_nobody_makes_them_averages_are_made_at_once(noise: Any, heard: list[int]) -> None:
    slabs = SlabVolume(noise, 2, averages=Averages())
    np.testing.assert_allclose(slabs[10], noise[8:13].mean(axis=0), atol=1e-6)


def test_arrays_that_are_read_in_pieces_will_do(noise: Any) -> None:
    pieces = dask.array.from_array(noise, chunks=(5, 10, 10))
    np.testing.assert_allclose(SlabVolume(pieces, 1)[7], noise[6:9].mean(axis=0), atol=1e-6)
    assert contrast_limits(pieces) == contrast_limits(noise)
