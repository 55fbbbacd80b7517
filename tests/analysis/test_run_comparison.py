"""Two planted runs on particles that they share in part: what is compared, by which words, and what is written."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import special_ortho_group
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from napari_tomodrgn.analysis.compare import CompareOptions, as_document, compare, write_tables
from napari_tomodrgn.analysis.folder import AnalysisFolder, write_labels
from napari_tomodrgn.analysis.run_comparison import RunComparison, compare_sides, read_side, with_seeds
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

IDS = tuple((f"TS_{number % 4:02d}", f"{number:04d}") for number in range(120))
TRUTH = np.arange(120) % 3
Plant = Callable[..., Path]


def blobs(truth: np.ndarray, seed: int = 0, spread: float = 0.4) -> np.ndarray:
    """Return latents (n, 3) about one place for each class."""
    places = 6 * np.eye(3)
    return places[truth] + spread * np.random.default_rng(seed).normal(size=(len(truth), 3))


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Return a function that writes a run of two epochs with latents and labels, without training one."""

    def write(
        name: str,
        ids: tuple[ParticleId, ...] = IDS,
        z: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        losses: tuple[float, float] = (1.0, 0.5),
        data: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Path:
        run, z = tmp_path / name, blobs(TRUTH) if z is None else z
        split = np.full(len(ids), "train")
        for epoch in (1, 2):
            latents = Latents(ids, (epoch * z).astype(np.float32), np.zeros(z.shape, np.float32), split)
            latents.save(layout.latents_path(run, epoch))
            layout.checkpoint_path(run, epoch).parent.mkdir(exist_ok=True)
            layout.checkpoint_path(run, epoch).touch()
        if labels is not None:
            write_labels(AnalysisFolder(run, 2).labels(f"kmeans-{labels.max() + 1}"), ids, labels)
        rows = {"epoch": [1, 2], "reconstruction": losses, "held_out_reconstruction": [np.nan, losses[1] + 0.1]}
        pd.DataFrame(rows).reindex(columns=layout.METRIC_COLUMNS).astype({"epoch": int}).to_csv(
            run / layout.METRICS, index=False
        )
        recorded = {"star": "particles.star", "dialect": "warp", "standard_deviation": 2.0, "fingerprint": "0"}
        model = {"forward_model": ForwardModel().as_dict()}
        Run.create(
            run,
            {
                "status": "finished",
                "settings": {"held_out_fraction": 0.1, "held_out_by": "tilt", "seed": 0, "dose_mask": True, **settings},
                "data": {**recorded, **model, **(data or {})},
                "model": {"latent_dim": z.shape[1]},
                "chosen_epoch": 2,
            },
        )
        return run

    return write


def found(a: Path, b: Path, **options: Any) -> RunComparison:
    return compare(CompareOptions(run_a=a, run_b=b, **options))


# particles


def test_particles_are_matched_by_id_whatever_their_order(plant: Plant) -> None:
    order = np.random.default_rng(1).permutation(120)[:90]
    a = plant("a", labels=TRUTH)
    b = plant("b", tuple(IDS[row] for row in order), blobs(TRUTH)[order], TRUTH[order])

    comparison = found(a, b, seeds=0)

    assert [comparison.a.ids[row] for row in comparison.rows_a] == [comparison.b.ids[row] for row in comparison.rows_b]
    assert as_document(comparison)["particles"] == {"shared": 90, "only_a": 30, "only_b": 0}
    assert comparison.agreement is not None
    assert comparison.agreement.ari == 1
    assert comparison.alignment is not None
    assert comparison.alignment.explained == pytest.approx(1)


def test_runs_without_a_common_particle_are_not_compared(plant: Plant) -> None:
    others = tuple((tomogram, f"x{name}") for tomogram, name in IDS)

    with pytest.raises(InputError, match=r"no particle in common .* 0000 in TS_00 and x0000 in TS_00"):
        found(plant("a", labels=TRUTH), plant("b", others, labels=TRUTH))


def test_a_decoder_alone_has_no_latents_to_align(plant: Plant, homogeneous_run: Run, run: Run) -> None:
    comparison = found(run.path, homogeneous_run.path)

    assert (comparison.agreement, comparison.alignment) == (None, None)
    assert comparison.shared == 24
    assert as_document(comparison)["losses"]["b"]["reconstruction"] > 0


# classes


def test_a_planted_change_is_listed_with_its_classes(plant: Plant, tmp_path: Path) -> None:
    """Classes are called otherwise in B, and three particles were moved."""
    moved = [4, 17, 100]
    labels = np.array([1, 2, 0])[TRUTH]
    labels[moved] = (labels[moved] + 1) % 3
    comparison = found(plant("a", labels=TRUTH), plant("b", labels=labels), seeds=0)

    (tmp_path / "out").mkdir()
    write_tables(comparison, tmp_path / "out")

    with open(tmp_path / "out" / "changed.csv", newline="") as stream:
        rows = [(row["tomogram"], row["particle"], int(row["a"]), int(row["b"])) for row in csv.DictReader(stream)]
    assert rows == [(*IDS[row], int(TRUTH[row]), int(labels[row])) for row in moved]
    table = pd.read_csv(tmp_path / "out" / "confusion.csv", index_col="a")
    expected = pd.crosstab(TRUTH, labels).to_numpy()
    assert table.to_numpy().tolist() == expected.tolist()
    document = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert document["classes"]["ari"] == pytest.approx(adjusted_rand_score(TRUTH, labels))
    assert document["classes"]["ami"] == pytest.approx(adjusted_mutual_info_score(TRUTH, labels))
    assert [(each["a"], each["b"]) for each in document["classes"]["matched"]] == [(0, 1), (1, 2), (2, 0)]
    assert document["classes"]["changed"] == 3
    low, high = (document["classes"]["ari_over_tomograms"][name] for name in ("low", "high"))
    assert low < document["classes"]["ari"] <= high <= 1


def test_particles_without_a_class_on_one_side_are_left_out(plant: Plant, tmp_path: Path) -> None:
    a, b = plant("a", labels=TRUTH), plant("b")
    some = tmp_path / "some.csv"
    write_labels(some, IDS[:50], TRUTH[:50])

    comparison = found(a, b, labels_b=some)

    assert len(comparison.labelled) == 50
    assert comparison.shared == 120
    assert comparison.b.labelling is not None
    assert comparison.b.labelling.method is None
    assert not len(comparison.changed())


def test_labels_of_other_particles_are_refused(plant: Plant, tmp_path: Path) -> None:
    strange = tmp_path / "strange.csv"
    write_labels(strange, [("elsewhere", "1")], np.array([0]))

    with pytest.raises(InputError, match="labels none of the 120 particles"):
        found(plant("a", labels=TRUTH), plant("b"), labels_b=strange)


def test_labels_of_the_same_name_are_meant_and_several_are_asked_about(plant: Plant) -> None:
    a, b = plant("a", labels=TRUTH), plant("b", labels=TRUTH)
    write_labels(AnalysisFolder(a, 2).labels("kmeans-2"), IDS, TRUTH % 2)
    assert found(a, b, seeds=0).a.labelling.name == "kmeans-3"  # type: ignore[union-attr]
    write_labels(AnalysisFolder(b, 2).labels("kmeans-2"), IDS, TRUTH % 2)

    with pytest.raises(InputError, match=r"which classes.*--labels-a FILE.csv or one of kmeans-2, kmeans-3"):
        found(a, b)
    both = found(a, b, labels_a="kmeans-2", seeds=0)
    assert both.b.labelling.name == "kmeans-2"  # type: ignore[union-attr]


def test_two_labellings_of_one_epoch_are_compared(plant: Plant) -> None:
    run = plant("a", labels=TRUTH)
    with pytest.raises(InputError, match="which classes"):
        found(run, run)
    write_labels(AnalysisFolder(run, 2).labels("gmm-2"), IDS, TRUTH % 2)

    comparison = found(run, run, labels_a="kmeans-3", seeds=0)

    assert comparison.names == ("kmeans-3", "gmm-2")
    assert comparison.agreement is not None
    assert comparison.agreement.ari == pytest.approx(adjusted_rand_score(TRUTH, TRUTH % 2))


def test_two_epochs_of_a_run_are_told_apart(plant: Plant) -> None:
    comparison = found(plant("a"), plant("a"), epoch_a=1)

    assert comparison.names == ("epoch 1", "epoch 2")
    assert comparison.alignment is not None
    assert comparison.alignment.scale == pytest.approx(0.5)
    assert comparison.agreement is None


# seeds


def test_seeds_say_how_far_the_index_hangs_on_the_clustering(plant: Plant) -> None:
    """Planted blobs are always found; one cloud is cut otherwise by every seed, even in the very same latents."""
    cloud = np.random.default_rng(2).normal(size=(120, 3))
    clear = found(plant("a", labels=TRUTH), plant("b", labels=TRUTH), seeds=3)
    vague = found(plant("c", z=cloud, labels=TRUTH), plant("d", z=cloud, labels=TRUTH), seeds=3)

    for comparison in (clear, vague):
        assert comparison.over_seeds is not None
        assert comparison.over_seeds.within_a is not None
        assert len(comparison.over_seeds.between.values) == 9
        assert len(comparison.over_seeds.within_a.values) == 3
    assert clear.over_seeds.between.interval == (1, 1)  # type: ignore[union-attr]
    assert vague.over_seeds.between.interval[0] < 0.95  # type: ignore[union-attr]


def test_a_labelling_that_was_not_found_in_latents_keeps_its_labels(plant: Plant, tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    write_labels(mine, IDS, TRUTH % 2)
    a, b = plant("a", labels=TRUTH), plant("b")

    seeds = found(a, b, labels_b=mine, seeds=2).over_seeds

    assert seeds is not None
    assert seeds.within_b is None
    assert seeds.between.values == pytest.approx([adjusted_rand_score(TRUTH, TRUTH % 2)] * 2)
    assert found(a, b, labels_a=mine, labels_b=mine).over_seeds is None


def test_progress_is_told_before_each_clustering(plant: Plant) -> None:
    a, b = plant("a", labels=TRUTH), plant("b", labels=TRUTH)
    sides = [read_side(run, labels=AnalysisFolder(run, 2).labels("kmeans-3")) for run in (a, b)]

    steps = list(with_seeds(compare_sides(*sides), 2))

    assert steps[:-1] == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert isinstance(steps[-1], RunComparison)


# latents and losses


def test_turned_latents_are_laid_on_one_another(plant: Plant) -> None:
    turn = special_ortho_group(3, seed=1).rvs()
    a, b = plant("a"), plant("b", z=blobs(TRUTH) @ turn + 4)

    comparison = found(a, b)

    assert comparison.alignment is not None
    assert comparison.b.z is not None
    np.testing.assert_allclose(comparison.alignment.apply(comparison.b.z), comparison.a.z, atol=1e-4)


def test_losses_of_the_epochs_compared_are_side_by_side(plant: Plant) -> None:
    comparison = found(plant("a"), plant("b", losses=(2.0, 0.25)), epoch_b=1)

    losses = comparison.losses
    assert (losses.value(0, "reconstruction"), losses.value(1, "reconstruction")) == (0.5, 2.0)
    assert losses.value(0, "held_out_reconstruction") == pytest.approx(0.6)
    assert np.isnan(losses.value(1, "held_out_reconstruction"))
    assert losses.note.startswith("Comparable: the same images were held out")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": {"fingerprint": "1"}}, "they were trained on other particles, poses or images"),
        ({"data": {"focus_mask": "5"}}, "they were trained on other parts of the particles"),
        ({"data": {"standard_deviation": 3.0}}, "divided by another standard deviation"),
        (
            {"data": {"forward_model": {**ForwardModel().as_dict(), "ctf_power": 2}}},
            "ctf_power is 1 in A and 2 in B",
        ),
        ({"dose_mask": False}, "--dose-mask is on in A and off in B"),
        ({"whiten": True}, "--whiten is not set in A and on in B"),
    ],
)
def test_losses_that_mean_different_things_are_said_to(plant: Plant, change: dict[str, Any], sentence: str) -> None:
    losses = found(plant("a"), plant("b", **change)).losses

    assert losses.note.startswith("Not comparable")
    assert sentence in losses.note


def test_other_held_out_images_are_said_to_be_others(plant: Plant) -> None:
    losses = found(plant("a"), plant("b", seed=1)).losses

    assert not losses.differences
    assert losses.note == "Held-out losses are of other images: --seed is 0 in A and 1 in B."


def test_a_run_that_holds_out_more_was_trained_on_other_images(plant: Plant) -> None:
    losses = found(plant("a", held_out_fraction=0.0), plant("b", held_out_fraction=0.1)).losses

    said = "Losses are of other images: --held-out-fraction is 0.0 in A and 0.1 in B"
    assert losses.note == f"{said}; hold the same out in both runs."


def test_the_hand_of_maps_changes_no_loss(plant: Plant) -> None:
    flipped = {"forward_model": {**ForwardModel().as_dict(), "map_hand": "flip"}}

    assert found(plant("a"), plant("b", data=flipped)).losses.note.startswith("Comparable")


def test_an_existing_folder_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(InputError, match="exists already"):
        found(tmp_path / "no", tmp_path / "run", outdir=tmp_path / "out")
