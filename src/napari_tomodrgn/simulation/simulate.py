"""Simulate a tilt-series particle set, and write the truth beside it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, make_folder, refuse_existing
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.progress import track
from napari_tomodrgn.simulation.formation import ImageFormation
from napari_tomodrgn.simulation.image_files import write_stack, write_volume
from napari_tomodrgn.simulation.options import SimulateOptions, check_options
from napari_tomodrgn.simulation.plan import Plan, make_plan
from napari_tomodrgn.simulation.scene.company import has_company
from napari_tomodrgn.simulation.scene.layout import PARTICLE, Scene
from napari_tomodrgn.simulation.scene.micrographs import SceneFormation
from napari_tomodrgn.simulation.specimen import make_specimen
from napari_tomodrgn.simulation.tomogram import TomogramMaker
from napari_tomodrgn.simulation.writers import WRITERS, Writer

TRUTH, TOMOGRAMS = "truth.csv", "tomograms.csv"
log = logging.getLogger("napari_tomodrgn")


def simulate(options: SimulateOptions) -> Path:
    """Simulate particles and return the star file to open.

    The folder gets the stars and stacks of the dialect, ``state_N.mrc`` for every state or ``motion_N.mrc`` for every
    step of a motion, and ``truth.csv`` with one row a particle: tomogram, particle (as this program names them), label
    (of a motion: coordinate from 0 to 1), z, y, x in Å, rot, tilt, psi in degrees; ``tomograms.csv``; and, where
    asked for, the tomograms. Stars are written last, so a star is there only when all that it names is.

    Raises
    ------
    InputError
        If an option cannot work, a map cannot be used, or the output exists.
    """
    check_options(options)
    writer = WRITERS[options.dialect]
    if options.image_shift and writer.SHIFT_BY_PARTICLE:
        raise InputError(f"--image-shift: {options.dialect} stars hold one shift a particle; choose another --dialect")
    specimen = make_specimen(options)
    options = options.model_copy(update={"box": specimen.maps.shape[-1], "pixel_size": specimen.pixel_size})
    check_options(options)
    plan = make_plan(
        options,
        _forward_model(options, writer),
        specimen.states,
        steps=len(specimen.maps) if specimen.continuous else None,
        diameter=specimen.diameter,
        by_angle=writer.BY_ANGLE,
        numbered_throughout=writer.NUMBERED_THROUGHOUT,
    )
    _refuse_existing(options, writer, plan)
    make_folder(options.outdir)
    _remove_previous(options.outdir, writer)
    with _one_thread():
        formation = (SceneFormation if options.scene else ImageFormation)(specimen.maps, plan)
        _write_stacks(writer, plan, formation, options.outdir)
    for name, volume in zip(specimen.file_names, specimen.maps, strict=True):
        write_volume(options.outdir / name, volume, options.pixel_size)
    if options.tomogram:
        _write_tomograms(specimen.maps, plan, options.outdir)
    for name, table in ((TRUTH, truth_table(plan)), (TOMOGRAMS, tomogram_table(plan))):
        with atomic_open(options.outdir / name) as stream:
            table.to_csv(stream, index=False, lineterminator="\n")
    star = writer.write_stars(plan, options.outdir)
    log.info("Simulated %d tilt images of %d particles: %s", int(plan.shown.sum()), len(plan), star)
    return star


def truth_table(plan: Plan) -> pd.DataFrame:
    """Return one row a particle, with its id, label (or coordinate), position in Å and orientation in degrees.

    Of a scene also what kind of pick each is; what is no particle in its middle has label -1 (or no coordinate). And,
    where there are such, whether it is in a dimer and whether it sits on a membrane (1), or not (0).
    """
    junk = np.zeros(len(plan), dtype=bool) if plan.scene is None else plan.scene.kind != PARTICLE
    return pd.DataFrame(
        {
            "tomogram": [plan.tomograms[row].name for row in plan.tomogram],
            "particle": plan.names,
            **(
                {"label": np.where(junk, -1, plan.label)}
                if plan.coordinate is None
                else {"coordinate": np.where(junk, np.nan, plan.coordinate.round(6))}
            ),
            **{axis: plan.position[:, row].round(4) for axis, row in (("z", 2), ("y", 1), ("x", 0))},
            **{name: plan.angles[:, row].round(6) for row, name in enumerate(("rot", "tilt", "psi"))},
            **({} if plan.scene is None else {"kind": plan.scene.kind}),
            **({} if plan.scene is None or not has_company(plan.options) else bound_to(plan.scene)),
        }
    )


def bound_to(scene: Scene) -> dict[str, npt.NDArray[np.int64]]:
    """Return the columns that say what particles of a scene are bound to."""
    return {"in_dimer": scene.in_dimer.astype(np.int64), "on_membrane": scene.on_membrane.astype(np.int64)}


def tomogram_table(plan: Plan) -> pd.DataFrame:
    """Return one row a tomogram: noise factor, dose per tilt in e/Å², number of tilts, mean defocus in µm."""
    return pd.DataFrame(
        {
            "tomogram": [each.name for each in plan.tomograms],
            "noise_factor": plan.nuisance.noise_factor.round(6),
            "dose_per_tilt": plan.nuisance.dose_per_tilt.round(6),
            "tilts": plan.nuisance.shown.sum(axis=1),
            "defocus": (plan.tilt_defocus.mean(axis=1) / 1e4).round(4),
        }
    )


def _forward_model(options: SimulateOptions, writer: Writer) -> ForwardModel:
    ctf_power = None if options.ctf_power == "auto" else int(options.ctf_power)
    return writer.FORWARD_MODEL.override(
        ctf_power=ctf_power,
        attenuation=options.attenuation,
        contrast=options.contrast,
        dose_at=options.dose_at,
        defocus_height=options.defocus_height,
    )


def _refuse_existing(options: SimulateOptions, writer: Writer, plan: Plan) -> None:
    first_stack = writer.stacks(plan)[0][0]
    tomograms = [tomogram_file(each.name) for each in plan.tomograms] if options.tomogram else []
    for name in (*writer.STARS, first_stack, TRUTH, TOMOGRAMS, *tomograms):
        refuse_existing(options.outdir / name, options.overwrite)


def _remove_previous(folder: Path, writer: Writer) -> None:
    """Remove what says where things lie in a set that is replaced: cut off, it must not go with the new images."""
    for pattern in (*writer.STARS, TRUTH, TOMOGRAMS, "state_*.mrc", "motion_*.mrc"):
        for path in folder.glob(pattern):
            path.unlink()


def _write_stacks(writer: Writer, plan: Plan, formation: ImageFormation | SceneFormation, folder: Path) -> None:
    images: Iterator[npt.NDArray[np.float32]] = track(
        formation.particles(), "Simulating", total=len(plan), unit="particles"
    )
    for name, rows in writer.stacks(plan):
        blocks = (next(images) for _ in rows)
        count = int(plan.shown[list(rows)].sum())
        write_stack(folder / name, blocks, count, formation.box, plan.options.pixel_size)


def tomogram_file(name: str) -> str:
    """Return where a tomogram is written, relative to the folder."""
    return f"tomograms/{name}.mrc"


def _write_tomograms(maps: npt.NDArray[np.float32], plan: Plan, folder: Path) -> None:
    maker = TomogramMaker(maps, plan)
    for row, each in enumerate(track(plan.tomograms, "Drawing tomograms", total=len(plan.tomograms), unit="tomograms")):
        write_volume(folder / tomogram_file(each.name), maker.draw(row), maker.voxel)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Work in one thread: tensors of one particle are too small for more, and sums keep their order anywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
