"""From the path of a star file to a particle set."""

from dataclasses import replace
from pathlib import Path

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.dialects import choose
from napari_tomodrgn.particles.dialects.base import ReadOptions, Sources, particles_block
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.particles.tilt_series import resolve_star
from napari_tomodrgn.particles.volume_series import join_volume_series


def read_particles(
    path: Path | str,
    *,
    dialect: str = "auto",
    volume_series: Path | str | None = None,
    datadir: Path | str | None = None,
    box: int | None = None,
    pixel_size: float | None = None,
    coordinate_pixel_size: float | None = None,
    volume_series_by_order: bool = False,
) -> ParticleSet:
    """Read particles and their tilt images from a star file or an optimisation set.

    Parameters
    ----------
    path
        An image-series star, an optimisation set, or a set's particles star (its set is then looked for beside it).
    dialect
        ``auto`` detects it by the columns it needs.
    volume_series
        A star with one row a particle that gives image series their coordinates and angles in the tomogram. Without
        it, the one that ``write_particles`` put beside the star is used where there is one.
    datadir
        A further folder where image stacks may lie.
    box, pixel_size
        Pixels and Å/px of the images, only where the file lacks them.
    coordinate_pixel_size
        Å per unit of the volume series' coordinates, where not its own pixel size.
    volume_series_by_order
        Join the volume series row by row instead of by name.

    Raises
    ------
    InputError
        One sentence that names the file, the row or option, and what to do.
    """
    sources = open_sources(Path(path))
    chosen = choose(sources, dialect)
    options = ReadOptions(None if datadir is None else Path(datadir), box, pixel_size)
    result = chosen.read(sources, chosen, options)
    if volume_series is not None and sources.tomograms is not None:
        raise InputError(f"--volume-series {volume_series}: {path} is an optimisation set with its own coordinates")
    written = partner(sources.path, "volume_series")
    if volume_series is not None:
        result = join_volume_series(result, Path(volume_series), coordinate_pixel_size, by_order=volume_series_by_order)
    elif sources.tomograms is None and written.is_file():
        result = join_volume_series(result, written, coordinate_pixel_size, by_order=volume_series_by_order or None)
    return replace(result, warnings=tuple(_warnings(result)))


def open_sources(path: Path) -> Sources:
    """Open a star and, for an optimisation set, the particles and tomograms stars that it names."""
    star = StarFile.read(path)
    set_block = _set_block(star)
    if set_block is None:
        particles = particles_block(star)
        if particles is None:
            names = ", ".join(f"data_{block.name}" for block in star.blocks)
            raise InputError(f"{path}: holds no particles (no block with rlnImageName; it has {names})")
        if "rlnTomoName" not in particles or "rlnTomoVisibleFrames" not in particles:
            return Sources(star, particles)
        found = find_optimisation_set(path)
        if found is None:
            raise InputError(
                f"{path}: is the particles star of an optimisation set, whose tomograms star is needed too; "
                "open the optimisation set instead"
            )
        star = StarFile.read(found)
        set_block = _set_block(star)
        assert set_block is not None
    particle_star = StarFile.read(resolve_star(set_block.value("rlnTomoParticlesFile"), star.path))
    tomograms = StarFile.read(resolve_star(set_block.value("rlnTomoTomogramsFile"), star.path))
    particles = particles_block(particle_star)
    if particles is None:
        raise InputError(f"{particle_star.path}: holds no particles (no block with rlnImageName)")
    return Sources(particle_star, particles, tomograms, star)


def partner(particles: Path, kind: str) -> Path:
    """Return where a particles star's partner (``tomograms``, ``optimisation_set``, ``volume_series``) is written.

    ``X.star`` has ``X_tomograms.star``; ``particles.star`` has ``tomograms.star``.
    """
    return particles.with_name(f"{kind}.star" if particles.stem == "particles" else f"{particles.stem}_{kind}.star")


def find_optimisation_set(path: Path) -> Path | None:
    """Return the optimisation set beside a particles star that names it, or ``None``."""
    others = sorted(path.absolute().parent.glob("*optimisation_set*.star"))
    for candidate in dict.fromkeys([partner(path, "optimisation_set"), *others]):
        if not candidate.is_file():
            continue
        block = _set_block(StarFile.read(candidate))
        named = block is not None and Path(block.value("rlnTomoParticlesFile")).name
        if named == path.name:
            return candidate
    return None


def _set_block(star: StarFile) -> Block | None:
    return next((block for block in star.blocks if "rlnTomoParticlesFile" in block), None)


def _warnings(result: ParticleSet) -> list[str]:
    """Say what was taken for granted."""
    warnings = list(result.warnings)
    unsure = not any(name.endswith(".tomostar") for name in result.tomograms["name"])
    if result.dialect == "warptools" and unsure:
        warnings.append(
            f"{result.source.path}: read as a WarpTools set (coordinates in image pixels); if RELION wrote it, "
            "give --dialect relion5"
        )
    missing = sum(not stack for stack in result.stacks)
    if missing:
        warnings.append(
            f"{result.source.path}: {missing} of {len(result.stacks)} image stacks were not found; "
            "where images are needed, give --datadir"
        )
    if result.box == 0:
        warnings.append(f"{result.source.path}: gives no image size; give --box, or --datadir so that it can be seen")
    return warnings
