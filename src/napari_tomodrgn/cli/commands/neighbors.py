"""``napari-tomodrgn neighbors``."""

from typing import TYPE_CHECKING, Any

from napari_tomodrgn.analysis.spatial.options import NeighborsOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_facts, show_json, show_written

if TYPE_CHECKING:
    import pandas as pd

    from napari_tomodrgn.analysis.spatial.neighbors import Neighbourhood

_MOST_PAIRS = 10  # of classes, the most significant of which are told


def _run(options: NeighborsOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.spatial.neighbors import neighbors
    from napari_tomodrgn.analysis.spatial.tables import as_document
    from napari_tomodrgn.figures.spatial import write_neighbours_folder

    found = neighbors(options)
    write_neighbours_folder(found, figures=options.figures, overwrite=options.overwrite)
    if as_json:
        show_json({**as_document(found), "folder": str(found.folder)})
        return
    show_facts(_facts(found))
    for warning in found.warnings:
        show_facts({"note": warning})
    show_written(found.folder)


def _facts(found: "Neighbourhood") -> dict[str, str]:
    """Return what was found, a line each."""
    from napari_tomodrgn.analysis.spatial.tables import as_document, enrichment_table

    told = as_document(found)
    tomograms = "one tomogram" if told["tomograms"] == 1 else f"{told['tomograms']} tomograms"
    facts = {"particles": f"{told['particles']} in {tomograms}"}
    near = told["nearest_distance"]
    facts["nearest"] = f"{near['median']:.0f} Å (median; half of them {near['low']:.0f} to {near['high']:.0f})"
    if told["in_interval"]:
        inside = told["in_interval"]
        facts["  in interval"] = (
            f"{inside['particles']} ({inside['share']:.1%}) from {inside['low']:g} to {inside['high']:g} Å"
        )
    if told["directions"]:
        peak = told["directions"]["peak"]
        facts["direction"] = (
            f"most often {peak['longitude']:.0f}°, {peak['latitude']:.0f}° (longitude, latitude): {peak['observed']} "
            f"for {peak['expected']:.1f} by chance; p {told['directions']['p']:.3g} of any direction"
        )
    if told["enrichment"]:
        within = {"tomogram": "tomograms", "blocks": "blocks, less what classes about them foretell"}
        own = told["enrichment"]
        facts["labels"] = (
            f"Moran's I {own['morans_i']:.3f} (p {own['morans_i_p']:.3g}); dealt out within {within[own['null']]}"
        )
        table = enrichment_table(found).dropna(subset="p_adjusted").sort_values(["p_adjusted", "p"], kind="stable")
        for _, row in table.head(_MOST_PAIRS).iterrows():
            facts[f"  {row['class']} → {row['neighbour']}"] = (
                f"{_effect(row, several=told['tomograms'] > 1 and found.options.replicates > 0)}, p {row['p']:.3g}, "
                f"family-wise {row['p_adjusted']:.3g}; {row['observed']} for {row['expected']:.1f}"
            )
    if told["chains"]:
        chains = told["chains"]
        facts["chains"] = f"{chains['chains']} of {chains['particles']} particles, {chains['edges']} links"
        wound = chains["handedness"]
        if wound["torsions"]:
            facts["  they wind"] = (
                f"{wound['reads']} (median torsion {wound['median_torsion']:+.0f}°, {wound['right']:.0%} of "
                f"{wound['torsions']} right-handed, p {wound['p']:.3g})"
            )
    return facts


def _effect(row: "pd.Series[Any]", *, several: bool) -> str:
    """Return the effect and its interval over tomograms, or why it has none where there are ``several``."""
    if row["observed"] == 0:
        return "none found"
    effect = f"log₂ {row['log2_ratio']:+.2f}"
    if row["low"] == row["low"]:
        of_two = ", the range of two tomograms" if row["tomograms"] == 2 else ""
        return f"{effect} ({row['low']:+.2f} to {row['high']:+.2f}{of_two})"
    return f"{effect} (no interval, as it is expected in one tomogram only)" if several else effect


COMMAND = Command(
    NeighborsOptions,
    _run,
    has_json=True,
    details="Distances, directions in the consensus frame and relative orientations of the nearest particles in each "
    "tomogram; classes that stand beside one another more often than chance has it; pair correlation; chains.",
)
