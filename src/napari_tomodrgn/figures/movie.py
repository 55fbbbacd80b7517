"""Pictures one after another as a file: a GIF, or an MP4 where the machine has the program ffmpeg."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.files import atomic_path

Picture = npt.NDArray[np.uint8]
FASTEST = 50  # pictures a second: a GIF counts in 1/100 s, and many programs show shorter than 2/100 s as 10/100 s
LARGEST_GIF = 10**9  # pixels, all pictures together: they are kept in memory, a byte each
COLOURS = 256
H264 = ("libx264", "libopenh264")  # encoders that need no special hardware, the best first
QUALITY = {"libx264": ("-crf", "18"), "libopenh264": ("-b:v", "8M"), "mpeg4": ("-q:v", "2")}
NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows


def find_ffmpeg() -> str | None:
    """Return the program ffmpeg: that on the PATH, or that of the package imageio-ffmpeg where it is installed."""
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # its package came without the program
        return None


def check_movie(path: Path, size: Sequence[int], count: int) -> None:
    """Raise one sentence where ``count`` pictures of a size (height, width) can't be written to a file of that name.

    Raises
    ------
    InputError
        Where its name ends in neither .gif nor .mp4, an MP4 is asked for and there is no ffmpeg, or a GIF is too large.
    """
    suffix = path.suffix.lower()
    if suffix not in (".gif", ".mp4"):
        raise InputError(f"{path}: is neither .gif nor .mp4; choose a name that ends in one of them")
    if suffix == ".mp4" and find_ffmpeg() is None:
        raise InputError(f"{path}: MP4 needs the program ffmpeg, which is not installed; install it or write a .gif")
    if suffix == ".gif" and count * size[0] * size[1] > LARGEST_GIF:
        told = f"{count} pictures of {size[1]} × {size[0]} px are too many for a GIF"
        raise InputError(f"{path}: {told}; write a .mp4, or fewer or smaller ones")


def write_movie(path: Path, frames: Iterable[Picture], fps: int) -> Iterator[int]:
    """Write pictures (H, W, 3) of one size, ``fps`` a second, and yield how many are written after each.

    The file is there once the last was written and nothing is left of it where that is not come to. Sides of an odd
    number of pixels lose one.

    Raises
    ------
    InputError, RunError
        Where it can't be written.
    """
    write = _write_gif if path.suffix.lower() == ".gif" else _write_mp4
    with atomic_path(path) as temporary:
        yield from write(temporary, _even(frames, path), fps)


def _even(frames: Iterable[Picture], path: Path) -> Iterator[Picture]:
    """Yield pictures with sides of even numbers of pixels."""
    size: tuple[int, ...] | None = None
    for frame in frames:
        height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
        if size is not None and size != (height, width):
            told = f"a picture has {width} × {height} px and those before it {size[1]} × {size[0]}"
            raise RunError(f"{path}: {told}; record it again and leave the window as it is")
        size = height, width
        yield np.ascontiguousarray(frame[:height, :width, :3])


def gif_durations(count: int, fps: int) -> list[int]:
    """Return how long each picture is shown, ms: whole 1/100 s that keep time with ``fps``."""
    ends = np.rint(np.arange(count + 1) * 100 / fps).astype(int)
    return [10 * int(each) for each in np.diff(ends)]


def _write_gif(path: Path, frames: Iterable[Picture], fps: int) -> Iterator[int]:
    from PIL import Image

    images: list[Image.Image] = []
    for frame in frames:
        image = Image.fromarray(frame)
        exact = image.getcolors(COLOURS) is not None
        method = Image.Quantize.MEDIANCUT if exact else Image.Quantize.FASTOCTREE  # the first takes seconds otherwise
        images.append(image.quantize(COLOURS, method=method))
        yield len(images)
    durations = gif_durations(len(images), fps)
    images[0].save(path, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)


def encoder_of(ffmpeg: str) -> str:
    """Return the encoder to write MP4 with: H.264 where this ffmpeg has it, else MPEG-4 part 2, which each has."""
    answer = subprocess.run(
        [ffmpeg, "-hide_banner", "-encoders"], capture_output=True, text=True, check=False, creationflags=NO_WINDOW
    )
    known = {line.split()[1] for line in answer.stdout.splitlines() if len(line.split()) > 1}
    return next((each for each in H264 if each in known), "mpeg4")


def ffmpeg_command(ffmpeg: str, encoder: str, size: tuple[int, int], fps: int, path: Path) -> list[str]:
    """Return the command that makes an MP4 of raw RGB pictures of a size (height, width) from its standard input.

    Colours are converted by BT.709 and say so, or programs would guess; 4:2:0, as nothing else plays everywhere.
    """
    height, width = size
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "-")
    colours = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")
    convert = ("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p", *colours)
    coded = ("-an", "-c:v", encoder, *QUALITY[encoder], "-movflags", "+faststart", "-f", "mp4")
    return [ffmpeg, "-hide_banner", "-loglevel", "error", "-y", *source, *convert, *coded, str(path)]


def _write_mp4(path: Path, frames: Iterable[Picture], fps: int) -> Iterator[int]:
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        raise InputError(f"{path}: MP4 needs the program ffmpeg, which is not installed; install it or write a .gif")
    process: subprocess.Popen[bytes] | None = None
    fed = True
    with tempfile.TemporaryFile() as told:
        try:
            for number, frame in enumerate(frames, 1):
                if process is None:
                    command = ffmpeg_command(ffmpeg, encoder_of(ffmpeg), frame.shape[:2], fps, path)
                    process = _started(command, told)
                fed = _feed(process, frame)
                if not fed:
                    break
                yield number
            if process is not None:
                process.communicate()
        finally:
            if process is not None and process.poll() is None:
                process.kill()
                process.communicate()
        if process is not None and (process.returncode or not fed):
            told.seek(0)
            said = told.read().decode(errors="replace").strip().splitlines() or ["it does not say why"]
            raise RunError(f"{path}: ffmpeg could not write it ({said[-1]}); write a .gif, or install another ffmpeg")


def _feed(process: "subprocess.Popen[bytes]", frame: Picture) -> bool:
    """Give a picture to a program, and return whether it took it: one that has ended takes none."""
    assert process.stdin is not None
    try:
        process.stdin.write(frame.data)
    except OSError:
        return False
    return True


def _started(command: list[str], told: IO[Any]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=told, creationflags=NO_WINDOW
    )
