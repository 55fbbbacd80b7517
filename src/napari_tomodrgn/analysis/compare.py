"""The ``compare`` command: what two runs, epochs or labellings say of the particles that both have."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.label_agreement import NO_PARTNER, Agreement, Spread
from napari_tomodrgn.analysis.latent_alignment import Alignment
from napari_tomodrgn.analysis.loss_comparison import SHOWN, Losses
from napari_tomodrgn.analysis.run_comparison import (
    REPLICATES,
    RunComparison,
    Side,
    compare_sides,
    read_side,
    with_seeds,
)
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, refuse_existing
from napari_tomodrgn.progress import track
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.seeds import LARGEST_SEED

SEEDS = 10
DOCUMENT, CONFUSION, CHANGED = "comparison.json", "confusion.csv", "changed.csv"
OVER_SEEDS = (
    "the classes of each side found anew with other seeds in the same latents, every clustering of A with every one of "
    "B: how far the index hangs on where the clustering began"
)
OVER_TOMOGRAMS = (
    "tomograms drawn anew with replacement, labels as they are: how far the index hangs on which tomograms were imaged"
)


class CompareOptions(BaseModel):
    """Options of ``compare``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_a: Path = Field(description="Run directory.", json_schema_extra={"argument": True, "folder": True})
    run_b: Path = Field(
        description="The run to compare it with; the same one, for two of its epochs or labellings.",
        json_schema_extra={"argument": True, "folder": True},
    )
    epoch_a: int | None = Field(None, ge=1, description="Epoch of RUN_A; default: its chosen one.")
    epoch_b: int | None = Field(None, ge=1, description="Epoch of RUN_B; default: its chosen one.")
    labels_a: Path | None = Field(
        None,
        description="Labels of RUN_A (.csv: tomogram, particle, label), or the name of one of its labellings, as "
        "kmeans-20; default: the only ones, or the only ones that RUN_B has under the same name.",
    )
    labels_b: Path | None = Field(None, description="Labels of RUN_B, likewise.")
    seeds: int = Field(
        SEEDS,
        ge=0,
        le=1000,
        description="How often the classes of each side are found anew, for the interval of the Rand index.",
    )
    replicates: int = Field(
        REPLICATES,
        ge=0,
        le=10**6,
        description="How often the tomograms are drawn anew, for the interval of the Rand index.",
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of draws and shuffles.")
    outdir: Path | None = Field(
        None, description="Folder for comparison.json, confusion.csv, changed.csv and figures; default: none."
    )
    figures: bool = Field(True, description="Draw figures into --outdir, PNG and PDF.")
    overwrite: bool = Field(False, description="Replace a comparison in --outdir.")


def compare(options: CompareOptions) -> RunComparison:
    """Compare two runs on the particles that both have.

    Raises
    ------
    InputError
        Where a run, an epoch or labels can't be read, it isn't said which classes are meant, no particle is shared, or
        the output exists.
    """
    if options.outdir is not None:
        refuse_existing(options.outdir, options.overwrite)
    labels = _labels(options)
    a = read_side(options.run_a, options.epoch_a, labels[0])
    b = read_side(options.run_b, options.epoch_b, labels[1])
    comparison = compare_sides(a, b, replicates=options.replicates, seed=options.seed)
    total = options.seeds * sum(comparison.found_by_seed) + 1
    for step in track(with_seeds(comparison, options.seeds), "clustering again", total=total, unit="clusterings"):
        if isinstance(step, RunComparison):
            comparison = step
    return comparison


# which classes


def _labels(options: CompareOptions) -> tuple[Path | None, Path | None]:
    """Return the labels that are meant on either side; none where none were named and a side has none.

    Raises
    ------
    InputError
        Where it isn't said which of several are meant.
    """
    given = (options.labels_a, options.labels_b)
    folders = (_folder(options.run_a, options.epoch_a), _folder(options.run_b, options.epoch_b))
    there = [[] if folder is None else folder.labellings() for folder in folders]
    if given == (None, None) and not (there[0] and there[1]):
        return None, None
    same = folders[0] is not None and folders[1] is not None and folders[0].path.resolve() == folders[1].path.resolve()
    found: list[Path] = []
    for side, folder in enumerate(folders):
        named, other = given[side], given[1 - side]
        if named is not None:
            found.append(named if folder is None else folder.labels_meant(named, f"--labels-{'ab'[side]}"))
            continue
        offered = _offered(there[side], there[1 - side], other, same)
        if folder is None or len(offered) != 1:
            option, names = f"--labels-{'ab'[side]}", ", ".join(there[side])
            raise InputError(
                f"{(options.run_a, options.run_b)[side]}: which classes? Give {option} FILE.csv"
                + (f" or one of {names}" if names else ", or run `napari-tomodrgn analyze` first")
            )
        assert folder is not None
        found.append(folder.labels(offered[0]))
    return found[0], found[1]


def _offered(own: list[str], others: list[str], given: Path | None, same: bool) -> list[str]:
    """Return which labellings of a side may be meant, given those of the other side and which of them was named."""
    if same:
        return [] if given is None else [name for name in own if str(given) != name]
    alike = [name for name in own if (name in others if given is None else name == str(given))]
    return alike or own


def _folder(path: Path, epoch: int | None) -> AnalysisFolder | None:
    """Return the analysis of an epoch, ``None`` where the run has no epoch yet."""
    run = Run.open(path)
    if epoch is None and not run.epochs and run.document.get("chosen_epoch") is None:
        return None
    return AnalysisFolder(run.path, run.chosen_epoch if epoch is None else epoch)


# what was found, as plain values


def as_document(comparison: RunComparison) -> dict[str, Any]:
    """Return what was found as values that JSON holds; NaN where something was not measured."""
    return {
        "format": 1,
        "a": _side(comparison.a),
        "b": _side(comparison.b),
        "particles": {
            "shared": comparison.shared,
            "only_a": len(comparison.a.ids) - comparison.shared,
            "only_b": len(comparison.b.ids) - comparison.shared,
        },
        "classes": None if comparison.agreement is None else _classes(comparison, comparison.agreement),
        "latents": None if comparison.alignment is None else _latents(comparison.alignment),
        "losses": _losses(comparison.losses),
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "run": str(side.run.path.absolute()),
        "epoch": side.epoch,
        "labels": None if side.labelling is None else side.labelling.name,
        "particles": len(side.ids),
    }


def _classes(comparison: RunComparison, found: Agreement) -> dict[str, Any]:
    seeds = comparison.over_seeds
    sizes = found.counts.sum(axis=1), found.counts.sum(axis=0)
    matched = [(int(a), int(b)) for a, b in enumerate(found.partner) if b != NO_PARTNER]
    return {
        "particles": len(comparison.labelled),
        "changed": int(found.changed.sum()),
        "matched": [
            {
                "a": a,
                "b": b,
                "particles": int(found.counts[a, b]),
                "jaccard": float(found.counts[a, b] / (sizes[0][a] + sizes[1][b] - found.counts[a, b])),
            }
            for a, b in matched
        ],
        "ari": found.ari,
        "ami": found.ami,
        "ari_over_seeds": None if seeds is None else {"what": OVER_SEEDS, **spread_facts(seeds.between)},
        "ari_of_a_with_itself": None if seeds is None else spread_facts(seeds.within_a),
        "ari_of_b_with_itself": None if seeds is None else spread_facts(seeds.within_b),
        "ari_over_tomograms": {
            "what": OVER_TOMOGRAMS,
            "tomograms": comparison.tomograms,
            **spread_facts(comparison.over_tomograms),
        }
        if comparison.over_tomograms
        else None,
    }


def spread_facts(spread: Spread | None) -> dict[str, Any]:
    """Return the middle and the interval of an index, and of how many repetitions; empty where there are none."""
    if spread is None:
        return {}
    low, high = spread.interval
    return {"median": spread.median, "low": low, "high": high, "repetitions": len(spread.values)}


def _latents(alignment: Alignment) -> dict[str, Any]:
    return {
        "procrustes_explained": alignment.explained,
        "procrustes_explained_by_chance": alignment.explained_by_chance,
        "canonical_correlations": alignment.canonical.tolist(),
        "canonical_correlations_by_chance": alignment.canonical_by_chance.tolist(),
    }


def _losses(losses: Losses) -> dict[str, Any]:
    values = [{name: losses.value(side, name) for name in SHOWN} for side in (0, 1)]
    return {"a": values[0], "b": values[1], "comparable": not losses.differences, "note": losses.note}


def write_tables(comparison: RunComparison, folder: Path) -> None:
    """Write comparison.json, and where classes were compared confusion.csv and changed.csv, into a folder."""
    with atomic_open(folder / DOCUMENT) as stream:
        json.dump(_finite(as_document(comparison)), stream, indent=1, allow_nan=False)
    if comparison.agreement is None:
        return
    a, b = comparison.a.labelling, comparison.b.labelling
    assert a is not None
    assert b is not None
    table = pd.DataFrame(comparison.agreement.counts, index=pd.Index(a.names, name="a"), columns=list(b.names))
    with atomic_open(folder / CONFUSION) as stream:
        table.to_csv(stream, lineterminator="\n")
    rows_b = comparison.rows_b[comparison.labelled[comparison.agreement.changed]]
    with atomic_open(folder / CHANGED) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("tomogram", "particle", "a", "b"))
        for row_a, row_b in zip(comparison.changed().tolist(), rows_b.tolist(), strict=True):
            writer.writerow((*comparison.a.ids[row_a], int(a.codes[row_a]), int(b.codes[row_b])))


def _finite(value: Any) -> Any:
    """Return plain values with null in place of numbers that are not finite."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
