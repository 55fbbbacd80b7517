"""Evidence against what the trainer and `embed` say of the same images, for every way to make latents."""

import csv
import shutil
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import torch

from napari_tomodrgn.analysis.run_evidence import MissingImagesError, RunEvidence
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.lock import run_lock
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.embed import embed
from napari_tomodrgn.training.options import EmbedOptions, TrainOptions
from napari_tomodrgn.training.train import train

from .conftest import SMALL_NETWORK

# as the evidence is made: exactly
EXACT: dict[str, Any] = {**SMALL_NETWORK, "epochs": 2, "store_dtype": "float32", "amp": "off", "device": "cpu"}


@pytest.fixture(scope="module")
def clear_star(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Particles of four states with little noise."""
    folder = tmp_path_factory.mktemp("clear")
    size: dict[str, Any] = {"particles": 40, "box": 16, "pixel_size": 12.0, "tilts": 5, "tilt_step": 15.0}
    return simulate(SimulateOptions(outdir=folder, **size, structural_snr=100.0, shot_snr=20.0))


def evidence_of(run: Run, epoch: int | None = None) -> RunEvidence:
    return RunEvidence(run, epoch or run.chosen_epoch, run.particle_set())


def a_mask(folder: Path) -> Path:
    radius = np.linalg.norm(np.mgrid[:16, :16, :16] - 8.0, axis=0)
    with mrcfile.new(folder / "mask.mrc") as stream:
        stream.set_data(np.clip(1.5 - np.abs(radius - 2) / 2, 0, 1).astype(np.float32))
        stream.voxel_size = 12.0
    return folder / "mask.mrc"


@pytest.mark.parametrize(
    "given",
    [
        {"latent_dim": 3, "held_out_by": "particle"},
        {"latent_dim": 3, "held_out_by": "tilt", "dose_middle": True, "tilt_weight": False},
        {"latent_dim": 0, "held_out_by": "tilt", "window": False, "dose_mask": False},
        {"latent_dim": 3, "held_out_by": "tilt", "whiten": True},
        {"latent_dim": 3, "held_out_by": "tilt", "fit_contrast": True, "refine_poses": True},
        {"latent_dim": 3, "held_out_by": "tilt", "focus_mask": "mask"},
        {"latent_dim": 2, "held_out_by": "tilt", "pooling": "none"},
    ],
    ids=lambda given: " ".join(str(value) for value in given.values()),
)
def test_losses_add_up_to_what_the_trainer_measured(
    particles_star: Path, tmp_path: Path, given: dict[str, Any]
) -> None:
    """The mean over particles of what is held out of each stands in metrics.csv."""
    if "focus_mask" in given:
        given = {**given, "focus_mask": a_mask(tmp_path)}
    options = {**EXACT, "held_out_fraction": 0.3, **given}
    run = train(TrainOptions(particles=particles_star, outdir=tmp_path / "run", **options))
    with open(run.path / "metrics.csv", newline="") as stream:
        expected = [float(row["held_out_reconstruction"]) for row in csv.DictReader(stream)]

    for epoch in (1, 2):
        source, found = evidence_of(run, epoch), []
        for row in range(24):
            own = source.of(row)
            held = ~own.trained
            assert own.particle_loss == pytest.approx((own.kept * own.loss).sum() / own.kept.sum())
            if held.any():
                found.append((own.kept * own.loss)[held].sum() / own.kept[held].sum())
        assert np.mean(found) == pytest.approx(expected[epoch - 1], rel=1e-4)


def test_the_mean_latent_is_held_against_the_particles_own(run: Run) -> None:
    source = evidence_of(run)
    z = run.latents().z_mean
    np.testing.assert_allclose(source.mean_latent, z.mean(axis=0), rtol=1e-5)
    moved = evidence_of(run)
    moved.mean_latent = z[3]  # what a cached property holds may be set
    own, other = source.of(3), moved.of(3)
    np.testing.assert_array_equal(own.latent, z[3])
    np.testing.assert_allclose(other.mean_loss, own.loss, rtol=1e-5)
    torch.testing.assert_close(other.mean_projections, own.projections)
    assert (own.mean_projections - own.projections).abs().max() > 0


@pytest.mark.parametrize("pooling", ["mean", "max", "median", "attention", "linear", "none"])
def test_latents_of_single_tilts_are_those_that_embed_gives_a_particle_of_one_image(
    clear_star: Path, tmp_path: Path, pooling: str
) -> None:
    options = {**EXACT, "latent_dim": 2, "pooling": pooling}
    run = train(TrainOptions(particles=clear_star, outdir=tmp_path / "run", **options))
    first = EmbedOptions(
        particles=clear_star, run=run.path, output=tmp_path / "z.npz", first_tilts=1, device="cpu", amp="off"
    )
    expected = embed(first).z_mean
    source = evidence_of(run)
    for row in (0, 7, 23):
        found = np.concatenate(list(source.latents_by_tilt(row)))
        assert found.shape == (5, 2)
        spread = found.std(axis=0).max()
        assert spread > 0
        np.testing.assert_allclose(found[0], expected[row], atol=0.01 * spread)


def test_an_encoder_that_concatenates_sees_one_image_in_all_places(particles_star: Path, tmp_path: Path) -> None:
    options = {**EXACT, "latent_dim": 2, "pooling": "concatenate"}
    run = train(TrainOptions(particles=particles_star, outdir=tmp_path / "run", **options))
    source = evidence_of(run)
    own = source.of(4)
    (found,) = source.latents_by_tilt(4)
    model = source._trained.model
    images, _ = source._images(4)
    signed = own.images * images.tilts.encoder_sign(images.lattice)[:, None]
    assert model.encoder is not None
    for tilt in range(5):
        with torch.no_grad():
            z, _ = model.encoder(signed[[tilt] * 5], torch.tensor([5]))
        np.testing.assert_allclose(found[tilt], z[0].numpy(), rtol=1e-4, atol=1e-6)


def test_components_are_those_of_the_analysis(analysed_run: Run) -> None:
    from napari_tomodrgn.analysis.columns import Numbers, columns_of_run

    source = evidence_of(analysed_run)
    ids = analysed_run.particle_set().ids
    columns = columns_of_run(analysed_run, analysed_run.chosen_epoch, ids)
    found = source.along_components(np.stack([source.latent(row) for row in range(len(ids))]))
    for number in range(3):
        column = columns[f"PC {number + 1}"]
        assert isinstance(column, Numbers)
        np.testing.assert_allclose(found[:, number], column.values, atol=1e-5)


def test_a_decoder_alone_has_projections_but_no_latents(homogeneous_run: Run) -> None:
    source = evidence_of(homogeneous_run)
    own = source.of(2)
    np.testing.assert_array_equal(own.loss, own.mean_loss)
    assert source.components is None
    with pytest.raises(InputError, match="is a decoder alone, so no tilt image says anything of a latent"):
        next(source.latents_by_tilt(2))


def test_without_a_prior_one_image_leaves_a_free_latent_open(particles_star: Path, tmp_path: Path) -> None:
    options = {**EXACT, "latent_dim": 2, "pooling": "none", "beta": 0.0, "epochs": 1}
    run = train(TrainOptions(particles=particles_star, outdir=tmp_path / "run", **options))
    with pytest.raises(InputError, match="was trained with --beta 0, so one tilt image leaves its latent open"):
        next(evidence_of(run).latents_by_tilt(0))


@pytest.fixture
def moved(particles_star: Path, tmp_path: Path) -> tuple[Run, Path]:
    """A run whose images were taken to another folder after it was trained, and that folder."""
    shutil.copytree(particles_star.parent, tmp_path / "here")
    options = {**EXACT, "latent_dim": 2, "epochs": 1}
    run = train(TrainOptions(particles=tmp_path / "here" / particles_star.name, outdir=tmp_path / "run", **options))
    shutil.move(tmp_path / "here", tmp_path / "elsewhere" / "images")
    return Run.open(run.path), tmp_path / "elsewhere" / "images"


def test_a_run_without_its_images_says_so_and_is_told_where_they_are(moved: tuple[Run, Path], tmp_path: Path) -> None:
    run, folder = moved
    message = r"evidence asks for the images: .* can't be found; say in which folder they are \(.* --datadir\)"
    with pytest.raises(MissingImagesError, match=message):
        evidence_of(run).of(0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds none of the .* missing image stacks"):
        run.look_for_images_in(tmp_path / "empty")
    before = Run.open(run.path).document

    found = run.look_for_images_in(folder)

    assert all(found.stacks)
    assert RunEvidence(run, 1, found).of(0).particle_loss > 0
    again = Run.open(run.path)  # it is remembered, and nothing else has changed
    assert all(again.particle_set().stacks)
    assert again.document["data"].pop("open_with") == {"datadir": str(folder)}
    assert again.document == before


def test_where_a_run_may_not_be_written_its_images_are_found_for_now(moved: tuple[Run, Path]) -> None:
    run, folder = moved
    run.document["status"] = "running"
    before = (run.path / "run.json").read_text().replace('"finished"', '"running"')
    (run.path / "run.json").write_text(before)
    with run_lock(run.path):
        assert all(run.look_for_images_in(folder).stacks)
        assert (run.path / "run.json").read_text() == before
    assert all(run.particle_set().stacks)
