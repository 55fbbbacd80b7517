"""A small real run from epoch to epoch, against what numpy, scikit-learn and the volumes command say."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.analysis.convergence.converge import Convergence, converge
from napari_tomodrgn.analysis.convergence.latent_changes import change, neighbours_kept
from napari_tomodrgn.analysis.convergence.options import ConvergeOptions
from napari_tomodrgn.analysis.reference import fourier_cropped, reference_map
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.convergence import draw_followed, draw_latents, save_convergence
from napari_tomodrgn.particles.maps import read_map, write_map
from napari_tomodrgn.reconstruction.volumes import VolumesOptions, write_volumes
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

ANY = ConvergeOptions(run=Path("run"))


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Run:
    """The small run in a folder of its own."""
    return Run.open(Path(shutil.copytree(run.path, tmp_path / "run")))


@pytest.fixture(scope="module")
def found(run: Run) -> Convergence:
    """What is found of the small run with three classes."""
    return converge(ConvergeOptions(run=run.path, clusters=3))


def shell_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The FSC by its definition."""
    a, b = np.fft.fftn(one), np.fft.fftn(other)
    k = np.fft.fftfreq(len(one), 1 / len(one))
    shell = np.rint(np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2)).astype(int).ravel()
    cross, own, its = (np.bincount(shell, each.real.ravel()) for each in (a * b.conj(), np.abs(a) ** 2, np.abs(b) ** 2))
    return cross / np.sqrt(own * its)


def test_a_turn_moves_every_latent_and_changes_no_neighbour() -> None:
    z = np.random.default_rng(0).normal(size=(200, 2))
    turn = np.array([[0.0, -1], [1, 0]])

    moved = change(1, z, 2, z @ turn, ANY, 1.0)

    assert moved.median == pytest.approx(np.median(np.sqrt(2) * np.linalg.norm(z, axis=1)))
    assert moved.relative_aligned == pytest.approx(0, abs=1e-9)
    assert moved.kept == 1


def test_a_shift_is_relative_to_the_spread() -> None:
    z = np.random.default_rng(0).normal(size=(20000, 4))

    moved = change(1, z, 2, z + 0.5, ANY, 1.0)

    assert moved.mean == pytest.approx(1)
    assert moved.relative == pytest.approx(1 / 2, rel=0.02)  # unit variance in four dimensions spreads by 2
    assert moved.kept == pytest.approx(1)


def test_neighbours_of_unrelated_latents_are_kept_as_often_as_by_chance() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 400, 3))

    moved = change(1, one, 2, other, ANY, 0.0)

    assert moved.kept_by_chance == pytest.approx(10 / 399)
    assert moved.kept == pytest.approx(10 / 399, abs=0.01)


def test_neighbours_are_those_of_all_distances() -> None:
    z = np.random.default_rng(5).normal(size=(60, 3))
    later = z + np.random.default_rng(6).normal(0, 0.5, z.shape)
    asked = np.array([0, 13, 59])

    def nearest(values: np.ndarray, row: int) -> set[int]:
        return set(np.argsort(np.linalg.norm(values - values[row], axis=1))[1:8].tolist())

    expected = np.mean([len(nearest(z, row) & nearest(later, row)) / 7 for row in asked])
    assert neighbours_kept(z, later, asked, 7) == pytest.approx(expected)


def test_the_table_says_what_the_files_say(run: Run, found: Convergence) -> None:
    first, second = (run.latents(epoch).z_mean.astype(float) for epoch in (1, 2))
    row = found.table.set_index("epoch").loc[2]

    distance = np.linalg.norm(second - first, axis=1)
    assert row["shift_mean"] == pytest.approx(distance.mean())
    assert row["shift_relative"] == pytest.approx(np.median(distance) / np.sqrt(second.var(axis=0).sum()))
    labels = [cluster(z, 3).labels for z in (first, second)]
    assert row["ari"] == pytest.approx(adjusted_rand_score(*labels))
    metrics = run.metrics()
    assert found.table["reconstruction"].tolist() == metrics["reconstruction"].tolist()
    assert found.table["seconds"].tolist() == pytest.approx(metrics["seconds"].cumsum().tolist())


