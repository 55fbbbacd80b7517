"""Components of voxels against numpy's singular values of all of them, and an ensemble of a small real run."""

import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.analysis.columns import Classes, Numbers, columns_of_run
from napari_tomodrgn.analysis.comparison import common_mask
from napari_tomodrgn.analysis.ensemble.ensemble import find_ensemble
from napari_tomodrgn.analysis.ensemble.options import EnsembleOptions
from napari_tomodrgn.analysis.ensemble.voxels import batches_of, correlations, keep_voxels, voxel_components
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.ensemble import save_ensemble
from napari_tomodrgn.particles.maps import read_map, write_map
from napari_tomodrgn.reconstruction.volumes import VolumesOptions, write_volumes
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run


def svd(values: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates and shares of variance by numpy, signs as of the largest entry of each direction."""
    left, singular, directions = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    share = singular**2 / (singular**2).sum()
    return (left * singular * signs)[:, :components], share[:components]


def planted(count: int = 300, voxels: int = 500) -> np.ndarray:
    """Volumes of four parts that come and go, of unlike strength, in faint noise."""
    generator = np.random.default_rng(2)
    parts = np.linalg.qr(generator.normal(size=(voxels, 4)))[0].T
    strength = generator.normal(size=(count, 4)) * np.array([8.0, 5.0, 3.0, 2.0])
    return (strength @ parts + 10 + generator.normal(0, 0.01, (count, voxels))).astype(np.float32)


def test_components_batch_by_batch_are_those_of_everything_at_once() -> None:
    values = planted()
    weights = np.random.default_rng(3).uniform(0, 1, values.shape[1]).astype(np.float32)
    small = 40 * 8 * values.shape[1]
    assert len(batches_of(values, 14, small)) >= 7

    found = voxel_components(values, weights, 4, batch_bytes=small)

    coordinates, share = svd(values.astype(np.float64) * weights, 4)
    np.testing.assert_allclose(found.coordinates, coordinates, atol=2e-3)
    np.testing.assert_allclose(found.explained_variance, share, rtol=1e-4)
    np.testing.assert_allclose(found.mean, values.mean(axis=0, dtype=np.float64), rtol=1e-6)


def test_memory_is_that_of_a_batch_and_batches_hold_all_rows_once() -> None:
    stored = np.zeros((1003, 1000), np.float32)

    parts = batches_of(stored, 20, 100 * 8 * 1000)

    assert max(part.stop - part.start for part in parts) < 100 + 20
    assert min(part.stop - part.start for part in parts) >= 20
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(1003))


def test_correlations_are_numpys() -> None:
    values, reference = planted(50), np.random.default_rng(5).normal(size=500)

    plain = correlations(values, reference, np.ones(500, np.float32), batch_bytes=7 * 8 * 500)
    weights = np.random.default_rng(6).integers(0, 4, 500).astype(np.float32)
    weighted = correlations(values, reference, weights)

    np.testing.assert_allclose(plain, [np.corrcoef(own, reference)[0, 1] for own in values], atol=1e-6)
    repeated = np.repeat(np.arange(500), weights.astype(int))  # a voxel of weight three counts as three voxels
    expected = [np.corrcoef(own[repeated], reference[repeated])[0, 1] for own in values]
    np.testing.assert_allclose(weighted, expected, atol=1e-6)
    assert correlations(np.ones((1, 500), np.float32), reference, np.ones(500, np.float32)) == [0]


def test_voxels_are_kept_in_the_order_of_the_particles(tmp_path: Path) -> None:
    volumes = np.random.default_rng(0).normal(size=(5, 4, 4, 4)).astype(np.float32)
    inside = np.array([3, 17, 60])

    stored = keep_voxels(iter(volumes), inside, 5, tmp_path / "voxels")

    np.testing.assert_array_equal(stored, volumes.reshape(5, -1)[:, inside])


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Run:
    """The small run in a folder of its own."""
    return Run.open(Path(shutil.copytree(run.path, tmp_path / "run")))


def test_an_ensemble_is_numpys_of_the_volumes_command(copied: Run, tmp_path: Path) -> None:
    options = EnsembleOptions(run=copied.path, clusters=3, components=4)
    found, folder = save_ensemble(options)

    volumes = write_volumes(VolumesOptions(run=copied.path, all=True, outdir=tmp_path / "all", amp="off"))
    maps = np.stack([read_map(path).values for path in sorted(volumes.glob("*.mrc"))]).astype(np.float64)
    mask = read_map(folder / "mask.mrc").values
    assert found.masked_by.startswith("the ball within the box")  # this decoder's blur leaves no room for a soft edge
    coordinates, share = svd((maps * mask)[:, mask > 0], 4)
    table = pd.read_csv(folder / "ensemble.csv", dtype={"tomogram": str, "particle": str})
    assert list(zip(table["tomogram"], table["particle"], strict=True)) == list(copied.latents().ids)
    largest = np.abs(coordinates).max()
    np.testing.assert_allclose(table[[f"PC_{i}" for i in (1, 2, 3, 4)]], coordinates, atol=1e-3 * largest)
    np.testing.assert_allclose(found.components.explained_variance, share, rtol=1e-3)
    expected = [np.corrcoef(own[mask > 0], maps.mean(axis=0)[mask > 0])[0, 1] for own in maps]
    np.testing.assert_allclose(table["CC"], expected, atol=1e-5)
    np.testing.assert_allclose(read_map(folder / "mean.mrc").values, maps.mean(axis=0) * (mask > 0), atol=1e-5)


def test_its_columns_and_classes_are_known_of_the_run(copied: Run) -> None:
    found, folder = save_ensemble(EnsembleOptions(run=copied.path, clusters=3, components=2, umap=True, figures=False))

    columns = columns_of_run(copied, 2, copied.latents().ids)

    assert {f"voxels-3 {name}" for name in ("PC 1", "PC 2", "UMAP 1", "UMAP 2", "CC")} <= set(columns)
    classes, cc = columns["voxels-3"], columns["voxels-3 CC"]
    assert isinstance(classes, Classes)
    assert isinstance(cc, Numbers)
    assert classes.codes.tolist() == cluster(found.components.coordinates, 3).labels.tolist()
    np.testing.assert_allclose(cc.values, found.cc, atol=1e-6)
    assert not list(folder.glob("*.part"))


def test_a_reference_and_a_mask_are_taken(copied: Run, tmp_path: Path) -> None:
    one = (
        write_volumes(VolumesOptions(run=copied.path, all=True, outdir=tmp_path / "all", box=8, amp="off"))
        / "vol_005.mrc"
    )
    mask = np.zeros((8, 8, 8), np.float32)
    mask[2:6, 2:6, 2:6] = 1
    write_map(tmp_path / "mask.mrc", mask, 24.0)

    found, _ = save_ensemble(
        EnsembleOptions(run=copied.path, clusters=2, reference=one, mask=tmp_path / "mask.mrc", box=8, figures=False)
    )

    assert found.cc[5] == pytest.approx(1)
    assert found.components.directions.shape[1] == 64


def test_what_cannot_be_done_is_one_sentence_and_nothing_is_written(copied: Run, tmp_path: Path) -> None:
    write_map(tmp_path / "other.mrc", np.ones((16, 16, 16), np.float32), 3.0)
    write_map(tmp_path / "nothing.mrc", np.zeros((16, 16, 16), np.float32), 12.0)
    before = sorted(copied.path.rglob("*"))

    for options, sentence in (
        ({"clusters": 25}, "--clusters is 25 but there are only 24 particles"),
        (
            {"clusters": 2, "reference": tmp_path / "other.mrc"},
            "is 16 voxels of 3 Å, and the volumes are 16",
        ),
        ({"clusters": 2, "mask": tmp_path / "nothing.mrc"}, "is nowhere above 0"),
        ({"clusters": 2, "epoch": 5}, "has no checkpoint of epoch 5"),
        ({"clusters": 2, "box": 5}, "--box 5"),
    ):
        with pytest.raises(InputError, match=sentence):
            save_ensemble(EnsembleOptions(run=copied.path, **options))

    assert sorted(copied.path.rglob("*")) == before


@pytest.mark.parametrize(("count", "found"), [(1, "has one particle"), (24, "24 particles with one and the same")])
def test_volumes_that_do_not_differ_have_no_components(copied: Run, count: int, found: str) -> None:
    path = copied.path / "latents" / "epoch-0002.npz"
    latents = Latents.load(path)
    z = np.repeat(latents.z_mean[:1], count, axis=0)
    Latents(latents.ids[:count], z, latents.z_logvar[:count], latents.split[:count]).save(path)

    with pytest.raises(InputError, match=found):
        save_ensemble(EnsembleOptions(run=copied.path, epoch=2, clusters=1))


def test_a_full_disk_is_told_before_anything_is_decoded(
    copied: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6 - 1000, 1000))

    with pytest.raises(InputError, match=r"has 1e-06 GB free, and .* GB of voxels"):
        find_ensemble(EnsembleOptions(run=copied.path, clusters=2), tmp_path)


def test_latents_that_are_no_numbers_are_named(copied: Run) -> None:
    path = copied.path / "latents" / "epoch-0002.npz"
    latents = Latents.load(path)
    z = latents.z_mean.copy()
    z[3] = np.inf
    Latents(latents.ids, z, latents.z_logvar, latents.split).save(path)

    with pytest.raises(InputError, match="1 particles have latents that are not finite"):
        save_ensemble(EnsembleOptions(run=copied.path, epoch=2, clusters=2))


def test_memory_does_not_grow_with_the_volumes(tmp_path: Path) -> None:
    """Of the mask, what is kept, components and correlations: at its peak, of N and of 3 N volumes."""
    inside, weights = np.arange(0, 12**3, 2), np.ones(12**3 // 2, np.float32)
    batch = 60 * 8 * len(inside)
    voxel_components(np.eye(4, dtype=np.float32), np.ones(4, np.float32), 2)  # what is imported first is no growth

    def volumes(count: int) -> Iterator[np.ndarray]:
        generator = np.random.default_rng(0)
        return (generator.normal(size=(12, 12, 12)).astype(np.float32) for _ in range(count))

    peaks = []
    for count in (120, 360):
        tracemalloc.start()
        common_mask(volumes(count))
        stored = keep_voxels(volumes(count), inside, count, tmp_path / "voxels")
        components = voxel_components(stored, weights, 2, batch)
        correlations(stored, components.mean, weights, batch)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert abs(peaks[1] - peaks[0]) < 0.1 * 240 * 12**3 * 4  # bytes of the volumes that came along
