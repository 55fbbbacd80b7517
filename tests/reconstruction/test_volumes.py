"""The ``volumes`` command on a run trained from images: files, index, pixel sizes, hands, refusals."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.reconstruction.volumes import VolumesOptions, write_volumes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train


@pytest.fixture(scope="module")
def star(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    return simulate(SimulateOptions(outdir=folder, particles=8, box=16, pixel_size=8.0, tilts=3))


def trained(star: Path, folder: Path, latent_dim: int) -> Run:
    small = dict.fromkeys(("encoder_a", "encoder_b", "decoder"), "16x1")
    options = TrainOptions(particles=star, outdir=folder, epochs=2, latent_dim=latent_dim, pooling="mean", **small)
    return train(options, StopRequest())


@pytest.fixture(scope="module")
def run(star: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(star, tmp_path_factory.mktemp("trained") / "run", 2)


def test_every_particle_gets_the_volume_of_its_own_latent(run: Run) -> None:
    folder = write_volumes(VolumesOptions(run=run.path, all=True))

    assert folder == run.path / "volumes" / "epoch-0002" / "all"
    index = pd.read_csv(folder / "index.csv", dtype={"tomogram": str, "particle": str})
    latents = run.latents()
    assert list(zip(index["tomogram"], index["particle"], strict=True)) == list(latents.ids)
    assert np.allclose(index[["z0", "z1"]], latents.z_mean, atol=1e-6)
    first = read_map(folder / index["file"][0])
    assert first.values.shape == (16, 16, 16)
    assert first.pixel_size == pytest.approx(8.0)


def test_particles_of_a_selection_are_found_by_id_in_an_earlier_epoch(run: Run, tmp_path: Path) -> None:
    ids = [run.latents().ids[row] for row in (5, 1)]
    path = tmp_path / "two.json"
    Selection("two", frozenset(ids), {"rule": "ids"}).save(path)

    folder = write_volumes(VolumesOptions(run=run.path, epoch=1, particles=path, outdir=tmp_path / "out"))

    index = pd.read_csv(folder / "index.csv", dtype={"tomogram": str, "particle": str})
    assert set(zip(index["tomogram"], index["particle"], strict=True)) == set(ids)
    early = run.latents(1)
    row = early.ids.index((index["tomogram"][0], index["particle"][0]))
    assert np.allclose(index.loc[0, ["z0", "z1"]].astype(float), early.z_mean[row], atol=1e-6)


def test_a_smaller_box_has_coarser_pixels_and_a_flipped_hand_is_the_mirror_image(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "z.txt"
    np.savetxt(table, [[0.5, -0.5]])
    plain = write_volumes(VolumesOptions(run=run.path, latents=table, outdir=tmp_path / "plain"))
    small = write_volumes(VolumesOptions(run=run.path, latents=table, outdir=tmp_path / "small", box=8))
    flipped = write_volumes(VolumesOptions(run=run.path, latents=table, outdir=tmp_path / "flip", map_hand="flip"))
    inverted = write_volumes(VolumesOptions(run=run.path, latents=table, outdir=tmp_path / "dark", invert=True))

    volume = read_map(plain / "vol_000.mrc").values
    assert read_map(small / "vol_000.mrc").pixel_size == pytest.approx(16.0)
    assert np.allclose(read_map(flipped / "vol_000.mrc").values[1:], volume[:0:-1], atol=1e-6)
    assert np.array_equal(read_map(inverted / "vol_000.mrc").values, -volume)


def test_a_decoder_alone_has_one_volume(star: Path, tmp_path: Path) -> None:
    run = trained(star, tmp_path / "run", 0)

    folder = write_volumes(VolumesOptions(run=run.path))

    assert [path.name for path in sorted(folder.iterdir())] == ["index.csv", "vol_000.mrc"]
    with pytest.raises(InputError, match="has one volume"):
        write_volumes(VolumesOptions(run=run.path, all=True, name="again"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Give one of --latents FILE, --particles FILE and --all"),
        ({"all": True, "epoch": 7}, "has no checkpoint of epoch 7; those there are: 1, 2"),
        ({"all": True, "box": 18}, "--box 18: expected an even number of pixels up to the trained box, 16"),
        ({"all": True, "box": 7}, "--box 7"),
        ({"latents": "three.txt"}, r"has shape \(1, 3\); expected \(volumes, 2\)"),
        ({"latents": "absent.txt"}, "is not a table of latents"),
        ({"particles": "stranger.json"}, "particle 1e5 of tomogram 007, which is not in the run"),
    ],
)
def test_what_cannot_be_decoded_is_refused_and_nothing_is_written(
    run: Run, tmp_path: Path, options: dict[str, object], sentence: str
) -> None:
    np.savetxt(tmp_path / "three.txt", [[1, 2, 3]])
    stranger = {"format": 1, "name": "stranger", "particles": [["007", "1e5"]]}
    (tmp_path / "stranger.json").write_text(json.dumps(stranger))
    files = {name: tmp_path / str(options[name]) for name in ("latents", "particles") if name in options}

    with pytest.raises(InputError, match=sentence):
        write_volumes(VolumesOptions(run=run.path, outdir=tmp_path / "out", **{**options, **files}))

    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


def test_an_existing_set_is_kept_unless_overwriting_is_asked_for(run: Run, tmp_path: Path) -> None:
    options = VolumesOptions(run=run.path, all=True, outdir=tmp_path / "out")
    write_volumes(options)
    with pytest.raises(InputError, match="exists already"):
        write_volumes(options)
    write_volumes(options.model_copy(update={"overwrite": True, "box": 8}))
    assert read_map(tmp_path / "out" / "vol_000.mrc").values.shape == (8, 8, 8)
