"""Contrasts and poses that were changed in simulated files: found again, and the volume is better for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
import starfile
from scipy.spatial.transform import Rotation

from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.train import train

from .test_train import same, small, weights

PARTICLES, TILTS, BOX, PIXEL_SIZE = 60, 11, 24, 8.0
ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
TRAINING: dict[str, Any] = {
    "latent_dim": 0, "epochs": 16, "batch_size": 2, "decoder": "64x3", "learning_rate": 3e-3, "window": False,
}  # fmt: skip


def chiral_map(folder: Path) -> Path:
    """Write a map of blobs that no mirror and no turn brings onto themselves."""
    z, y, x = np.indices((BOX, BOX, BOX)) - BOX // 2
    blobs = ((0, 0, 0, 2.5, 1), (5, 1, 0, 1.5, 1), (0, 6, 2, 1.2, 1.3), (-2, -3, 6, 1.3, 0.8), (3, -4, -4, 1.2, 1))
    values = sum(
        height * np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / (2 * width**2))
        for a, b, c, width, height in blobs
    )
    with mrcfile.new(folder / "truth.mrc", overwrite=True) as file:
        file.set_data(values.astype(np.float32))
        file.voxel_size = PIXEL_SIZE
    return folder / "truth.mrc"


@pytest.fixture
def planted(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that simulates a chiral complex and then changes what star and stack say of each particle."""

    def simulated(contrast: float = 0, turn: float = 0, shift: float = 0) -> Path:
        star = simulate(
            SimulateOptions(
                outdir=tmp_path / "set", maps=[chiral_map(tmp_path)], particles=PARTICLES, tilts=TILTS, tomograms=1,
                shot_snr=2, structural_snr=20, shift=0, image_shift=0,
            )
        )  # fmt: skip
        generator = np.random.default_rng(1)
        truth = {
            "contrast": np.exp(generator.normal(0, contrast, PARTICLES)),
            "turn": generator.normal(0, turn, (PARTICLES, 3)),
            "shift": generator.normal(0, shift, (PARTICLES, 3)),
        }
        table = starfile.read(star)
        owner = pd.factorize(table["rlnGroupName"])[0]
        matrices = Rotation.from_euler("ZYZ", table[ANGLES].to_numpy(), degrees=True).as_matrix().transpose(0, 2, 1)
        moved = np.einsum("nij,nj->ni", matrices, truth["shift"][owner])
        table["rlnOriginX"] += moved[:, 0]
        table["rlnOriginY"] += moved[:, 1]
        # so that the true matrix is the star's times the turn's, as the table's turns are meant
        matrices = matrices @ Rotation.from_rotvec(np.deg2rad(truth["turn"][owner])).as_matrix().transpose(0, 2, 1)
        table[ANGLES] = Rotation.from_matrix(matrices.transpose(0, 2, 1)).as_euler("ZYZ", degrees=True)
        starfile.write(table, star, overwrite=True)
        for number, text in enumerate(table["rlnImageName"]):
            image, stack = text.split("@")
            with mrcfile.mmap(star.parent / stack, "r+") as images:
                images.data[int(image) - 1] *= truth["contrast"][owner[number]]
        np.savez(tmp_path / "truth.npz", **truth)
        return star

    return simulated


def found(run: Run, *names: str) -> np.ndarray:
    return pd.read_csv(run.path / "corrections.csv")[list(names)].to_numpy()


def volume_correlation(run: Run, star: Path) -> float:
    trained = load_model(run)
    (volume,) = decode_volumes(trained.model.decoder, None, standard_deviation=trained.standard_deviation)
    (truth,) = (read_map(path).values for path in sorted(star.parent.glob("state_*.mrc")))
    return float(np.corrcoef(volume.ravel(), truth.ravel())[0, 1])


def test_contrasts(planted: Callable[..., Path], tmp_path: Path) -> None:
    star = planted(contrast=0.3)
    run = train(small(star, tmp_path / "run", fit_contrast=True, **TRAINING))
    truth = np.log(np.load(tmp_path / "truth.npz")["contrast"])
    contrast = np.log(found(run, "contrast")[:, 0])
    assert np.corrcoef(contrast, truth)[0, 1] > 0.9
    assert np.polyfit(truth, contrast, 1)[0] == pytest.approx(1, abs=0.2)


@pytest.mark.long
def test_poses(planted: Callable[..., Path], tmp_path: Path) -> None:
    star = planted(turn=2.0, shift=0.7)
    plain = train(small(star, tmp_path / "plain", **TRAINING))
    run = train(small(star, tmp_path / "run", refine_poses=True, **TRAINING))
    truth = np.load(tmp_path / "truth.npz")
    turn, shift = found(run, "turn_x", "turn_y", "turn_z"), found(run, "shift_x", "shift_y", "shift_z") / PIXEL_SIZE
    for ours, known, left in ((turn, truth["turn"], 0.6), (shift, truth["shift"], 0.3)):
        known = known - known.mean(0)
        assert np.std(ours - known) < left * np.std(known)
    before, after = volume_correlation(plain, star), volume_correlation(run, star)
    assert 1 - after < 0.6 * (1 - before)


def test_a_run_cut_off_gives_the_same_as_a_whole_one(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path, asked = tiny_set(), {"fit_contrast": True, "refine_poses": True, "pooling": "linear", "latent_dim": 2}
    whole = train(small(path, tmp_path / "whole", epochs=3, **asked))
    train(small(path, tmp_path / "parts", epochs=1, **asked))
    parts = train(small(path, tmp_path / "parts", epochs=3, resume=True, **asked))
    assert same(weights(whole), weights(parts))
    assert (whole.path / "corrections.csv").read_text() == (parts.path / "corrections.csv").read_text()
    np.testing.assert_array_equal(whole.latents().z_mean, parts.latents().z_mean)
    plain = train(small(path, tmp_path / "plain", epochs=3, pooling="linear", latent_dim=2))
    assert not same(weights(whole), weights(plain))
