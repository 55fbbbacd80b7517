"""Training again on the selected particles: what has to be written first, and the options of the training. No Qt."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_tomodrgn.cli.option_fields import texts_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.extraction import Extraction, write_extraction
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.session import Session

Box = Literal["same", "crop", "downsample", "larger"]
FEWEST = 2  # particles that latents can tell apart


@dataclass(frozen=True)
class Retraining:
    """A training on a selection.

    Attributes
    ----------
    selection
        The file that it was saved as.
    options
        Of the training, as texts by name.
    words
        The command that writes smaller images first; empty where they are used as they are, or cut out again.
    extraction
        What was written for the program that cuts larger images out, ``None`` where no larger box was asked for.
    """

    selection: Path
    options: dict[str, str]
    words: list[str]
    extraction: Extraction | None = None


@dataclass(frozen=True)
class Wish:
    """What a person asks for.

    Attributes
    ----------
    name
        Of the selection.
    outdir
        Folder of the new run.
    box
        Whether images are used as they are, or in which other box.
    size
        Of that box, px.
    diameter
        Of a particle, Å, where images are cut out again.
    warm
        Whether to begin with the weights of the run that is open.
    """

    name: str
    outdir: Path
    box: Box = "same"
    size: int = 0
    diameter: float = 0.0
    warm: bool = False


def retrain(session: Session, wish: Wish) -> Retraining:
    """Save the selection, and what goes before a training on it; return both.

    Raises
    ------
    InputError
        Where too few particles are selected, the name is that of others or none of a file, the box can't be had, or a
        folder can't be written; nothing is left written then.
    """
    _check(session, wish)
    selection = session.as_selection(wish.name)
    path = _selections(session, wish) / f"{wish.name}.json"
    kept = _is_kept(path, selection)
    particles = source_of(session)
    options = {} if session.run is None else texts_of(session.run.settings)
    options |= {"particles": str(particles), "selection": str(path), "outdir": str(wish.outdir), "overwrite": "off"}
    options |= {"init_from": str(session.run.path.absolute()) if wish.warm and session.run is not None else ""}
    images = wish.outdir.with_name(f"{wish.outdir.name}-particles")
    if not kept:
        selection.save(path)
    try:
        return _with_images(session, wish, Retraining(path, options, []), images)
    except BaseException:
        if not kept:
            path.unlink(missing_ok=True)
        raise


def _is_kept(path: Path, selection: Selection) -> bool:
    """Return whether these particles are kept under that name already.

    Raises
    ------
    InputError
        Where others are.
    """
    if not path.exists():
        return False
    if Selection.load(path).ids != selection.ids:
        raise InputError(f"selection {selection.name}: exists already and holds other particles; choose another name")
    return True


def _with_images(session: Session, wish: Wish, planned: Retraining, images: Path) -> Retraining:
    """Return a training with what goes before it."""
    if wish.box == "same":
        return planned
    if wish.box != "larger":
        star = images / layout.PARTICLES_STAR
        words = [wish.box, planned.options["particles"], str(star), "--box", str(wish.size)]
        words += ["--selection", str(planned.selection)]
        for name in ("dialect", "datadir"):
            if planned.options.get(name):
                words += [f"--{name}", planned.options[name]]
        smaller = {"particles": str(star), "datadir": "", "box": ""}
        return Retraining(planned.selection, planned.options | smaller, words)
    particle_set = _original(session, Path(planned.options["particles"]))
    chosen = particle_set.select(sorted(session.as_selection(wish.name).ids))
    title = f"Cuts the {len(chosen)} particles of selection {wish.name} out in boxes of {wish.size} px."
    extraction = write_extraction(chosen, images.absolute(), box=wish.size, diameter=wish.diameter, title=title)
    larger = {"particles": str(extraction.result), "datadir": "", "box": "", "volume_series": "", "dialect": "auto"}
    if not extraction.keeps_names:
        larger |= {"selection": "", "parent_selection": str(planned.selection)}
    return Retraining(planned.selection, planned.options | larger, [], extraction)


def _check(session: Session, wish: Wish) -> None:
    if session.particle_set is None:
        raise InputError("nothing is open to train on; open a star file or a run first")
    count = int(session.selected.sum())
    if count < FEWEST:
        said = "no particle is" if count == 0 else "one particle is"
        raise InputError(f"{said} selected, and latents tell particles apart; select those to train on")
    if not re.fullmatch(r"[\w-][\w.-]*", wish.name):
        raise InputError(
            f"selection {wish.name!r}: expected letters, digits, '.', '-' and '_', as it becomes a file name"
        )
    if wish.warm and wish.box != "same":
        raise InputError(
            f"--init-from {'' if session.run is None else session.run.path}: a decoder is of one box, so a training in "
            "another begins anew; keep the box, or leave the warm start out"
        )
    for folder in (wish.outdir, wish.outdir.with_name(f"{wish.outdir.name}-particles")):
        if not layout.is_untouched(folder):
            raise InputError(f"{folder}: exists already; choose another folder for the run")


def _selections(session: Session, wish: Wish) -> Path:
    """Return where selections are kept: in the run, or beside the new one where only a star is open."""
    return wish.outdir.parent if session.run is None else session.run.path / layout.SELECTIONS


def source_of(session: Session) -> Path | None:
    """Return the star of the open particles: as the run's training was given it, or where that is gone, its own."""
    if session.particle_set is None:
        return None
    given = None if session.run is None else Path(str(session.run.settings.get("particles", "")))
    return given if given is not None and given.is_file() else session.particle_set.source.path.absolute()


def _original(session: Session, star: Path) -> ParticleSet:
    """Return the particles as the star says them that their run was given, whose tomograms star is the project's."""
    assert session.particle_set is not None
    if session.run is None or star == session.particle_set.source.path.absolute():
        return session.particle_set
    given = {name: value for name, value in session.run.settings.items() if name in DataOptions.model_fields}
    options: DataOptions = DataOptions.model_validate({**given, "particles": star, "selection": None})
    return options.open()


def free_folder(parent: Path, name: str) -> Path:
    """Return the first of ``NAME-1``, ``NAME-2``, … in a folder that is not there yet."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent.absolute() / f"{name}-{number}"


def next_name(run: Run | None, wanted: str = "selection") -> str:
    """Return the first of ``NAME-1``, ``NAME-2``, … that no selection of a run has."""
    taken = [] if run is None else run.selections()
    number = 1
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"
