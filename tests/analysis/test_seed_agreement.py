"""Classes over seeds, where it is known whether they come back."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.analysis.seed_agreement import (
    SeedAgreement,
    numbers_about,
    read_agreements,
    seed_agreements,
    write_agreements,
)
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.write import write_run_report
from napari_tomodrgn.runs.run import Run


def found(z: np.ndarray, kept: np.ndarray, clusters: int, seeds: int) -> dict[int, SeedAgreement]:
    steps = list(seed_agreements(z, kept, clusters, seeds))
    own = [step for step in steps if step is not None]
    assert steps.count(None) == seeds * len(own)
    return {each.classes: each for each in own}


def test_separate_groups_come_back_and_one_gaussian_does_not() -> None:
    generator = np.random.default_rng(0)
    group = generator.integers(3, size=300)
    apart = 50.0 * np.eye(3)[group] + generator.normal(size=(300, 3))
    cloud = generator.normal(size=(300, 8))
    kept = KMeans(10, n_init=10, random_state=0).fit_predict(cloud)

    in_groups, in_cloud = found(apart, group, 3, 12)[3], found(cloud, kept, 10, 12)[10]

    assert (in_groups.pairwise == 1).all()
    assert (in_groups.with_kept == 1).all()
    assert len(in_groups.pairwise) == 66
    assert np.median(in_cloud.pairwise) < 0.6
    assert np.median(in_cloud.with_kept) < 0.7


def test_each_seed_is_one_start_of_k_means() -> None:
    z = np.random.default_rng(1).normal(size=(120, 4))
    kept = KMeans(6, n_init=10, random_state=0).fit_predict(z)
    labels = [KMeans(6, n_init=1, random_state=seed).fit_predict(z) for seed in (1, 2, 3)]

    own = found(z, kept, 6, 3)[6]

    pairs = [adjusted_rand_score(labels[a], labels[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(own.pairwise, pairs)
    np.testing.assert_allclose(own.with_kept, [adjusted_rand_score(each, kept) for each in labels])


def test_half_once_and_twice_as_many_classes_are_tried() -> None:
    assert numbers_about(20, 1000) == [10, 20, 40]
    assert numbers_about(3, 5) == [3]
    assert numbers_about(1, 5) == [2]


def test_of_very_many_particles_some_are_drawn() -> None:
    z = np.repeat([[0.0], [1.0]], 10_200, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(20_400, 1))

    own = found(z, np.repeat([0, 1], 10_200), 2, 2)[2]

    assert own.particles == 20_000
    assert own.with_kept.tolist() == [1, 1]


def test_the_table_gives_back_what_was_found(tmp_path: Path) -> None:
    z = np.random.default_rng(1).normal(size=(60, 3))
    before = found(z, np.zeros(60, dtype=np.int64), 4, 4)

    write_agreements(tmp_path / "seeds.csv", list(before.values()))

    for own in read_agreements(tmp_path / "seeds.csv"):
        expected = before[own.classes]
        assert (own.particles, own.seeds) == (60, (1, 2, 3, 4))
        np.testing.assert_allclose(own.pairwise, expected.pairwise, atol=1e-6)
        assert (own.with_kept is None) == (own.classes != 4)
    (tmp_path / "seeds.csv").write_text("classes\nx\n")
    with pytest.raises(InputError, match="could not be read"):
        read_agreements(tmp_path / "seeds.csv")


def test_the_report_shows_seeds_of_the_classes_that_it_shows(analysed_run: Run, tmp_path: Path) -> None:
    run = Run.open(Path(shutil.copytree(analysed_run.path, tmp_path / "run")))
    options = AnalyzeOptions(run=run.path, clusters=3, umap=False, volumes=False, overwrite=True, seeds=4)

    folder = analyze(options).folder
    page = write_run_report(run).read_text(encoding="utf-8")
    assert "Whether the same classes come back: 4 seeds, one start each, latents of 24 particles" in page
    assert (folder.figures("kmeans-3") / "seeds.svg").is_file()

    analyze(options.model_copy(update={"seeds": 0}))
    assert not list(folder.path.glob("seeds*"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [({"seeds": 1}, "--seeds is 1; give two or more"), ({"seeds": 5, "method": "hdbscan"}, "HDBSCAN has no seed")],
)
def test_seeds_that_say_nothing_are_refused(analysed_run: Run, given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        analyze(AnalyzeOptions(run=analysed_run.path, epoch=1, **given))
