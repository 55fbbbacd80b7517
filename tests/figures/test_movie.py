"""Movies, read back by other programs: Pillow and imageio for GIF, ffprobe and ffmpeg for MP4."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.figures.movie import check_movie, encoder_of, gif_durations, write_movie


def pictures(count: int, height: int, width: int) -> list[np.ndarray]:
    """Return pictures in which a bar goes across a colour that changes."""
    frames = []
    for number in range(count):
        frame = np.zeros((height, width, 3), np.uint8)
        frame[:] = (40 + 10 * number, 90, 200 - 10 * number)
        frame[:, 8 * number : 8 * number + 16] = (230, 159, 0)
        frames.append(frame)
    return frames


def seen(path: Path, height: int, width: int) -> np.ndarray:
    """Return the pictures of an MP4 as ffmpeg decodes them."""
    command = ["ffmpeg", "-loglevel", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def facts(path: Path) -> dict[str, str]:
    """Return what ffprobe says of an MP4."""
    command = ["ffprobe", "-loglevel", "error", "-count_frames", "-show_streams", "-of", "json", str(path)]
    (stream,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    return stream


def program(folder: Path, script: str) -> None:
    """Put a program of the name ffmpeg in a folder."""
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_gif_has_all_pictures_for_as_long_as_they_are_shown(tmp_path: Path) -> None:
    frames = pictures(12, 48, 128)
    assert list(write_movie(tmp_path / "bar.gif", frames, 30)) == list(range(1, 13))
    with Image.open(tmp_path / "bar.gif") as file:
        assert file.n_frames == 12
        assert file.info["loop"] == 0
        durations = []
        for number in range(12):
            file.seek(number)
            durations.append(file.info["duration"])
    assert sum(durations) == pytest.approx(1000 * 12 / 30, abs=5)
    assert set(durations) == {30, 40}
    np.testing.assert_array_equal(imageio.imread(tmp_path / "bar.gif")[..., :3], frames)


def test_a_gif_of_many_colours_is_near_them(tmp_path: Path) -> None:
    y, x = np.indices((60, 80))
    frames = [np.stack([3 * x, 4 * y, 100 + 10 * number + 0 * x], axis=2).astype(np.uint8) for number in range(3)]
    list(write_movie(tmp_path / "many.gif", frames, 10))
    found = imageio.imread(tmp_path / "many.gif")[..., :3].astype(float)
    assert np.abs(found - frames).mean() < 8


@pytest.mark.parametrize("fps", [1, 7, 24, 25, 30, 50])
def test_durations_of_a_gif_keep_time(fps: int) -> None:
    durations = np.array(gif_durations(200, fps))
    assert (durations % 10 == 0).all()
    np.testing.assert_allclose(durations.cumsum(), np.arange(1, 201) * 1000 / fps, atol=5)


def test_an_mp4_is_what_every_program_plays(tmp_path: Path) -> None:
    """Odd sides lose a pixel; size, number and time are those that ffprobe finds, colours those that were drawn."""
    frames = pictures(12, 49, 129)
    assert list(write_movie(tmp_path / "bar.mp4", frames, 24)) == list(range(1, 13))
    found = facts(tmp_path / "bar.mp4")
    assert (found["codec_name"], found["pix_fmt"], found["color_space"]) == ("h264", "yuv420p", "bt709")
    assert (found["width"], found["height"], found["nb_read_frames"]) == (128, 48, "12")
    assert (found["r_frame_rate"], float(found["duration"])) == ("24/1", pytest.approx(0.5))
    decoded = seen(tmp_path / "bar.mp4", 48, 128).astype(float)
    assert np.abs(decoded - np.stack(frames)[:, :48, :128]).mean() < 3
    assert [path.name for path in tmp_path.iterdir()] == ["bar.mp4"]


def test_an_ffmpeg_without_h264_writes_mpeg_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.which("ffmpeg")
    assert real is not None
    program(tmp_path, f'case "$*" in *-encoders*) echo " V.S... mpeg4 MPEG-4 part 2";; *) exec {real} "$@";; esac')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert encoder_of(str(tmp_path / "ffmpeg")) == "mpeg4"
    list(write_movie(tmp_path / "bar.mp4", pictures(5, 48, 128), 25))
    found = facts(tmp_path / "bar.mp4")
    assert (found["codec_name"], found["pix_fmt"], found["nb_read_frames"]) == ("mpeg4", "yuv420p", "5")


@pytest.mark.parametrize("name", ["bar.gif", "bar.mp4"])
def test_a_movie_that_is_given_up_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("what was there before")
    written = write_movie(tmp_path / name, iter(pictures(12, 48, 128)), 25)
    assert [next(written), next(written)] == [1, 2]
    written.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "what was there before"


@pytest.mark.parametrize("name", ["bar.gif", "bar.mp4"])
def test_pictures_of_two_sizes_are_no_movie(tmp_path: Path, name: str) -> None:
    frames = pictures(2, 48, 128) + pictures(2, 50, 128)
    with pytest.raises(RunError, match=r"a picture has 128 × 50 px and those before it 128 × 48; record it again"):
        list(write_movie(tmp_path / name, frames, 25))
    assert list(tmp_path.iterdir()) == []


def test_an_ffmpeg_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", 'case "$*" in *-encoders*) ;; *) echo "no such codec" >&2; exit 3;; esac')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "bar.mp4"
    with pytest.raises(RunError, match=r"bar.mp4: ffmpeg could not write it \(no such codec\)"):
        list(write_movie(path, pictures(12, 960, 1280), 25))
    assert [each.name for each in tmp_path.iterdir()] == ["bin"]


def test_what_can_not_be_written_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check_movie(Path("a.gif"), (480, 640), 100)
    with pytest.raises(InputError, match=r"a.mp4: MP4 needs the program ffmpeg, .* install it or write a .gif"):
        check_movie(Path("a.mp4"), (480, 640), 100)
    with pytest.raises(InputError, match=r"a.avi: is neither .gif nor .mp4"):
        check_movie(Path("a.avi"), (480, 640), 100)
    with pytest.raises(InputError, match="2000 pictures of 1920 × 1080 px are too many for a GIF"):
        check_movie(Path("a.gif"), (1080, 1920), 2000)
