"""Packed images: the preprocessed values, small, kept for later runs, and made again where they are not whole."""

import os
import resource
import signal
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.training import store
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.packed import HEADER, PackedImages, open_packed
from napari_tomodrgn.training.store import DirectImages


def a_set(path: Path) -> ParticleSet:
    return TrainOptions(particles=path, outdir=Path("unused")).open()


def everything(source: PackedImages | DirectImages) -> torch.Tensor:
    return source.take(torch.arange(len(source))).float()


def the_file(folder: Path) -> Path:
    (path,) = folder.glob("*.packed")
    return path


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float16", 1e-3)])
def test_it_holds_what_preprocessing_gives(tiny_set, tmp_path: Path, dtype: Any, tolerance: float) -> None:  # type: ignore[no-untyped-def]
    """Against the transform of each image as numpy has it, of unit variance over the set; the shift is undone here."""
    particle_set = a_set(tiny_set())
    found = open_packed(particle_set, tmp_path, window=False, dtype=dtype)
    pairs, points = everything(found), lattice(16)
    assert float(pairs.double().square().mean()) == pytest.approx(1, rel=tolerance)
    images = ImageStacks(particle_set).read([3, 9])
    shift = particle_set.tilt_images[["shift_x", "shift_y"]].to_numpy()[[3, 9]] / particle_set.pixel_size
    spectra = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(images, axes=(1, 2))), axes=(1, 2))
    k = points.k.numpy()
    steps = np.rint(k * 16).astype(int)
    for image, row in enumerate((3, 9)):
        value = spectra[image, (steps[:, 1] + 8) % 16, (steps[:, 0] + 8) % 16] * np.exp(-2j * np.pi * k @ shift[image])
        # dark particles are turned bright
        expected = np.stack([-(value.real - value.imag), -(value.real + value.imag)]) / found.standard_deviation
        inside = np.abs(steps).max(1) < 8  # what stands for ±Nyquist is one coefficient of the image
        assert np.abs(pairs[row].numpy() - expected)[:, inside].max() < 5 * tolerance


@pytest.mark.parametrize(("dtype", "most"), [("float16", 0.40), ("float32", 0.77)])
def test_it_is_smaller_than_planes(tiny_set, tmp_path: Path, dtype: Any, most: float) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=(20,) * 20, box=64)
    open_packed(a_set(path), tmp_path / "store", dtype=dtype)
    assert the_file(tmp_path / "store").stat().st_size < most * 400 * 65 * 65 * 4


def test_direct_and_packed_images_agree_and_threads_change_nothing(tiny_set, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    particle_set = a_set(tiny_set(tilts=(9, 8, 7)))
    whole = open_packed(particle_set, tmp_path / "whole", dtype="float32", workers=1)
    monkeypatch.setattr(store, "BYTES_PER_READ", 4 * 16 * 16 * 5)
    parts = open_packed(particle_set, tmp_path / "parts", dtype="float32", workers=3)
    assert the_file(tmp_path / "whole").read_bytes() == the_file(tmp_path / "parts").read_bytes()
    torch.testing.assert_close(everything(whole), everything(DirectImages(particle_set)), rtol=1e-5, atol=1e-6)
    some = torch.tensor([20, 3, 3, 0])
    assert torch.equal(parts.take(some).float(), everything(whole)[some])


def test_it_is_made_once_and_anew_where_something_changed(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    particle_set, folder = a_set(path), tmp_path / "store"
    open_packed(particle_set, folder)
    made = the_file(folder).stat().st_mtime_ns
    open_packed(particle_set, folder)
    open_packed(particle_set.with_forward_model(ctf_power=2), folder)  # what the CTF is does not matter to it
    assert the_file(folder).stat().st_mtime_ns == made
    open_packed(particle_set, folder, window=False)
    open_packed(particle_set, folder, dtype="float32")
    open_packed(particle_set.take([0, 2]), folder)
    open_packed(particle_set.with_forward_model(contrast="bright"), folder)
    stack = path.parent / "images.mrcs"
    os.utime(stack, ns=(1, 1))
    open_packed(particle_set, folder)
    assert len(list(folder.iterdir())) == 6


def _cut(path: Path) -> None:
    with open(path, "r+b") as stream:
        stream.truncate(path.stat().st_size - 1)


def _flip(path: Path, place: int) -> None:
    contents = bytearray(path.read_bytes())
    contents[place] ^= 1
    path.write_bytes(contents)


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        lambda path: path.write_bytes(b""),
        lambda path: _flip(path, 20),
        lambda path: _flip(path, HEADER + 5),
        lambda path: _flip(path, -200),
        lambda path: _flip(path, -30),
        lambda path: _flip(path, -1),
    ],
    ids=["cut", "empty", "header", "first image", "last image", "index", "checksum"],
)
def test_a_damaged_file_is_made_again(tiny_set, tmp_path: Path, damage, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
    particle_set, folder = a_set(tiny_set(tilts=(2, 2))), tmp_path / "store"
    expected = everything(open_packed(particle_set, folder))
    whole = the_file(folder).read_bytes()
    damage(the_file(folder))
    found = open_packed(particle_set, folder)
    assert torch.equal(everything(found), expected)
    assert the_file(folder).read_bytes() == whole
    assert "so it is made again" in caplog.text


def test_a_full_disk_leaves_what_was_there(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    particle_set, folder = a_set(tiny_set()), tmp_path / "store"
    open_packed(particle_set, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER + 100, hard))
    try:
        with pytest.raises(RunError, match=r"images-.*packed: could not be written|no space left"):
            open_packed(particle_set, folder, dtype="float32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


OPEN = """
import sys
import zlib
from pathlib import Path
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.packed import open_packed
particle_set = TrainOptions(particles=Path(sys.argv[1]), outdir=Path("unused")).open()
images = open_packed(particle_set, Path(sys.argv[2]), workers=1)
print(zlib.crc32(images.everything().numpy().tobytes()))
"""


def test_processes_that_make_it_at_once_do_not_meet(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path, folder = tiny_set(tilts=(40,) * 10, box=32), tmp_path / "store"
    command = [sys.executable, "-c", OPEN, str(path), str(folder)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    found = {int(process.communicate(timeout=120)[0].split()[-1]) for process in processes}
    assert found == {zlib.crc32(open_packed(a_set(path), folder).everything().numpy().tobytes())}
    assert [each.name for each in folder.iterdir()] == [the_file(folder).name]


def test_images_that_are_all_zero_are_refused(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    stack = path.parent / "images.mrcs"
    contents = stack.read_bytes()
    stack.write_bytes(contents[:1024] + bytes(len(contents) - 1024))
    with pytest.raises(InputError, match="all images are 0 inside the circle; check the stacks"):
        open_packed(a_set(path), tmp_path / "store")
    assert not (tmp_path / "store").exists()
