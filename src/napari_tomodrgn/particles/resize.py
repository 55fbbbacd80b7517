"""Smaller boxes: ``downsample`` (Fourier crop, larger pixels) and ``crop`` (fewer pixels of the same size)."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_path, refuse_existing
from napari_tomodrgn.particles.data_options import DIALECT_METAVAR
from napari_tomodrgn.particles.mrc_header import DTYPES, read_header
from napari_tomodrgn.particles.particle_set import ParticleSet, StarSource
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.particles.writing import files_to_write, renamed_stacks, write_particles
from napari_tomodrgn.progress import track

Images = npt.NDArray[np.generic]
Resize = Callable[[Images], Images]
_CHUNK_BYTES = 1 << 26


class ResizeOptions(BaseModel):
    """Which particles, where to, and to which box."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    particles: Path = Field(
        description="Star file of particles, or an optimisation set.", json_schema_extra={"argument": True}
    )
    output: Path = Field(
        description="Star file to write; its stacks go into a folder of the same name beside it.",
        json_schema_extra={"argument": True},
    )
    box: int = Field(gt=0, description="New box size in pixels (even, smaller than the present one).")
    dialect: str = Field("auto", description="Dialect of the star.", json_schema_extra={"metavar": DIALECT_METAVAR})
    datadir: Path | None = Field(None, description="Further folder in which image stacks are looked for.")
    selection: Path | None = Field(None, description="Selection (JSON) of the particles to write.")
    overwrite: bool = Field(False, description="Replace existing files.")


class DownsampleOptions(ResizeOptions):
    """Fourier-crop every image to a smaller box, so that pixels become larger."""


class CropOptions(ResizeOptions):
    """Cut a smaller box around the centre of every image; pixels stay as they are."""


def downsample(options: DownsampleOptions) -> list[Path]:
    """Write Fourier-cropped stacks and a star with the new pixel size; return the files, the star first.

    The pixel size becomes a D/d exactly as far as the column's decimals go, origins and WarpTools' coordinates in
    pixels change with it. Images are written in the type of the stack where that is floating-point, else as float32.
    """
    particle_set = _open(options)
    factor = particle_set.box / options.box
    star = _rescaled(particle_set.source, particle_set.dialect, factor, options.box)
    return _write(particle_set, options, star, lambda images: fourier_crop(images, options.box), factor)


def crop(options: CropOptions) -> list[Path]:
    """Write stacks cut to a smaller box around the centre, and a star for them; return the files, the star first.

    Images keep their type. A particle that is off centre stays off centre by as many pixels.
    """
    particle_set = _open(options)
    star = _with_values(particle_set.source, "rlnImageSize", lambda _: np.float64(options.box))
    margin = (particle_set.box - options.box) // 2
    inner = slice(margin, margin + options.box)
    return _write(particle_set, options, star, lambda images: images[:, inner, inner], 1.0)


def fourier_crop(images: Images, box: int) -> npt.NDArray[np.float32]:
    """Return images (n, D, D) sampled on d x d pixels over the same field, pixel D/2 becoming pixel d/2.

    The central d x d frequencies of the centred transform are kept, scaled by d²/D² so that grey values stay.
    """
    size = images.shape[-1]
    begin = size // 2 - box // 2
    inner = slice(begin, begin + box)
    axes = (-2, -1)
    shifted = np.fft.ifftshift(images.astype(np.float32), axes=axes)
    transform = np.fft.fftshift(np.fft.fft2(shifted, axes=axes), axes=axes)[..., inner, inner]
    small = np.fft.ifft2(np.fft.ifftshift(transform, axes=axes), axes=axes).real * (box / size) ** 2
    return np.fft.fftshift(small, axes=axes).astype(np.float32)


def _open(options: ResizeOptions) -> ParticleSet:
    particle_set = read_particles(options.particles, dialect=options.dialect, datadir=options.datadir)
    if options.selection is not None:
        particle_set = particle_set.select(sorted(Selection.load(options.selection).ids))
    ImageStacks(particle_set)  # refuses stacks that are missing, truncated or of another size
    if options.box % 2 or options.box >= particle_set.box:
        raise InputError(
            f"--box {options.box}: must be even and smaller than the present {particle_set.box} px "
            f"of {options.particles}"
        )
    return particle_set


