"""The dry run: exact counts, the paper's own numbers, and nothing created."""

import json
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.cli.commands.train import _lines
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.lock import run_lock
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.plan import plan
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.train import train

from .test_train import small


def papers_set(folder: Path, box: int, pixel_size: float) -> Path:
    """Write one particle of 41 tilts at 3 e/Å² each; its stack is sparse."""
    with mrcfile.new_mmap(folder / "images.mrcs", (41, box, box), mrc_mode=2):
        pass
    columns = "ImageName DetectorPixelSize DefocusU DefocusV DefocusAngle Voltage SphericalAberration AmplitudeContrast"
    columns += " PhaseShift AngleRot AngleTilt AnglePsi OriginX OriginY CtfBfactor CtfScalefactor GroupName"
    lines = ["data_", "loop_", *(f"_rln{column}" for column in columns.split())]
    for tilt in range(1, 42):
        lines.append(f"{tilt}@images.mrcs {pixel_size} 2e4 2e4 0 300 2.7 0.1 0 0 {tilt} 0 0 0 {-12 * tilt} 1 tomo_1")
    path = folder / "particles.star"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("box", "pixel_size", "kept", "unmasked", "decoder", "encoder"),
    [
        (64, 6.55, 96_776, 131_528, 280_066, 577_568),
        (128, 3.275, 194_064, 526_932, 329_218, None),
        (256, 1.6375, 378_516, 2_108_712, 427_522, None),
    ],
)
def test_counts_of_the_papers_table(  # type: ignore[no-untyped-def]
    tmp_path: Path, box: int, pixel_size: float, kept: int, unmasked: int, decoder: int, encoder: int | None
) -> None:
    path = papers_set(tmp_path, box, pixel_size)
    options = TrainOptions(
        particles=path, outdir=tmp_path / "run", dose_middle=True, encoder_a="128x3", encoder_a_out=32, encoder_b="64x3"
    )
    planned = plan(options)
    assert planned["coordinates_per_particle"] == kept
    assert planned["coordinates_per_particle_unmasked"] == unmasked
    assert planned["decoder_parameters"] == decoder
    assert encoder is None or planned["encoder_parameters"] == encoder
    assert planned["tilts_per_particle"] == {"min": 41, "median": 41, "max": 41}


def test_a_plan_is_plain_and_creates_nothing(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=(3, 4, 6))
    before = sorted(tmp_path.rglob("*"))
    planned = plan(small(path, tmp_path / "run"))
    assert json.loads(json.dumps(planned)) == planned
    assert sorted(tmp_path.rglob("*")) == before
    assert planned["particles"] == 3
    assert planned["tilt_images"] == 13
    assert planned["store_bytes"] == pytest.approx(13 * 2 * lattice(16).pairs * 2 + 4096, abs=13 * 12 + 4)
    assert planned["seconds_per_epoch"] > 0
    assert set(planned["forward_model"]) == {
        "ctf_power", "attenuation", "dose_at", "voltage_rule", "contrast", "map_hand", "defocus_height",
    }  # fmt: skip


def test_operations_of_the_methods_cost_model(tmp_path: Path) -> None:
    """196 GFLOP a step and particle at box 64 with 41 tilts (method, section 5); Friedel pairs halve it."""
    options: dict[str, Any] = {"latent_dim": 8, "dose_mask": False}
    planned = plan(TrainOptions(particles=papers_set(tmp_path, 64, 6.55), outdir=tmp_path / "run", **options))
    assert planned["gflop_per_epoch"] == pytest.approx(196 / 2, rel=0.02)