def test_followed_particles_are_the_class_centres_and_their_volumes_those_of_the_volumes_command(
    run: Run, found: Convergence, tmp_path: Path
) -> None:
    followed = found.followed
    assert followed is not None
    classes = cluster(run.latents(2).z_mean, 3)
    ids = [each.particle for each in followed.latents]
    assert ids == [run.latents(2).ids[row] for row in classes.nearest]
    table = tmp_path / "followed.csv"
    with open(table, "w", newline="") as stream:
        csv.writer(stream).writerows([("tomogram", "particle"), *ids])

    maps = []
    for epoch in (1, 2):
        options = VolumesOptions(run=run.path, epoch=epoch, particles=table, outdir=tmp_path / str(epoch), amp="off")
        maps.append([read_map(path).values for path in sorted(write_volumes(options).glob("*.mrc"))])

    assert not followed.masked  # the small box has no room for a mask
    for number in range(3):
        expected = np.corrcoef(maps[0][number].ravel(), maps[1][number].ravel())[0, 1]
        assert followed.change[1, number] == pytest.approx(expected, abs=1e-6)
        less = [each[number] - np.mean(each, axis=0) for each in maps]
        expected = np.corrcoef(less[0].ravel(), less[1].ravel())[0, 1]
        assert followed.difference_change[1, number] == pytest.approx(expected, abs=1e-5)
    assert np.isnan(followed.change[0]).all()
    curves = [shell_correlation(one, other) for one, other in zip(*maps, strict=True)]
    table = followed.curves_table()
    assert table.columns.tolist() == ["2"]
    np.testing.assert_allclose(table["2"], np.median(curves, axis=0)[1:9], atol=1e-4)
    np.testing.assert_allclose(table.index, np.arange(1, 9) / (16 * 12.0))


