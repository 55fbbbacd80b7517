"""g(r) in windows that are known, distances to segmentations, and two labellings at once."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from napari_tomodrgn.analysis.spatial.cooccurrence import cooccurrence
from napari_tomodrgn.analysis.spatial.pair_correlation import pair_correlation
from napari_tomodrgn.analysis.spatial.places import Places
from napari_tomodrgn.analysis.spatial.segmentation import distance_to_segment
from napari_tomodrgn.analysis.spatial.volumes_by_tomogram import files_of_tomograms, read_label_volume
from napari_tomodrgn.analysis.spatial.window import Window, hull, mask_window, random_places
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.simulation.neighbourhoods import scattered, tomograms_of


def hulls(where: Places) -> list[Window | None]:
    return [hull(where.position[where.rows_of(each)]) for each in range(len(where.tomograms))]


def test_random_places_in_a_part_of_the_tomogram_are_even_in_their_own_window() -> None:
    """Particles fill a corner of the tomogram only: its box would give many times as many near pairs as random."""
    generator = np.random.default_rng(0)
    ball = [generator.normal(size=(300, 3)) for _ in range(6)]
    ball = [
        700 * each / np.linalg.norm(each, axis=1, keepdims=True) * generator.random((300, 1)) ** (1 / 3)
        for each in ball
    ]
    where = tomograms_of(ball)

    found = pair_correlation(where, hulls(where), 600, 0.0, replicates=200)

    assert found.tomograms == 6
    assert np.abs(found.value[4:] - 1).max() < 0.1
    inside = (found.low <= 1) & (found.high >= 1)
    assert inside[4:].mean() > 0.8


def test_particles_that_keep_apart_are_even_beyond_that_where_random_places_do_too() -> None:
    where = scattered(10, 150, 1, apart=280)

    kept = pair_correlation(where, hulls(where), 900, 280, replicates=0)
    ignored = pair_correlation(where, hulls(where), 900, 0, replicates=0)

    beyond = kept.edges[:-1] >= 280
    assert np.abs(kept.value[beyond] - 1).mean() < 0.06
    assert kept.pairs[:, kept.edges[1:] <= 280].sum() == 0
    assert np.nanmean(ignored.value[~beyond]) < 0.05


def test_pairs_that_were_planted_are_a_peak_at_their_distance() -> None:
    single = scattered(6, 80, 2, apart=500)
    generator = np.random.default_rng(2)
    away = generator.standard_normal((len(single), 3))
    away *= 300 / np.linalg.norm(away, axis=1, keepdims=True)
    where = tomograms_of([np.concatenate([part, part + own]) for part, own in zip(
        np.split(single.position, 6), np.split(away, 6), strict=True)])  # fmt: skip

    found = pair_correlation(where, hulls(where), 1000, 0)

    peak = int(np.nanargmax(found.value))
    assert found.edges[peak] <= 300.01
    assert found.edges[peak + 1] >= 299.99
    assert found.low[peak] > found.chance_high[peak]


def test_a_hull_grows_to_the_volume_that_it_is_a_sample_of() -> None:
    generator = np.random.default_rng(3)
    ratios = []
    for _ in range(30):
        window = hull(generator.uniform(0, 1, (60, 3)))
        tried = generator.uniform(-0.5, 1.5, (20_000, 3))
        ratios.append(8 * window.holds(tried).mean())
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


def test_particles_without_a_volume_about_them_have_no_window() -> None:
    generator = np.random.default_rng(4)
    assert hull(generator.uniform(0, 1, (4, 3))) is None
    assert hull(np.column_stack([generator.uniform(0, 1, (50, 2)), np.zeros(50)])) is None
    assert pair_correlation(tomograms_of([np.eye(3)]), [None], 10, 0) is None


def test_places_in_a_mask_are_in_its_voxels_and_apart() -> None:
    mask = np.zeros((20, 30, 40), dtype=bool)
    mask[5:8, 10:20, 3:30] = True
    window = mask_window(mask, 10.0)

    found = random_places(window, 200, 12.0, np.random.default_rng(0))

    assert len(found) == 200
    x, y, z = np.round(found / 10).astype(int).T
    assert mask[z, y, x].all()
    distance = np.linalg.norm(found[:, None] - found[None], axis=2) + 1e9 * np.eye(200)
    assert distance.min() >= 12
    assert not window.holds(np.array([[-50.0, 0, 0], [1e6, 0, 0]])).any()


def write_labels(path: Path, values: np.ndarray, voxel: float) -> Path:
    with mrcfile.new(path, overwrite=True) as stream:
        stream.set_data(values)
        stream.voxel_size = voxel
    return path


def test_distances_are_those_of_scipys_transform(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    z, y, x = np.mgrid[:24, :30, :36]
    label = ((z - 9) ** 2 + (y - 12) ** 2 + (x - 20) ** 2 < 64).astype(np.int8)
    label[20:, :3] = 2
    label += (generator.random(label.shape) < 0.002).astype(np.int8) * (label == 0)
    volume = read_label_volume(write_labels(tmp_path / "labels.mrc", label, 8.0))
    index = np.stack([generator.integers(0, size, 500) for size in label.shape], axis=1)
    position = index[:, ::-1] * 8.0

    for segment, filled in ((None, label != 0), (1, label == 1), (2, label == 2)):
        far = 8 * (distance_transform_edt(~filled) - distance_transform_edt(filled))
        np.testing.assert_allclose(distance_to_segment(position, volume, segment), far[tuple(index.T)], atol=1e-6)


def test_distances_are_from_where_a_particle_is_also_outside_the_volume(tmp_path: Path) -> None:
    label = np.zeros((5, 5, 5), dtype=np.int8)
    label[:, :, 0] = 1
    volume = read_label_volume(write_labels(tmp_path / "labels.mrc", label, 10.0))
    found = distance_to_segment(np.array([[13.0, 20, 20], [-25.0, 20, 20], [33.0, 20, 60]]), volume)
    np.testing.assert_allclose(found, [13, 25, np.hypot(33, 20)])


def test_what_has_no_such_label_or_no_voxel_size_is_refused(tmp_path: Path) -> None:
    label = np.zeros((4, 4, 4), dtype=np.int8)
    label[1] = 3
    path = write_labels(tmp_path / "labels.mrc", label, 10.0)
    with pytest.raises(InputError, match="no voxel has a label 2"):
        distance_to_segment(np.zeros((1, 3)), read_label_volume(path), 2)
    with pytest.raises(InputError, match="one size in Å"):
        read_label_volume(write_labels(tmp_path / "without.mrc", label, 0.0))


def test_files_are_matched_to_tomograms_by_name(tmp_path: Path) -> None:
    for name in ("TS_1_10.00Apx.mrc", "TS_2_seg.mrc", "TS_22.mrc", "other.mrc"):
        write_labels(tmp_path / name, np.ones((2, 2, 2), dtype=np.int8), 1.0)

    found = files_of_tomograms(tmp_path, ("TS_1.tomostar", "TS_2.tomostar", "TS_3.tomostar"), "--segmentation")

    assert [path and path.name for path in found] == ["TS_1_10.00Apx.mrc", "TS_2_seg.mrc", None]
    with pytest.raises(InputError, match="holds no file of any of the 1 tomograms"):
        files_of_tomograms(tmp_path, ("TS_9",), "--window")
    with pytest.raises(InputError, match="one file, and there are 2 tomograms"):
        files_of_tomograms(tmp_path / "other.mrc", ("TS_1", "TS_2"), "--window")
    with pytest.raises(InputError, match="no such file or folder"):
        files_of_tomograms(tmp_path / "none", ("TS_1",), "--window")


def test_the_share_of_one_class_in_another_lies_in_its_interval() -> None:
    """A true share of 13 % in a class of a fifth of the particles, in 12 tomograms that differ."""
    held, widths = [], []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        tomogram = np.repeat(np.arange(12), 150)
        first = (generator.random(1800) < 0.2).astype(np.int64)
        second = (generator.random(1800) < np.where(first == 1, 0.13, 0.4)).astype(np.int64)
        found = cooccurrence(first, second, (2, 2), tomogram, replicates=400, seed=seed)
        held.append(found.low[1, 1] <= 0.13 <= found.high[1, 1])
        widths.append(found.high[1, 1] - found.low[1, 1])
    assert np.mean(held) > 0.88
    assert np.mean(widths) < 0.09
    assert found.counts.sum() == 1800
    assert found.expected[1, 1] == pytest.approx((second == 1).mean(), abs=0.02)


def test_one_tomogram_has_its_interval_over_particles() -> None:
    first, second = np.array([0] * 50 + [1] * 50), np.array([0] * 25 + [1] * 75)
    found = cooccurrence(first, second, (3, 2), np.zeros(100, dtype=np.int64))
    assert found.over == "particles"
    assert found.share[0].tolist() == [0.5, 0.5]
    assert np.isnan(found.share[2]).all()
    assert found.low[0, 0] == pytest.approx(0.36, abs=0.03)