def test_absent_stacks_are_a_warning(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    (path.parent / "images.mrcs").rename(tmp_path / "elsewhere.mrcs")
    with_box = small(path, tmp_path / "run", box=16)
    assert any("images.mrcs was not found" in warning for warning in plan(with_box)["warnings"])


def test_kept_pairs_are_those_of_the_mask(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from napari_tomodrgn.imaging.tilt_images import TiltImages

    tilts = TiltImages.of(small(tiny_set(dose=25.0), tmp_path / "run").open())
    kept = Weighting().kept(tilts, lattice(16))
    np.testing.assert_array_equal(kept, tilts.dose_mask(lattice(16)).sum(1).numpy())
    assert kept.min() < kept.max()


def test_a_run_that_goes_on_is_planned_as_it_was_begun(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    run = train(small(path, tmp_path / "run", decoder="12x2"))
    planned = plan(TrainOptions(particles=path, outdir=run.path, resume=True, device="cpu"))
    assert planned["decoder_parameters"] == run.document["model"]["decoder_parameters"]
    with pytest.raises(InputError, match="exists already"):
        plan(TrainOptions(particles=path, outdir=run.path, device="cpu"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"resume_epoch": 9}, "has no checkpoint of epoch 9; those there are: 1, 2"),
        ({"epochs": 1}, "has finished 2 epochs, more than --epochs 1"),
        ({"decoder": "24x2"}, "begun with --decoder 16x2"),
        ({"contrast": "dark"}, "begun with --contrast auto"),
        ({"particles": "other"}, "holds other particles"),
    ],
)
def test_a_plan_refuses_to_go_on_where_training_would(  # type: ignore[no-untyped-def]
    tiny_set, tmp_path: Path, given: dict[str, Any], sentence: str
) -> None:
    path, other = tiny_set(), tiny_set("other", seed=3)
    run = train(small(path, tmp_path / "run"))
    given = {name: other if value == "other" else value for name, value in given.items()}
    asked = {"particles": path, "outdir": run.path, "resume": True, "device": "cpu", **given}
    for work in (plan, train):
        with pytest.raises(InputError, match=sentence):
            work(TrainOptions(**asked))


def test_a_run_in_training_is_a_warning(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with run_lock(tmp_path / "run"):
        planned = plan(small(tiny_set(), tmp_path / "run"))
    assert any("is training in it" in warning for warning in planned["warnings"])


def test_what_the_parent_run_was_told_of_the_images_is_not_left_out_unsaid(  # type: ignore[no-untyped-def]
    tiny_set, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tiny_set()
    parent = train(small(path, tmp_path / "parent", epochs=1, map_hand="flip", ctf_power="1"))
    chosen = frozenset(list(parent.particle_set().ids)[:4])
    selection = parent.path / "selections" / "good.json"
    Selection("good", chosen, {"rule": "lasso"}, run=str(tmp_path / "moved")).save(selection)
    given = {"selection": selection, "epochs": 1}

    def told(**more: Any) -> list[str]:
        return [each for each in plan(small(path, tmp_path / "child", **given, **more))["warnings"] if "add --" in each]

    sentence = (
        f"{parent.path}: was trained with --map-hand flip, and this training takes map hand keep; add --map-hand flip, "
        "unless that is meant"
    )
    assert told() == [sentence]
    assert told(map_hand="flip") == told(map_hand="keep") == []
    caplog.clear()
    train(small(path, tmp_path / "child", **given))
    assert sentence in caplog.messages
    both = train(small(path, tmp_path / "both", epochs=1, map_hand="flip", contrast="bright"))
    Selection("good", chosen, {"rule": "lasso"}, run=str(both.path)).save(tmp_path / "other.json")
    (found,) = plan(small(path, tmp_path / "grandchild", selection=tmp_path / "other.json"))["warnings"]
    assert "--contrast bright --map-hand flip, and this training takes contrast dark, map hand keep; add" in found


def test_people_read_estimates_in_three_figures() -> None:
    told = _lines({"gflop_per_epoch": 723.5321856, "seconds_per_epoch": 6.862392720213393, "memory_gb": 12345.678})

    assert told == {"gflop_per_epoch": "724", "seconds_per_epoch": "6.86", "memory_gb": "12300", "warnings": "none"}