def _write(
    particle_set: ParticleSet, options: ResizeOptions, star: StarFile, resize: Resize, factor: float
) -> list[Path]:
    """Write stacks and stars; ``factor`` is how much larger the pixels become."""
    output = options.output.absolute()
    used = np.unique(particle_set.tilt_images["stack"].to_numpy()).tolist()
    names = _new_names([particle_set.stacks[stack] for stack in used], output.stem)
    targets = {stack: output.parent / name for stack, name in zip(used, names, strict=True)}
    for path in (*files_to_write(particle_set, output), *targets.values()):
        refuse_existing(path, options.overwrite)
    sources = {os.path.realpath(particle_set.stacks[stack]) for stack in used}
    if sources & {os.path.realpath(path) for path in targets.values()}:
        raise InputError(
            f"{options.output}: its stacks would replace those of {options.particles}; choose another name"
        )
    stacks, stack_names = list(particle_set.stacks), list(particle_set.stack_names)
    block = star.block(particle_set.source.particles_block)
    moved = {stack_names[stack]: name for stack, name in zip(used, names, strict=True)}
    star = star.with_block(block, renamed_stacks(block, moved))
    new = [path for path in targets.values() if not path.exists()]
    with _removed_on_error(new):
        # No stack takes its place before all are written: an old set that is replaced stays whole until then.
        with ExitStack() as all_at_once:
            for stack, path in track(targets.items(), "stacks", total=len(targets), unit="stack"):
                temporary = all_at_once.enter_context(atomic_path(path))
                _resize_stack(stacks[stack], temporary, resize, particle_set.pixel_size * factor)
                stacks[stack], stack_names[stack] = str(path), moved[stack_names[stack]]
        source = replace(particle_set.source, star=star)
        resized = replace(particle_set, stacks=tuple(stacks), stack_names=tuple(stack_names), source=source)
        return [*write_particles(resized, output, overwrite=options.overwrite), *targets.values()]


def _new_names(stacks: list[str], stem: str) -> list[str]:
    """Return the new stacks relative to the star: ``STEM.mrcs``, or in ``STEM/`` as they lie in their common folder."""
    if len(stacks) == 1:
        return [f"{stem}.mrcs"]
    common = os.path.commonpath([os.path.dirname(stack) for stack in stacks])
    return [f"{stem}/{Path(os.path.relpath(stack, common)).as_posix()}" for stack in stacks]


@contextmanager
def _removed_on_error(new: list[Path]) -> Iterator[None]:
    """Remove stacks that were not there before where their star can't be written."""
    try:
        yield
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        raise


def _resize_stack(source: str, target: Path, resize: Resize, pixel_size: float) -> None:
    header = read_header(source)
    images = np.memmap(source, header.dtype, "r", header.offset, header.shape)
    sample = resize(images[:1])
    kind = header.dtype if header.dtype.kind == "f" else sample.dtype
    kind = kind.newbyteorder("=")
    mode = next(mode for mode, code in DTYPES.items() if np.dtype(code) == kind)
    step = max(1, _CHUNK_BYTES // (header.shape[1] * header.shape[2] * 16))
    shape = (header.shape[0], *sample.shape[1:])
    with mrcfile.new_mmap(target, shape, mrc_mode=mode, overwrite=True) as stack:
        stack.set_image_stack()
        for begin in range(0, len(images), step):
            stack.data[begin : begin + step] = resize(images[begin : begin + step]).astype(kind)
        stack.voxel_size = (pixel_size, pixel_size, 1.0)


def _rescaled(source: StarSource, dialect: str, factor: float, box: int) -> StarFile:
    """Return the star of images whose pixels are ``factor`` larger."""
    columns = {column for block in source.star.blocks for column in block.columns}
    star = _with_values(source, "rlnImageSize", lambda _: np.float64(box))
    larger = ["rlnImagePixelSize" if "rlnImagePixelSize" in columns else "rlnDetectorPixelSize"]
    smaller = ["rlnOriginX", "rlnOriginY"]
    if source.tomograms is not None:
        larger.append("rlnTomoSubtomogramBinning")
        smaller = []
    if dialect == "warptools":
        smaller += ["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"]
    for column in larger:
        star = _with_values(replace(source, star=star), column, lambda values: values * factor)
    for column in smaller:
        star = _with_values(replace(source, star=star), column, lambda values: values / factor)
    return star


def _with_values(source: StarSource, column: str, change: Callable[[npt.NDArray[np.float64]], object]) -> StarFile:
    """Return the star with a column of its particles or optics changed, as it is where there is no such column."""
    star = source.star
    for name in (source.particles_block, "optics"):
        block = star.find(name)
        if block is not None and column in block:
            star = star.with_block(block, _changed(block, column, change))
    return star


def _changed(block: Block, column: str, change: Callable[[npt.NDArray[np.float64]], object]) -> Block:
    values = np.broadcast_to(np.asarray(change(block.floats(column)), dtype=np.float64), len(block))
    return block.with_column(column, [np.format_float_positional(value, precision=6, trim="-") for value in values])
