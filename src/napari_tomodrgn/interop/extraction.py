"""Larger boxes: the command of the program that cut the images out, and the star that it cuts them out again by.

WarpTools' ``ts_export_particles`` takes a star with rlnCoordinateX/Y/Z in pixels of ``--coords_angpix`` from the centre
of the first voxel, angles, and the tilt series in rlnMicrographName; it names the particles anew. RELION 5's
``relion_tomo_subtomo`` takes a particle set and the tomogram set that it belongs to, and keeps the names. Both have to
be run in the folder of their project, where tilt series are found.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, make_folder, refuse_existing
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.particles.tilt_series import global_block
from napari_tomodrgn.particles.writing import write_particles

STAR, SCRIPT, RESULT = "particles.star", "extract.sh", "extracted"
WARP, RELION = ("warp", "warptools"), ("relion5",)
BOX_OVER_CROP = 2  # RELION cuts out more than it keeps, for what the CTF has carried away from the particle


@dataclass(frozen=True)
class Extraction:
    """What was written for another program.

    Attributes
    ----------
    star
        The particles.
    script
        The command, as a shell script.
    command
        The command alone.
    result
        The set that the command will write, to train on.
    keeps_names
        Whether particles have their names in it.
    """

    star: Path
    script: Path
    command: str
    result: Path
    keeps_names: bool


def write_extraction(particle_set: ParticleSet, folder: Path, *, box: int, diameter: float, title: str) -> Extraction:
    """Write what cuts particles out again in a larger box of the same pixels.

    Parameters
    ----------
    particle_set
        The particles; their images need not be there.
    folder
        New, or empty; absolute.
    box
        New box, px.
    diameter
        Of a particle, Å: WarpTools normalises by what is around it.
    title
        What these particles are, for the script's first line.

    Raises
    ------
    InputError
        Where the box is not larger, the program that cut the images out is not known, particles have no positions, or
        a file exists.
    """
    if box % 2 or box <= particle_set.box:
        raise InputError(
            f"box {box}: must be even and larger than the present {particle_set.box} px; crop or downsample for a "
            "smaller one"
        )
    star, script = folder / STAR, folder / SCRIPT
    for path in (star, script):
        refuse_existing(path, overwrite=False)
    if particle_set.dialect in WARP:
        words, project = _warp_words(particle_set, star, folder, box, diameter), "Warp project (--settings)"
        result = folder / RESULT / "particles_optimisation_set.star"
    elif particle_set.dialect in RELION:
        words, project = _relion_words(particle_set, star, folder, box), "RELION project"
        result = folder / RESULT / "optimisation_set.star"
    else:
        raise InputError(
            f"{particle_set.source.path}: images of dialect {particle_set.dialect} are cut out by no program known "
            "here; cut the particles of the selection's star out again where they were"
        )
    make_folder(folder)
    if particle_set.dialect in WARP:
        _warp_star(particle_set).write(star)
    else:
        write_particles(particle_set, star)
    command = " \\\n    ".join(words)
    with atomic_open(script) as stream:
        stream.write(f"#!/bin/sh\n# {title}\n# Run it in the folder of the {project}.\n{command}\n")
    script.chmod(script.stat().st_mode | 0o111)
    return Extraction(star, script, command, result, keeps_names=particle_set.dialect in RELION)


def _warp_words(particle_set: ParticleSet, star: Path, folder: Path, box: int, diameter: float) -> list[str]:
    pixel_size = f"{particle_set.pixel_size:.6g}"
    return [
        "WarpTools ts_export_particles",
        "--settings warp_tiltseries.settings",
        f"--input_star {shlex.quote(str(star))}",
        f"--coords_angpix {pixel_size}",
        f"--output_star {shlex.quote(str(folder / RESULT / STAR))}",
        f"--output_angpix {pixel_size}",
        f"--box {box}",
        f"--diameter {diameter:.6g}",
        "--relative_output_paths",
        "--2d",
    ]


def _warp_star(particle_set: ParticleSet) -> StarFile:
    """Return the particles as WarpTools takes them from other programs."""
    table = particle_set.particles
    pixels = table[["x", "y", "z"]].to_numpy(np.float64) / particle_set.pixel_size
    angles = table[["rot", "tilt", "psi"]].to_numpy(np.float64)
    if not (np.isfinite(pixels).all() and np.isfinite(angles).all()):
        raise InputError(
            f"{particle_set.source.path}: its particles have no positions in the tomogram to cut them out by; give "
            "--volume-series"
        )
    series = [f"{name.removesuffix('.tomostar')}.tomostar" for name in table["tomogram"]]
    columns = {
        **{f"rlnCoordinate{axis}": _numbers(pixels[:, row]) for row, axis in enumerate("XYZ")},
        **{f"rlnAngle{name}": _numbers(angles[:, row]) for row, name in enumerate(("Rot", "Tilt", "Psi"))},
        "rlnMicrographName": series,
    }
    return StarFile.of(Block.of("", columns))


def _numbers(values: np.ndarray) -> list[str]:
    return [f"{value:.6f}" for value in values.tolist()]


def _relion_words(particle_set: ParticleSet, star: Path, folder: Path, box: int) -> list[str]:
    source = particle_set.source
    assert source.tomograms is not None
    tilt_series = global_block(source.tomograms).floats("rlnTomoTiltSeriesPixelSize")
    words = [
        "relion_tomo_subtomo",
        f"--p {shlex.quote(str(star))}",
        f"--t {shlex.quote(str(Path(source.tomograms_path or '').absolute()))}",
        "--theme classic",
        f"--o {shlex.quote(str(folder / RESULT))}/",
        f"--b {BOX_OVER_CROP * box}",
        f"--crop {box}",
        f"--bin {particle_set.pixel_size / tilt_series[0]:.6g}",
        "--float16",
        "--stack2d",
    ]
    trajectories = "rlnTomoTrajectoriesFile"
    for block in () if source.optimisation_set is None else source.optimisation_set.blocks:
        if trajectories in block:
            words.insert(3, f"--mot {shlex.quote(block.value(trajectories))}")
    return words
