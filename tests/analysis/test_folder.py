"""Tables of an analysis: names survive as written, and what is wrong is said in one sentence."""

import re
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.folder import (
    AnalysisFolder,
    Embedding,
    read_centres,
    read_labels,
    write_centres,
    write_labels,
)
from napari_tomodrgn.errors import InputError

IDS = [("001", "1e5"), ("a,b", '7"x'), ("Position 1", "NA")]


def test_labels_keep_names_that_look_like_numbers_or_like_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels-kmeans-3.csv"

    write_labels(path, IDS, np.array([2, 0, 1]))

    assert list(read_labels(path).items()) == list(zip(IDS, [2, 0, 1], strict=True))


def test_centres_keep_names_and_latents(tmp_path: Path) -> None:
    path = tmp_path / "centres-kmeans-2.csv"

    write_centres(path, IDS[:2], np.array([5, 3]), [[0.125, -2.5], [1e-8, 3.0]])
    table = read_centres(path)

    assert list(zip(table["tomogram"], table["particle"], strict=True)) == IDS[:2]
    assert table["particles"].tolist() == [5, 3]
    np.testing.assert_allclose(table[["z0", "z1"]], [[0.125, -2.5], [1e-8, 3.0]])


@pytest.mark.parametrize("umap", [None, np.arange(6, dtype=np.float32).reshape(3, 2)])
def test_embedding_opens_without_pickles(tmp_path: Path, umap: np.ndarray | None) -> None:
    path = tmp_path / "embedding.npz"
    pca = np.arange(9, dtype=np.float32).reshape(3, 3)

    Embedding(tuple(IDS), pca, umap, np.array([0.7, 0.2, 0.1], dtype=np.float32)).save(path)

    with np.load(path, allow_pickle=False) as stored:
        assert stored["particle_name"].dtype.kind == "U"
        assert stored["particle_tomogram"].tolist() == [tomogram for tomogram, _ in IDS]
    loaded = Embedding.load(path)
    assert loaded.ids == tuple(IDS)
    np.testing.assert_array_equal(loaded.pca, pca)
    assert (loaded.umap is None) == (umap is None)


def test_labellings_are_listed_by_method_and_number(tmp_path: Path) -> None:
    folder = AnalysisFolder(tmp_path, 3)
    for name in ("kmeans-20", "kmeans-4", "gmm-4"):
        write_labels(folder.labels(name), IDS, np.zeros(3, dtype=int))

    assert folder.path == tmp_path / "analysis" / "epoch-0003"
    assert folder.labellings() == ["gmm-4", "kmeans-4", "kmeans-20"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tomogram,label\n1,0\n", "has no column particle (found: tomogram, label)"),
        ("", "is empty"),
        ("tomogram,particle,label\n", "labels no particle"),
        ("tomogram,particle,label\n1,2,blue\n", "line 2: label is 'blue'; expected a whole number from 0"),
        ("tomogram,particle,label\n1,2,-1\n", "line 2: label is '-1'; expected a whole number from 0"),
        ("tomogram,particle,label\n1,2,0\n1,2,1\n", "line 3: particle 2 of tomogram 1 occurs twice"),
        ("tomogram,particle,label\n1,2\n", "line 2: has fewer values than the 3 columns"),
    ],
)
def test_wrong_labels_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=re.escape(sentence)):
        read_labels(path)


def test_absent_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such table"):
        read_labels(tmp_path / "labels.csv")
