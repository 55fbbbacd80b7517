"""``napari-tomodrgn compare``."""

from typing import TYPE_CHECKING

from napari_tomodrgn.analysis.compare import CompareOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_facts, show_json, show_written

if TYPE_CHECKING:
    from napari_tomodrgn.analysis.label_agreement import Spread
    from napari_tomodrgn.analysis.run_comparison import RunComparison


def _run(options: CompareOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.compare import as_document, compare

    comparison = compare(options)
    if options.outdir is not None:
        from napari_tomodrgn.figures.run_comparison import write_comparison_folder

        write_comparison_folder(comparison, options.outdir, figures=options.figures, overwrite=options.overwrite)
    if as_json:
        show_json(as_document(comparison))
        return
    show_facts(_facts(comparison))
    if options.outdir is not None:
        show_written(options.outdir)


def _facts(comparison: "RunComparison") -> dict[str, str]:
    """Return what was found, a line each."""
    shared = comparison.shared
    alone = [len(side.ids) - shared for side in (comparison.a, comparison.b)]
    facts = {
        name: f"{side.run.path}" + (f", epoch {side.epoch}" if side.epoch else "")
        + (f", {side.labelling.name}" if side.labelling else "")
        for name, side in (("A", comparison.a), ("B", comparison.b))
    }  # fmt: skip
    facts["particles"] = f"{shared} in both, {alone[0]} only in A, {alone[1]} only in B"
    found = comparison.agreement
    if found is None:
        facts["classes"] = "none were compared; give --labels-a and --labels-b, or run `napari-tomodrgn analyze`"
    else:
        changed, compared = int(found.changed.sum()), len(comparison.labelled)
        facts["changed class"] = f"{changed} of {compared} ({changed / compared:.1%}), under the best matching"
        for name, own in zip("AB", comparison.without_class, strict=True):
            if own:
                facts[f"  no class in {name}"] = f"{own} of {shared}, which are left out"
        facts["Rand index"] = f"{found.ari:.3f} (adjusted for chance; mutual information {found.ami:.3f})"
        seeds = comparison.over_seeds
        if seeds is not None:
            facts["  over seeds"] = _interval(seeds.between, "clusterings of A with those of B, in the same latents")
            for side, spread in (("A", seeds.within_a), ("B", seeds.within_b)):
                if spread is not None:
                    facts[f"  {side} with itself"] = _interval(spread, "clusterings with other seeds")
        if comparison.over_tomograms is not None:
            draws = f"draws of the {comparison.tomograms} tomograms with replacement"
            facts["  over tomograms"] = _interval(comparison.over_tomograms, draws)
    if comparison.alignment is not None:
        found_alike = comparison.alignment
        facts["latents"] = (
            f"B explains {found_alike.explained:.0%} of A's variance once laid on it "
            f"(by chance {found_alike.explained_by_chance:.0%})"
        )
        values = " ".join(f"{value:.2f}" for value in found_alike.canonical[:8])
        facts["  correlations"] = f"{values} (canonical; by chance {found_alike.canonical_by_chance[0]:.2f} at first)"
    for column, name in (("reconstruction", "loss"), ("held_out_reconstruction", "held-out loss")):
        values = " and ".join(_number(comparison.losses.value(side, column)) for side in (0, 1))
        facts[name] = values
    facts["  comparable"] = comparison.losses.note
    return facts


def _interval(spread: "Spread", what: str) -> str:
    low, high = spread.interval
    return f"{low:.3f} to {high:.3f}, median {spread.median:.3f} ({len(spread.values)} {what})"


def _number(value: float) -> str:
    return f"{value:.5g}" if value == value else "none"


COMMAND = Command(
    CompareOptions,
    _run,
    has_json=True,
    details="Particles are matched by tomogram and name. Classes are matched one to one so that most particles keep "
    "theirs; with --outdir, changed.csv lists the others.",
)
