"""The sample with a trained run, made smaller and shorter than the menu's."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer import sample_run
from napari_tomodrgn.viewer.sample_data import trained_run
from napari_tomodrgn.viewer.sample_run import SampleRun, find_sample_run, make_sample_run
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.tomogram_view import open_tomogram

pytestmark = pytest.mark.long  # the workspace's tests look at a sample, too


@pytest.fixture(scope="module")
def told() -> list[tuple[float, str]]:
    return []


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, told: list[tuple[float, str]]) -> SampleRun:
    return make_sample_run(tmp_path_factory.mktemp("cache") / "sample", lambda *args: told.append(args))


def test_its_classes_are_the_states_that_were_simulated(sample: SampleRun) -> None:
    run = Run.open(sample.run)
    labels = read_labels(AnalysisFolder(run.path, run.chosen_epoch).labels("kmeans-4"))
    truth = pd.read_csv(sample.truth, dtype={"tomogram": str, "particle": str})
    ids = run.particle_set().ids
    assert len(ids) == len(truth) == len(labels)
    assert adjusted_rand_score(truth["label"], [labels[each] for each in ids]) >= 0.9


def test_a_session_opens_it_and_its_tomograms_fit(sample: SampleRun) -> None:
    session = Session()
    session.open_run(sample.run)
    assert session.coloured_by == "kmeans-4"
    assert list(sample.tomograms) == session.tomograms
    for name, path in sample.tomograms.items():
        opened = open_tomogram(path, name, session.particle_set)
        assert opened.messages == ()
        assert opened.question is None
        values = np.asarray(opened.file.values)
        assert values.std() > 0


def test_progress_rises_to_its_end(sample: SampleRun, told: list[tuple[float, str]]) -> None:
    assert sample.run.is_dir()
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_it_is_made_once(sample: SampleRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object) -> None:
        pytest.fail("made again")

    monkeypatch.setattr(sample_run, "_make", never)
    folder = sample.run.parent
    assert make_sample_run(folder) == find_sample_run(folder) == sample


def test_what_was_left_half_made_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sample_run, "_make", fails)
    with pytest.raises(KeyboardInterrupt):
        make_sample_run(tmp_path / "sample")
    assert find_sample_run(tmp_path / "sample") is None


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(InputError, match="holds other files and no sample"):
        make_sample_run(tmp_path)


def test_the_menu_shows_a_tomogram_and_its_particles_by_class(
    sample: SampleRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_run, "sample_folder", lambda: sample.run.parent)
    layers: Any = trained_run()
    (image, points) = layers
    assert (image[2], points[2]) == ("image", "points")
    assert image[1]["metadata"]["experiment_id"] == points[1]["metadata"]["experiment_id"]
    assert points[1]["metadata"]["run"] == str(sample.run)
    assert len(np.unique(points[1]["face_color"], axis=0)) == 4
