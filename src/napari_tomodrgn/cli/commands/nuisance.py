"""``napari-tomodrgn nuisance``."""

from typing import TYPE_CHECKING

from napari_tomodrgn.analysis.nuisance.options import NuisanceOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_facts, show_json, show_written

if TYPE_CHECKING:
    from napari_tomodrgn.analysis.nuisance.nuisance import Nuisance


def _run(options: NuisanceOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.nuisance.nuisance import nuisance, remove_old_volumes, write_end_volumes
    from napari_tomodrgn.figures.nuisance import save_nuisance

    found = nuisance(options)
    volumes = write_end_volumes(found) if options.volumes else []
    folder = save_nuisance(found)
    if options.overwrite:
        remove_old_volumes(found, volumes)
    if as_json:
        show_json({**found.document(), "folder": folder, "volumes": volumes})
        return
    show_facts(_facts(found))
    show_written(folder, *volumes)


def _facts(found: "Nuisance") -> dict[str, str]:
    """Return what was found, a line each."""
    from napari_tomodrgn.analysis.nuisance.findings import sentence_of_no_alarm

    facts = {}
    for each in found.findings:
        if each.untested:
            facts[each.name] = f"not asked: {each.untested}"
        elif each.alarm(found.options.level):
            low, high = found.ends[each.name].said
            facts[each.name] = f"{found.sentence(each)}; at the ends {low} and {high}"
        else:
            facts[each.name] = sentence_of_no_alarm(each.effect, each.adjusted_p, found.options.level)
    if found.doubt:
        facts["doubt"] = found.doubt
    return facts


COMMAND = Command(
    NuisanceOptions,
    _run,
    has_json=True,
    details="Predicts tomogram, defocus, number of tilts, dose, view and tilt axis from latents, in tomograms (or "
    "particles) that had no part in learning how, and holds that against shuffles. Writes "
    "RUN/analysis/epoch-NNNN/nuisance: nuisance.json, particles.csv and a figure as PNG and PDF.",
)