def test_a_reference_is_compared_at_every_epoch(run: Run, found: Convergence, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    converge(ConvergeOptions(run=run.path, clusters=3, keep_volumes=True), kept)

    again = converge(ConvergeOptions(run=run.path, clusters=3, reference=kept / "epoch-0002_01.mrc"))

    assert again.followed is not None
    assert again.followed.reference[1, 1] == pytest.approx(1)
    assert again.table["reference_cc_most"].tolist() == pytest.approx(again.followed.reference.max(axis=1).tolist())
    assert again.followed.reference_resolution[1, 1] == pytest.approx(2 * 12.0)
    assert again.followed.curves_table().columns.tolist() == ["2", "reference-1", "reference-2"]
    assert found.followed is not None
    assert again.followed.reference[0, 1] == pytest.approx(found.followed.change[1, 1])
    assert sorted(path.name for path in kept.iterdir()) == [
        f"epoch-000{epoch}_0{number}.mrc" for epoch in (1, 2) for number in range(3)
    ]


@pytest.mark.long
def test_latents_by_umap_are_neighbours_where_they_were_at_that_epoch(run: Run, found: Convergence) -> None:
    by_umap = replace(found, options=found.options.model_copy(update={"umap": True}))

    figure = draw_latents(by_umap)

    assert "UMAP of each epoch" in figure.get_suptitle()
    panels = [axes for axes in figure.axes if axes.collections]
    assert [axes.get_title() for axes in panels] == ["epoch 1", "epoch 2"]
    order = np.random.default_rng(0).permutation(24)
    for epoch, axes in enumerate(panels, 1):
        points = np.asarray(axes.collections[0].get_offsets())
        z = run.latents(epoch).z_mean
        assert trustworthiness(z[order], points, n_neighbors=5) > 0.8
        assert trustworthiness(z[order][::-1], points, n_neighbors=5) < 0.7


def test_a_finer_reference_is_cropped_in_fourier_space(tmp_path: Path) -> None:
    """A sum of waves below the coarse Nyquist is the same function on either grid."""

    def waves(box: int) -> np.ndarray:
        z, y, x = (np.mgrid[:box, :box, :box] - box // 2) / box
        return np.cos(2 * np.pi * (2 * x + y)) + np.sin(2 * np.pi * (3 * z - y)).astype(np.float32)

    write_map(tmp_path / "fine.mrc", waves(24), 4.0)

    np.testing.assert_allclose(reference_map(tmp_path / "fine.mrc", 12, 8.0), waves(12), atol=1e-5)
    np.testing.assert_allclose(fourier_cropped(waves(24), 24), waves(24), atol=1e-5)
    with pytest.raises(InputError, match=r"is 24 voxels of 4 Å, and the volumes are 12 voxels of 6 Å"):
        reference_map(tmp_path / "fine.mrc", 12, 6.0)


def test_a_decoder_alone_is_followed_by_its_one_volume(homogeneous_run: Run) -> None:
    found = converge(ConvergeOptions(run=homogeneous_run.path))

    assert found.labels is None
    assert found.followed is not None
    assert [each.particle for each in found.followed.latents] == [None]
    assert [signal.name for signal in found.signals] == ["loss of the images trained on", "volumes"]
    assert "shift_relative" not in found.table


def test_a_decoder_alone_is_drawn_without_latents(homogeneous_run: Run, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(homogeneous_run.path, tmp_path / "run"))

    _, folder = save_convergence(ConvergeOptions(run=copy))

    assert {path.name for path in folder.glob("*.png")} == {"curves.png", "volumes.png", "resolution.png"}
    assert len((folder / "followed.csv").read_text().splitlines()) == 1 + 2


def test_only_epochs_with_a_checkpoint_have_volumes(copied: Run) -> None:
    layout.checkpoint_path(copied.path, 1).unlink()

    found = converge(ConvergeOptions(run=copied.path, clusters=2))

    assert found.recommendation.epoch == 2
    assert any("only epoch 2 has a checkpoint" in note for note in found.notes)
    assert np.isfinite(found.table["shift_relative"].iloc[1])
    assert "volume_cc" not in found.table


def test_held_out_particles_choose_no_epoch_but_held_out_tilts_do(copied: Run) -> None:
    metrics = copied.metrics().assign(held_out_reconstruction=[1.0, 2.0])
    metrics.to_csv(copied.path / layout.METRICS, index=False)
    loose = ConvergeOptions(run=copied.path, clusters=2, volumes=False, shift_tolerance=1e9)

    by_particle = converge(loose)
    copied.update(settings={**copied.settings, "held_out_by": "tilt"})
    by_tilt = converge(loose)

    assert by_particle.recommendation.epoch == 2
    assert any("it rises by 100.00% after epoch 1" in note for note in by_particle.notes)
    assert by_tilt.recommendation.epoch == 1
    assert not by_tilt.recommendation.settled


def test_one_epoch_has_nothing_to_converge_to(copied: Run) -> None:
    copied.metrics().iloc[:1].to_csv(copied.path / layout.METRICS, index=False)
    layout.checkpoint_path(copied.path, 2).unlink()
    layout.latents_path(copied.path, 2).unlink()

    with pytest.raises(InputError, match="has one epoch, 1, and convergence is a change"):
        converge(ConvergeOptions(run=copied.path))


def test_without_latents_or_checkpoints_it_says_so(copied: Run) -> None:
    shutil.rmtree(copied.path / layout.CHECKPOINTS)
    with pytest.raises(InputError, match="has no checkpoint of an epoch with latents to decode; add --no-volumes"):
        converge(ConvergeOptions(run=copied.path, clusters=2))
    assert converge(ConvergeOptions(run=copied.path, clusters=2, volumes=False)).followed is None

    shutil.rmtree(copied.path / layout.LATENTS)
    with pytest.raises(InputError, match="has no latents of any epoch"):
        converge(ConvergeOptions(run=copied.path))


def test_latents_that_are_no_numbers_or_of_others_are_named(copied: Run) -> None:
    path = layout.latents_path(copied.path, 2)
    latents = Latents.load(path)
    z = latents.z_mean.copy()
    z[4, 1] = np.nan
    Latents(latents.ids, z, latents.z_logvar, latents.split).save(path)
    with pytest.raises(InputError, match=f"epoch-0002.npz: 1 of its latents are not .* particle {latents.ids[4][1]}"):
        converge(ConvergeOptions(run=copied.path))

    Latents(latents.ids[::-1], latents.z_mean, latents.z_logvar, latents.split).save(path)
    with pytest.raises(InputError, match=r"epoch-0002.npz: is of other particles than 1's"):
        converge(ConvergeOptions(run=copied.path))


def test_one_particle_is_followed_alone(copied: Run) -> None:
    for epoch in (1, 2):
        path = layout.latents_path(copied.path, epoch)
        latents = Latents.load(path)
        Latents(latents.ids[:1], latents.z_mean[:1], latents.z_logvar[:1], latents.split[:1]).save(path)

    found, _ = save_convergence(ConvergeOptions(run=copied.path, clusters=1))

    assert found.followed is not None
    assert found.followed.latents[0].particle == run_ids(copied)[0]
    assert "difference_cc" not in found.table
    assert not found.recommendation.settled  # a latent that moves while nothing spreads


def run_ids(run: Run) -> tuple[tuple[str, str], ...]:
    return run.latents(2).ids


def test_more_classes_than_particles_are_refused(run: Run) -> None:
    with pytest.raises(InputError, match="--clusters is 30 but there are only 24 particles"):
        converge(ConvergeOptions(run=run.path, clusters=30))


def test_what_is_written_above_a_figure_of_one_epoch_fits_it(copied: Run) -> None:
    layout.checkpoint_path(copied.path, 1).unlink()
    found = converge(ConvergeOptions(run=copied.path, clusters=2))
    assert found.followed is not None
    assert len(found.followed.epochs) == 1

    figure = draw_followed(found, found.followed)

    figure.draw_without_rendering()
    (title,) = figure.texts
    assert " ".join(title.get_text().split()).endswith("framed: recommended")
    extent = title.get_window_extent()
    assert figure.bbox.x0 <= extent.x0 < extent.x1 <= figure.bbox.x1
    assert extent.y1 <= figure.bbox.y1
    assert extent.y0 > max(axes.title.get_window_extent().y1 for axes in figure.axes)
