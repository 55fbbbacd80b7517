"""Tomograms against the untilted images of their particles and against real-space rotation."""

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate

LONELY: dict[str, Any] = {
    "particles": 4,
    "tomograms": 4,
    "tilts": 1,
    "noise": False,
    "ctf_power": "0",
    "dose_per_tilt": 0.0,
    "shift": 0.0,
    "thickness": 400.0,
    "contrast": "bright",
    "tomogram": True,
}


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def cut_out(values: np.ndarray, centre: np.ndarray, half: int) -> np.ndarray:
    """(2 half)³ voxels about a place in voxels, moved so that it lies on a voxel, beyond the edge 0."""
    nearest = centre.round().astype(int)
    window = np.pad(values, half + 2)[tuple(slice(at, at + 2 * half + 4) for at in nearest)]
    return ndimage.shift(window, nearest - centre, order=3)[2:-2, 2:-2, 2:-2]


def placed(folder: Path) -> tuple[pd.DataFrame, list[np.ndarray], float]:
    truth = pd.read_csv(folder / "truth.csv", dtype={"tomogram": str, "particle": str})
    with mrcfile.open(folder / "tomograms" / "001.mrc") as stream:
        voxel = float(stream.voxel_size.x)
    return truth, [mrcfile.read(folder / "tomograms" / f"{name}.mrc") for name in truth["tomogram"]], voxel


def test_a_tomogram_seen_along_the_beam_is_the_untilted_image(tmp_path: Path) -> None:
    """The same hand, place and orientation as the images; and no other: mirrored along z the images are others."""
    simulate(SimulateOptions(outdir=tmp_path, **LONELY, tomogram_pixel_size=6.0))
    truth, tomograms, voxel = placed(tmp_path)
    images = mrcfile.read(tmp_path / "particles.mrcs")
    assert voxel == pytest.approx(6.0)
    for row, values in enumerate(tomograms):
        centre = truth.loc[row, ["z", "y", "x"]].to_numpy(dtype=float) / voxel
        assert correlation(cut_out(values, centre, 16).sum(axis=0), images[row]) > 0.99


def test_a_tomogram_holds_the_turned_map_in_its_hand(tmp_path: Path) -> None:
    simulate(SimulateOptions(outdir=tmp_path, **LONELY, tomogram_pixel_size=9.0))
    truth, tomograms, voxel = placed(tmp_path)
    grid = (np.stack(np.meshgrid(*[np.arange(-10, 10)] * 3, indexing="ij"), axis=-1) * voxel)[..., ::-1]
    for row, values in enumerate(tomograms):
        particle = truth.loc[row]
        turn = Rotation.from_euler("ZYZ", particle[["rot", "tilt", "psi"]].to_numpy(dtype=float), degrees=True)
        reference = turn.apply(grid.reshape(-1, 3)).reshape(grid.shape) / 6.0
        map_ = ndimage.gaussian_filter(mrcfile.read(tmp_path / f"state_{particle['label']}.mrc"), 0.8)
        found = ndimage.gaussian_filter(
            cut_out(values, particle[["z", "y", "x"]].to_numpy(dtype=float) / voxel, 10), 0.8 * 6 / voxel
        )
        hands = [
            correlation(found, ndimage.map_coordinates(each, np.moveaxis(reference[..., ::-1], -1, 0) + 16))
            for each in (map_, np.roll(map_[::-1], 1, axis=0))
        ]
        assert hands[0] > 0.98
        assert hands[1] < 0.9


def test_tomograms_have_the_size_and_noise_of_their_kind(tmp_path: Path) -> None:
    options = {**LONELY, "tomograms": 2, "noise": True, "dialect": "relion5"}
    simulate(SimulateOptions(outdir=tmp_path / "noisy", **options))
    simulate(SimulateOptions(outdir=tmp_path / "again", **options))
    simulate(SimulateOptions(outdir=tmp_path / "clean", **{**options, "noise": False}))
    noisy, clean = (mrcfile.read(tmp_path / name / "tomograms" / "002.mrc") for name in ("noisy", "clean"))
    with mrcfile.open(tmp_path / "noisy" / "tomograms" / "002.mrc") as stream:
        assert float(stream.voxel_size.x) == pytest.approx(12.0)
    assert clean.shape == (34, 334, 334)
    assert clean.max() > 10 * np.abs(clean).mean()
    maps = [mrcfile.read(tmp_path / "clean" / f"state_{state}.mrc") for state in range(4)]
    coarse = [ndimage.gaussian_filter(each, 0.9).var() for each in maps]
    assert np.mean(coarse) / (noisy - clean).var() == pytest.approx(0.5, rel=0.25)
    first, second = ((tmp_path / name / "tomograms" / "001.mrc").read_bytes() for name in ("noisy", "again"))
    assert first == second


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tomogram_pixel_size": 3.0}, "^--tomogram-pixel-size: is 3.0; expected at least --pixel-size, 6"),
        ({"tomogram_pixel_size": 8.0, "tomogram": False}, "^--tomogram-pixel-size: no tomogram was asked for"),
    ],
)
def test_voxel_sizes_that_cannot_be_are_refused(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        simulate(SimulateOptions(outdir=tmp_path / "set", **{**LONELY, **options}))
