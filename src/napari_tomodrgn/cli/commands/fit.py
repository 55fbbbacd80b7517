"""``napari-tomodrgn fit``."""

from typing import TYPE_CHECKING

from napari_tomodrgn.analysis.fitting.options import FitOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_facts, show_json, show_written

if TYPE_CHECKING:
    from napari_tomodrgn.analysis.fitting.fit import ModelFit


def _run(options: FitOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.fitting.fit import fit

    found = fit(options)
    if options.outdir is not None:
        from napari_tomodrgn.figures.fit import write_fit_folder

        write_fit_folder(found, options.outdir, figures=options.figures, overwrite=options.overwrite)
    if as_json:
        show_json(found.document())
        return
    show_facts(_facts(found))
    if options.outdir is not None:
        show_written(options.outdir)


def _facts(found: "ModelFit") -> dict[str, str]:
    """Return what was found, a line each."""
    told = found.document()
    facts = {"hand": "as it is" if told["hand"] == "keep" else "mirrored (the map has the other hand than the model)"}
    for hand, name in (("keep", "map as it is"), ("flip", "map mirrored")):
        scores = told["scores"][hand]
        shells = "" if scores["shell_correlation"] is None else f"shells {scores['shell_correlation']:.3f}, "
        facts[f"  {name}"] = f"{shells}correlation where the model is {scores['correlation']:.3f}"
    facts["turned by"] = f"{told['angle_degrees']:.1f}°"
    facts["moved by"] = "{:.1f}, {:.1f}, {:.1f} Å (x, y, z), after the turn".format(*told["translation_in_map"])
    facts["atoms"] = f"{told['atoms']:,}, {told['atoms_outside']:,} of them outside the map"
    return facts


COMMAND = Command(
    FitOptions,
    _run,
    has_json=True,
    details="Searches rotations, shifts and both hands, then refines. Writes fit.json, which `occupancy --fit` takes, "
    "the moved model, and a picture.",
)
