"""The analysis of a small real run."""

import json
import shutil
from collections import Counter
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.analysis.comparison import read_comparison
from napari_tomodrgn.analysis.folder import Embedding, read_labels
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Run:
    """The small run in a folder of its own."""
    return Run.open(Path(shutil.copytree(run.path, tmp_path / "run")))


def test_every_file_of_an_analysis_is_there_and_agrees_with_the_latents(copied: Run) -> None:
    found = analyze(AnalyzeOptions(run=copied.path, clusters=3, umap=False, seed=1))

    latents = copied.latents()
    folder = copied.path / "analysis" / "epoch-0002"
    labels = read_labels(folder / "labels-kmeans-3.csv")
    assert list(labels) == list(latents.ids)
    assert list(labels.values()) == found.clusters.labels.tolist()
    centres = pd.read_csv(folder / "centres-kmeans-3.csv", dtype={"tomogram": str, "particle": str})
    rows = [latents.ids.index(each) for each in zip(centres["tomogram"], centres["particle"], strict=True)]
    np.testing.assert_allclose(centres[["z0", "z1", "z2"]], latents.z_mean[rows], rtol=1e-5)
    assert centres["particles"].tolist() == np.bincount(list(labels.values())).tolist()
    assert Embedding.load(folder / "embedding.npz").umap is None
    assert json.loads((folder / "settings-kmeans-3.json").read_text())["seed"] == 1


def test_class_volumes_are_maps_of_the_centres(copied: Run) -> None:
    found = analyze(AnalyzeOptions(run=copied.path, clusters=3, umap=False))

    volumes = copied.path / "volumes" / "epoch-0002" / "kmeans-3"
    assert found.volumes == volumes
    with mrcfile.open(volumes / "vol_002.mrc") as stream:
        assert stream.data.shape == (16, 16, 16)
        assert stream.voxel_size.x == pytest.approx(12.0)
    index = pd.read_csv(volumes / "index.csv", dtype={"particle": str})
    assert index["label"].tolist() == [0, 1, 2]
    compared = read_comparison(volumes)
    assert compared.curves.columns.tolist() == ["0-1", "0-2", "1-2"]
    assert compared.curves.index[-1] == pytest.approx(1 / (2 * 12.0))
    np.testing.assert_allclose(np.diag(compared.correlations), 1)
    np.testing.assert_allclose(compared.correlations, compared.correlations.T)
    assert not compared.masked


def test_a_second_labelling_keeps_the_embedding(copied: Run) -> None:
    first = analyze(AnalyzeOptions(run=copied.path, clusters=3, umap=False, volumes=False))
    before = first.folder.embedding.stat().st_mtime_ns

    second = analyze(AnalyzeOptions(run=copied.path, clusters=2, method="gmm", umap=False, volumes=False))

    assert second.folder.embedding.stat().st_mtime_ns == before
    assert second.folder.labellings() == ["gmm-2", "kmeans-3"]


def test_an_epoch_is_analysed_by_its_own_latents(copied: Run) -> None:
    found = analyze(AnalyzeOptions(run=copied.path, epoch=1, clusters=2, umap=False, volumes=False))

    assert found.folder.path == copied.path / "analysis" / "epoch-0001"
    centre = pd.read_csv(found.folder.centres("kmeans-2"))[["z0", "z1", "z2"]].to_numpy()
    np.testing.assert_allclose(centre, copied.latents(1).z_mean[found.clusters.nearest], rtol=1e-5)


def test_existing_output_is_refused_and_replaced_on_request(copied: Run) -> None:
    options = AnalyzeOptions(run=copied.path, clusters=2, umap=False)
    analyze(options)

    with pytest.raises(InputError, match="exists already"):
        analyze(options)
    analyze(options.model_copy(update={"overwrite": True, "seed": 5}))

    settings = copied.path / "analysis" / "epoch-0002" / "settings-kmeans-2.json"
    assert json.loads(settings.read_text())["seed"] == 5


def test_classes_without_volumes_do_not_keep_the_volumes_of_the_classes_they_replace(copied: Run) -> None:
    volumes = analyze(AnalyzeOptions(run=copied.path, clusters=2, umap=False)).volumes
    assert volumes is not None

    analyze(AnalyzeOptions(run=copied.path, clusters=2, umap=False, volumes=False, seed=3, overwrite=True))

    assert not list(volumes.glob("*"))


def test_volumes_made_by_hand_are_not_removed_unasked(copied: Run) -> None:
    mine = copied.path / "volumes" / "epoch-0002" / "kmeans-2" / "vol_000.mrc"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")

    with pytest.raises(InputError, match="exists already"):
        analyze(AnalyzeOptions(run=copied.path, clusters=2, umap=False, volumes=False))

    assert mine.read_bytes() == b"mine"


def test_more_clusters_than_particles_writes_nothing(copied: Run) -> None:
    with pytest.raises(InputError, match="--clusters is 25 but there are only 24 particles"):
        analyze(AnalyzeOptions(run=copied.path, clusters=25))

    assert not (copied.path / "analysis").exists()


def test_a_decoder_alone_has_nothing_to_analyse(homogeneous_run: Run) -> None:
    with pytest.raises(InputError, match="have no latents"):
        analyze(AnalyzeOptions(run=homogeneous_run.path))


def test_latents_that_are_not_finite_are_refused(copied: Run) -> None:
    path = copied.path / "latents.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["z_mean"][4, 1] = np.nan
    np.savez(path, **arrays)

    with pytest.raises(InputError, match="1 of its latents are not finite"):
        analyze(AnalyzeOptions(run=copied.path, clusters=2))


@pytest.mark.parametrize("cut_off", [KeyboardInterrupt, MemoryError])
def test_an_analysis_that_is_cut_off_changes_nothing(
    copied: Run, cut_off: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = AnalyzeOptions(run=copied.path, clusters=2, umap=False)
    analyze(options)
    before = {path: path.read_bytes() for path in copied.path.rglob("*") if path.is_file()}

    def cut(*_: object) -> None:
        raise cut_off

    monkeypatch.setattr("napari_tomodrgn.analysis.analyze.write_comparison", cut)
    for again in (options.model_copy(update={"overwrite": True, "seed": 5}), options.model_copy(update={"epoch": 1})):
        with pytest.raises(cut_off):
            analyze(again)

    assert {path: path.read_bytes() for path in copied.path.rglob("*") if path.is_file()} == before
    assert not (copied.path / "analysis" / "epoch-0001").exists()


def test_classes_of_few_particles_are_cautioned_of(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy = Path(shutil.copytree(run.path, tmp_path / "run"))
    count = len(run.latents())
    many = count // 2

    analyze(AnalyzeOptions(run=copy, clusters=many, umap=False, volumes=False, figures=False))

    sizes = list(Counter(read_labels(copy / "analysis" / "epoch-0002" / f"labels-kmeans-{many}.csv").values()).values())
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"{many} classes of {count} particles: the smallest has {min(sizes)} and half of them ")
    caplog.clear()
    analyze(AnalyzeOptions(run=copy, clusters=2, umap=False, volumes=False, figures=False))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
