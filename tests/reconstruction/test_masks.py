"""Soft masks around a ball whose every distance is known."""

import numpy as np
import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.reconstruction.masks import soft_mask

RADIUS = np.linalg.norm(np.mgrid[:64, :64, :64] - 32.0, axis=0)
BALL = (RADIUS <= 10).astype(np.float32)


def test_is_1_out_to_the_growth_and_falls_as_a_cosine() -> None:
    mask = soft_mask(BALL, threshold=0.5)

    profile = mask[32, 32, 32:]  # the ball ends at voxel 10
    np.testing.assert_allclose(profile[:14], 1)
    np.testing.assert_allclose(profile[14:24], 0.5 + 0.5 * np.cos(np.pi * np.arange(1, 11) / 10), atol=1e-6)
    assert (profile[23:] == 0).all()


def test_begins_at_half_the_99th_percentile() -> None:
    values = np.maximum(0, 20 - RADIUS)
    threshold = np.percentile(values, 99) / 2

    mask = soft_mask(values, dilate=0, edge=0)

    np.testing.assert_array_equal(mask == 1, values > threshold)


def test_widths_in_angstrom_are_voxels_times_their_side() -> None:
    in_voxels = soft_mask(BALL, threshold=0.5, dilate=2, edge=6)

    in_angstrom = soft_mask(BALL, threshold=0.5, dilate=5, edge=15, unit="angstrom", pixel_size=2.5)

    np.testing.assert_allclose(in_angstrom, in_voxels, atol=1e-6)


def test_refuses_to_touch_the_box() -> None:
    soft_mask(BALL, threshold=0.5, dilate=11, edge=10)

    with pytest.raises(InputError, match=r"touches the 64 px box; choose smaller widths"):
        soft_mask(BALL, threshold=0.5, dilate=12, edge=10.5)


def test_refuses_a_threshold_above_everything() -> None:
    with pytest.raises(InputError, match="no voxel of the map exceeds"):
        soft_mask(BALL, threshold=2)
