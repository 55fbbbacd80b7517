"""Volumes of particles from a run, and what is kept of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_tomodrgn.reconstruction.decode import VolumeDecoder
from napari_tomodrgn.reconstruction.volumes import VolumesOptions, write_volumes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train
from napari_tomodrgn.viewer.array_cache import ArrayCache
from napari_tomodrgn.viewer.meshes import Look, surface_of
from napari_tomodrgn.viewer.volume_source import VolumeSource

LOOK = Look(level=1.0)


@pytest.fixture(scope="module")
def star(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return simulate(SimulateOptions(outdir=folder, particles=8, box=16, pixel_size=12.0, tilts=3))


def trained(star: Path, folder: Path, latent_dim: int) -> Run:
    options = TrainOptions(
        particles=star, outdir=folder, latent_dim=latent_dim, pooling="mean", encoder_a="8x1", encoder_b="8x1",
        decoder="8x1", epochs=2, device="cpu",
    )  # fmt: skip
    return train(options)


@pytest.fixture
def run(star: Path, tmp_path: Path) -> Run:
    return trained(star, tmp_path / "run", 2)


class Decodings:
    """How many volumes were decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, volumes = 0, VolumeDecoder.volumes

        def counting(decoder: VolumeDecoder, z: object) -> object:
            self.count += 1
            return volumes(decoder, z)  # type: ignore[arg-type]

        monkeypatch.setattr(VolumeDecoder, "volumes", counting)


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> Decodings:
    return Decodings(monkeypatch)


def test_volumes_are_those_that_the_command_writes_for_each_particle(run: Run, tmp_path: Path) -> None:
    from napari_tomodrgn.particles.maps import read_map

    ids = list(run.latents(1).ids)[::-1]
    source = VolumeSource.of_run(run, 1, ids, box=12)
    folder = write_volumes(
        VolumesOptions(run=run.path, epoch=1, all=True, box=12, outdir=tmp_path / "set", amp="off", device="cpu")
    )
    for row in range(8):
        written = read_map(folder / f"vol_{7 - row:03d}.mrc")
        volume = source.volume_of(row)
        assert volume is not None
        np.testing.assert_allclose(volume, written.values, atol=1e-6 * np.abs(volume).max())
        assert source.pixel_size == pytest.approx(written.pixel_size)


def test_particles_that_the_run_does_not_know_have_no_volume(run: Run) -> None:
    source = VolumeSource.of_run(run, 2, [("elsewhere", "1"), run.latents(2).ids[3]])
    assert source.known.tolist() == [False, True]
    assert source.volume_of(0) is None
    assert len(source.mesh_of(0, LOOK).faces) == 0
    assert len(source.mesh_of(1, LOOK).faces) > 0


def test_a_decoder_alone_has_one_volume_for_all(star: Path, tmp_path: Path, decodings: Decodings) -> None:
    run = trained(star, tmp_path / "run", 0)
    decodings.count = 0
    source = VolumeSource.of_run(run, 2, run.particle_set().ids)
    assert source.known.all()
    first, last = source.volume_of(0), source.volume_of(7)
    assert first is not None
    np.testing.assert_array_equal(first, last)
    assert decodings.count == 1


def test_what_is_kept_is_not_decoded_again_until_it_is_another(run: Run, tmp_path: Path, decodings: Decodings) -> None:
    ids, cache = run.latents(2).ids, ArrayCache(tmp_path / "cache")
    first = VolumeSource.of_run(run, 2, ids, cache=cache).mesh_of(3, LOOK, 2)
    assert decodings.count == 1

    again = VolumeSource.of_run(Run.open(run.path), 2, ids, cache=cache).mesh_of(3, LOOK, 2)
    assert decodings.count == 1
    np.testing.assert_array_equal(again.vertices, first.vertices)
    np.testing.assert_array_equal(again.faces, first.faces)

    other = VolumeSource.of_run(run, 2, ids, cache=cache).mesh_of(3, Look(level=1.5), 2)
    assert decodings.count == 1  # the volume was kept too
    assert len(other.faces) != len(first.faces)

    for source in (
        VolumeSource.of_run(run, 1, ids, cache=cache),
        VolumeSource.of_run(run, 2, ids, box=12, cache=cache),
    ):
        before = decodings.count
        source.mesh_of(3, LOOK, 2)
        assert decodings.count == before + 1


def test_another_checkpoint_in_its_place_is_decoded_anew(run: Run, tmp_path: Path, decodings: Decodings) -> None:
    ids, cache = run.latents(2).ids, ArrayCache(tmp_path / "cache")
    before = VolumeSource.of_run(run, 2, ids, cache=cache).mesh_of(3, LOOK)
    state = torch.load(run.checkpoint(2), weights_only=True)
    state["model"] = torch.load(run.checkpoint(1), weights_only=True)["model"]
    torch.save(state, run.checkpoint(2))

    after = VolumeSource.of_run(run, 2, ids, cache=cache)
    expected = surface_of(VolumeSource.of_run(run, 2, ids).volume(after.latents[3]), after.pixel_size, LOOK)
    np.testing.assert_array_equal(after.mesh_of(3, LOOK).vertices, expected.vertices)
    assert not np.array_equal(expected.vertices, before.vertices)


def test_damaged_entries_are_made_again(run: Run, tmp_path: Path, decodings: Decodings) -> None:
    ids, cache = run.latents(2).ids, ArrayCache(tmp_path / "cache")
    first = VolumeSource.of_run(run, 2, ids, cache=cache).mesh_of(3, LOOK)
    for path in cache.folder.iterdir():
        path.write_bytes(path.read_bytes()[:200])
    again = VolumeSource.of_run(run, 2, ids, cache=cache).mesh_of(3, LOOK)
    assert decodings.count == 2
    np.testing.assert_array_equal(again.vertices, first.vertices)


def test_without_room_for_a_cache_volumes_are_decoded_all_the_same(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ids = run.latents(2).ids
    source = VolumeSource.of_run(run, 2, ids, cache=ArrayCache(tmp_path / "file"))
    expected = VolumeSource.of_run(run, 2, ids)
    for row in range(3):
        np.testing.assert_array_equal(source.mesh_of(row, LOOK).vertices, expected.mesh_of(row, LOOK).vertices)
