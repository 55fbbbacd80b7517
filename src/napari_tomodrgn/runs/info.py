"""What a star file, an optimisation set, a volume series or a run holds, as plain values."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.dialects.base import particles_block
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.star import StarFile


class InfoOptions(DataOptions):
    """Say what a data set or a run holds."""

    particles: Path = Field(
        description="A particle star file, an optimisation set, a volume series or a run directory.",
        json_schema_extra={"argument": True},
    )
    bundle: Path | None = Field(
        None,
        description="Write a light copy of the run to this new folder: settings, particles, metrics, the chosen "
        "epoch's model, latents and analysis, selections and sessions; no image stacks and no volumes.",
    )


def info(options: InfoOptions) -> dict[str, Any]:
    """Return what lies at the given path; ``kind`` is ``particles``, ``volume series`` or ``run``.

    Only text is read: no image, no checkpoint. With ``bundle`` the light copy of the run is written too.

    Raises
    ------
    InputError
        Where the path is none of these, or a bundle is asked of something that is no run.
    """
    path = options.particles
    if path.is_dir():
        from napari_tomodrgn.runs.run_info import describe_run, write_bundle

        described = describe_run(path)
        if options.bundle is not None:
            described["bundle"] = str(write_bundle(path, options.bundle))
        return described
    if options.bundle is not None:
        raise InputError(f"{path}: is no run directory, and --bundle copies a run; leave out --bundle or name a run")
    try:
        return describe_particles(options.open())
    except InputError:
        series = _describe_volume_series(path)
        if series is None:
            raise
        return series


def describe_particles(particle_set: ParticleSet) -> dict[str, Any]:
    """Return the facts of a particle set as values that JSON holds."""
    tilts = particle_set.tilts_per_particle
    found = [bool(stack) for stack in particle_set.stacks]
    missing = [name for name, there in zip(particle_set.stack_names, found, strict=True) if not there]
    source = particle_set.source
    stars = {"particles": source.star, "tomograms": source.tomograms, "volume_series": source.volume_series}
    return {
        "kind": "particles",
        "path": str(source.optimisation_set_path or source.path),
        "dialect": particle_set.dialect,
        "particles": len(particle_set),
        "tilt_images": len(particle_set.tilt_images),
        "tilts_per_particle": {"min": int(tilts.min()), "median": float(np.median(tilts)), "max": int(tilts.max())},
        "box": particle_set.box,
        "pixel_size": float(particle_set.pixel_size),
        "coordinates": bool(particle_set.particles[["z", "y", "x"]].notna().all(axis=None)),
        "tomograms": _tomograms(particle_set),
        "forward_model": particle_set.forward_model.as_dict(),
        "stacks": {"found": sum(found), "missing": len(missing), "first_missing": missing[0] if missing else None},
        "columns": {name: _columns(star) for name, star in stars.items() if star is not None},
        "warnings": list(particle_set.warnings),
    }


def _tomograms(particle_set: ParticleSet) -> list[dict[str, Any]]:
    """Return the tomograms that hold particles, with counts and, where known, their size in Å."""
    of_particle, names = pd.factorize(particle_set.particles["tomogram"])
    particles = np.bincount(of_particle)
    images = np.bincount(of_particle, weights=particle_set.tilts_per_particle)
    table = particle_set.tomograms
    sizes = dict(zip(table["name"], table[["size_z", "size_y", "size_x"]].to_numpy(float), strict=True))
    unknown = np.full(3, np.nan)
    return [
        {
            "name": str(name),
            "particles": int(particles[number]),
            "tilt_images": int(images[number]),
            "size_angstrom": _known(sizes.get(name, unknown)),
        }
        for number, name in enumerate(names)
    ]


def _known(size: npt.NDArray[np.float64]) -> list[float] | None:
    return None if np.isnan(size).any() else size.tolist()


def _columns(star: StarFile) -> dict[str, list[str]]:
    return {f"data_{block.name}": list(block.columns) for block in star.blocks}


def _describe_volume_series(path: Path) -> dict[str, Any] | None:
    """Return the facts of a star with one row a particle and no tilt images, or ``None`` for any other."""
    star = StarFile.read(path)
    block = particles_block(star)
    if block is None or "rlnTomoName" in block or not {"rlnCoordinateZ", "wrpCoordinateZ1"} & set(block.columns):
        return None
    tomograms: list[dict[str, Any]] = []
    if "rlnMicrographName" in block:
        codes, names = block.codes("rlnMicrographName")
        tomograms = [
            {"name": str(name), "particles": int(count)} for name, count in zip(names, np.bincount(codes), strict=True)
        ]
    return {
        "kind": "volume series",
        "path": str(path),
        "particles": len(block),
        "tomograms": tomograms,
        "columns": {"particles": _columns(star)},
        "warnings": [],
    }
