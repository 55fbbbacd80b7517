"""Star dialects: one module each, with a ``DIALECT``; a new module in this folder is a new dialect."""

import importlib
import pkgutil
from functools import cache

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.dialects.base import Dialect, Sources


@cache
def dialects() -> dict[str, Dialect]:
    """Return all dialects by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    found = [module.DIALECT for module in modules if hasattr(module, "DIALECT")]
    return {dialect.name: dialect for dialect in found}


def choose(sources: Sources, dialect: str = "auto") -> Dialect:
    """Return the dialect asked for, or the one whose needed columns are there; raises one sentence where none fits."""
    known = dialects()
    if dialect != "auto":
        if dialect not in known:
            raise InputError(f"--dialect {dialect}: is not known; choose one of auto, {', '.join(known)}")
        lacking = known[dialect].lacking(sources.columns)
        if lacking:
            raise InputError(f"{sources.path}: can't be read as {dialect}: it has no {', '.join(lacking)}")
        return known[dialect]
    _refuse_other_kinds(sources)
    fitting = [each for each in known.values() if each.fits(sources.columns)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " and ".join(each.name for each in fitting)
        raise InputError(f"{sources.path}: could be {names}; say which with --dialect")
    nearest = min(known.values(), key=lambda each: len(each.lacking(sources.columns)) / len(each.needs))
    lacking = nearest.lacking(sources.columns)
    if not lacking:
        # all that the nearest dialect needs is there, but also what only others have
        raise InputError(f"{sources.path}: is nearest to {nearest.name} but mixes dialects; say which with --dialect")
    raise InputError(
        f"{sources.path}: is no particle star of a known dialect; the nearest is {nearest.name}, for which it lacks "
        f"{', '.join(lacking)}"
    )


def _refuse_other_kinds(sources: Sources) -> None:
    columns = sources.columns
    if any(column.startswith("cisTEM") for column in columns):
        raise InputError(
            f"{sources.path}: is a cisTEM star, which doesn't say which images show the same particle of a tilt series "
            "(no group name); export the particles as a RELION star from nextPYP or Warp instead"
        )
    if "wrpCoordinateX1" in columns or ("rlnCoordinateZ" in columns and not columns & {"rlnTomoName", "rlnGroupName"}):
        raise InputError(
            f"{sources.path}: is a volume-series star (one row a particle, no tilt images); open the image-series star "
            "and give this one with --volume-series"
        )
    if "rlnTomoName" in columns and "rlnTomoVisibleFrames" not in columns and "rlnImageName" in columns:
        raise InputError(
            f"{sources.path}: has no rlnTomoVisibleFrames, so its particles are 3D subtomograms; extract them as 2D "
            "stacks (WarpTools ts_export_particles --2d, RELION 5 Extract with 2D stacks)"
        )
