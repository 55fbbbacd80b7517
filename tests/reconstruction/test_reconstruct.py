"""The reconstruct command's function on real files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from pydantic_core import PydanticUndefined

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import flip_hand, read_map, write_map
from napari_tomodrgn.reconstruction.reconstruct import Reconstruction, ReconstructOptions, reconstruct
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.options import TrainOptions


def run(star: Path, outdir: Path, **options: object) -> Reconstruction:
    return reconstruct(ReconstructOptions.model_validate({"particles": star, "outdir": outdir, **options}))


@pytest.fixture(scope="module")
def reference(warptools_set: Path) -> Path:
    """The map supplied with the ribosomes in situ."""
    return warptools_set.with_name("warptools_test_box-32_angpix-12_reconstruct.mrc")


@pytest.fixture(scope="module")
def backprojected(warptools_set: Path, reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    """The ribosomes in situ, backprojected in their true hand and compared."""
    outdir = tmp_path_factory.mktemp("out") / "maps"
    return run(warptools_set, outdir, backproject=True, map_hand="flip", reference=reference)


def test_backprojection_writes_maps_half_maps_and_curves(backprojected: Reconstruction) -> None:
    folder = backprojected.map_path.parent

    assert sorted(path.name for path in folder.iterdir()) == [
        "backprojection.mrc", "fsc.csv", "half_1.mrc", "half_2.mrc",
    ]  # fmt: skip
    for name in ("backprojection", "half_1", "half_2"):
        assert read_map(folder / f"{name}.mrc").pixel_size == pytest.approx(12.0)
    rows = list(csv.DictReader((folder / "fsc.csv").read_text().splitlines()))
    assert list(rows[0]) == ["shell", "frequency_per_angstrom", "half_maps", "reference"]
    assert [int(row["shell"]) for row in rows] == list(range(17))
    assert float(rows[16]["frequency_per_angstrom"]) == pytest.approx(1 / 24, rel=1e-4)


def test_backprojection_is_compared_in_both_hands(backprojected: Reconstruction) -> None:
    figures = backprojected.figures

    assert figures["correlation_reference"] > figures["correlation_reference_other_hand"] + 0.1
    assert figures["resolution_reference"] < 70
    assert figures["resolution_half_maps"] < 60


def test_map_hand_flips_what_is_written(backprojected: Reconstruction, warptools_set: Path, tmp_path: Path) -> None:
    kept = run(warptools_set, tmp_path / "kept", backproject=True, map_hand="keep", half_sets=False)

    flipped = read_map(backprojected.map_path).values
    np.testing.assert_allclose(flip_hand(flipped), read_map(kept.map_path).values, atol=1e-5)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["backprojection.mrc"]


def test_mask_adds_corrected_curves(class_e_star: Path, tmp_path: Path) -> None:
    run(class_e_star, tmp_path / "out", backproject=True, mask=True, mask_dilate=1, mask_edge=4)

    header = (tmp_path / "out" / "fsc.csv").read_text().splitlines()[0]
    assert header == "shell,frequency_per_angstrom,half_maps,half_maps_masked,half_maps_corrected"
    assert (tmp_path / "out" / "mask.mrc").exists()


def test_a_mask_that_touches_the_box_is_refused_before_anything_is_written(class_e_star: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="touches the 32 px box"):
        run(class_e_star, tmp_path / "out", backproject=True, mask=True)

    assert not list(tmp_path.iterdir())


def test_existing_output_is_kept_and_foreign_folders_even_from_overwrite(class_e_star: Path, tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")

    with pytest.raises(InputError, match="exists already"):
        run(class_e_star, tmp_path, backproject=True)
    with pytest.raises(InputError, match="not the folder of a backprojection"):
        run(class_e_star, tmp_path, backproject=True, overwrite=True)

    assert (tmp_path / "diary.txt").read_text() == "mine"


def test_a_backprojection_is_replaced_on_request(class_e_star: Path, tmp_path: Path) -> None:
    write_map(tmp_path / "out" / "backprojection.mrc", np.zeros((8, 8, 8)), 1.0)

    result = run(class_e_star, tmp_path / "out", backproject=True, overwrite=True)

    assert read_map(result.map_path).box == 32


def test_a_reference_of_another_box_is_refused(class_e_star: Path, shared_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"vol_018.mrc: has a box of 64 voxels"):
        run(class_e_star, tmp_path / "out", backproject=True, reference=shared_data / "50S" / "vol_018.mrc")


def test_without_backprojection_a_decoder_is_trained_alone(class_e_star: Path, tmp_path: Path) -> None:
    truth = class_e_star.with_name("10076_classE_32.mrc")

    result = run(class_e_star, tmp_path / "run", epochs=1, decoder="32x1", batch_size=4, reference=truth)

    trained = Run.open(tmp_path / "run")
    assert trained.latent_dim == 0
    assert trained.document["status"] == "finished"
    assert result.map_path.is_relative_to(trained.path / "volumes")
    assert np.isfinite(read_map(result.map_path).values).all()
    assert -1 <= result.figures["correlation_reference"] <= 1


def test_options_shared_with_train_have_its_defaults() -> None:
    ours, theirs = ReconstructOptions.model_fields, TrainOptions.model_fields

    shared = [name for name in ours if name in theirs and ours[name].default is not PydanticUndefined]
    assert len(shared) > 20
    assert {name: ours[name].default for name in shared} == {name: theirs[name].default for name in shared}
