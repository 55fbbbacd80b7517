"""What was found about neighbours, as tables and one JSON document."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_tomodrgn.analysis.spatial.chains import ALONE
from napari_tomodrgn.analysis.spatial.directions import longitude_latitude
from napari_tomodrgn.analysis.spatial.enrichment import log2_ratio
from napari_tomodrgn.analysis.spatial.nearest import NOBODY
from napari_tomodrgn.analysis.spatial.neighbors import Neighbourhood
from napari_tomodrgn.analysis.spatial.options import interval
from napari_tomodrgn.files import atomic_open

DOCUMENT, PARTICLES, LINKS, CHAINS = "neighbours.json", "neighbours.csv", "links.csv", "chains.csv"
FILES = (DOCUMENT, "*.csv", "*.png", "*.pdf")

_MOST_ROWS = 10**6  # of the table of neighbours written at a time


def write_tables(found: Neighbourhood, folder: Path) -> None:
    """Write the tables of what was found, and the document, into a folder."""
    with atomic_open(folder / DOCUMENT) as stream:
        json.dump(_finite(as_document(found)), stream, indent=1, allow_nan=False)
    _write(folder / PARTICLES, particle_table(found))
    _write_links(folder / LINKS, found)
    for name, table in _tables(found).items():
        _write(folder / f"{name}.csv", table)


def _tables(found: Neighbourhood) -> dict[str, pd.DataFrame]:
    tables = {}
    if found.enrichment is not None:
        tables["enrichment"] = enrichment_table(found)
        tables["enrichment-by-tomogram"] = enrichment_by_tomogram(found)
    if found.cooccurrence is not None:
        tables["co-occurrence"] = _cooccurrence_table(found)
    if found.pair_correlation is not None:
        own = found.pair_correlation
        columns = {
            "from": own.edges[:-1], "to": own.edges[1:], "g": own.value, "low": own.low, "high": own.high,
            "chance_low": own.chance_low, "chance_high": own.chance_high,
            "pairs": own.pairs.sum(axis=0), "random_pairs": own.random.sum(axis=0),
        }  # fmt: skip
        tables["pair-correlation"] = pd.DataFrame(columns)
    if found.directions is not None:
        test = found.directions
        longitude, latitude = longitude_latitude(test.cells.centres)
        columns = {
            "longitude": longitude, "latitude": latitude, "observed": test.observed, "expected": test.expected,
            "p_adjusted": test.p_adjusted,
        }  # fmt: skip
        tables["directions"] = pd.DataFrame(columns)
    if found.chains is not None:
        tables["chains"] = _edge_table(found)
    return tables


def particle_table(found: Neighbourhood) -> pd.DataFrame:
    """Return one row a particle: its id, and numbers that particles can be coloured by."""
    columns: dict[str, Any] = _ids(found)
    columns["nearest_distance"] = found.neighbours.distance[:, 0]
    if found.neighbours.k > 1:
        columns[f"distance_of_{found.neighbours.k}"] = found.neighbours.distance[:, -1]
    if found.direction is not None and found.angle is not None:
        columns["longitude"], columns["latitude"] = longitude_latitude(found.direction[:, 0])
        columns["relative_angle"] = found.angle[:, 0]
    if found.labelling is not None:
        there = found.neighbours.row != NOBODY
        same = found.labelling.codes[np.maximum(found.neighbours.row, 0)] == found.labelling.codes[:, None]
        count = there.sum(axis=1)
        columns["share_of_own_class"] = np.where(count > 0, (same & there).sum(axis=1) / np.maximum(count, 1), np.nan)
    if found.options.shade is not None:
        low, high = interval(found.options.shade)
        columns["in_interval"] = ((found.neighbours.distance >= low) & (found.neighbours.distance < high)).sum(axis=1)
    if found.chains is not None:
        inside = found.chains.chain != ALONE
        for name in ("chain", "position"):
            values = getattr(found.chains, name).astype(np.float64)
            columns["chain" if name == "chain" else "position_in_chain"] = np.where(inside, values, np.nan)
        columns["chain_length"] = found.chains.length
    if found.segment_distance is not None:
        columns["segment_distance"] = found.segment_distance
    return pd.DataFrame(columns)


def _ids(found: Neighbourhood) -> dict[str, Any]:
    return {"tomogram": [each[0] for each in found.places.ids], "particle": [each[1] for each in found.places.ids]}


def _write_links(path: Path, found: Neighbourhood) -> None:
    """Write one row for each neighbour of each particle."""
    names = np.array([each[1] for each in found.places.ids], dtype=object)
    tomograms = np.array(found.places.tomograms, dtype=object)
    row, rank = np.nonzero(found.neighbours.row != NOBODY)
    with atomic_open(path) as stream:
        for begin in range(0, max(len(row), 1), _MOST_ROWS):
            part = slice(begin, begin + _MOST_ROWS)
            own, order = row[part], rank[part]
            columns = {
                "tomogram": tomograms[found.places.tomogram[own]],
                "particle": names[own],
                "rank": order + 1,
                "neighbour": names[found.neighbours.row[own, order]],
                "distance": found.neighbours.distance[own, order],
            }
            if found.direction is not None and found.angle is not None:
                columns |= dict(zip("xyz", found.direction[own, order].T, strict=True))
                columns["relative_angle"] = found.angle[own, order]
            pd.DataFrame(columns).to_csv(
                stream, index=False, header=begin == 0, float_format="%.6g", lineterminator="\n"
            )


def enrichment_table(found: Neighbourhood) -> pd.DataFrame:
    """Return one row a pair of classes: counts, log₂ of observed over expected with its interval, and p."""
    assert found.enrichment is not None
    assert found.labelling is not None
    own, names = found.enrichment, found.labelling.names
    first, second = (each.ravel() for each in np.meshgrid(names, names, indexing="ij"))
    columns = {
        "class": first, "neighbour": second, "observed": own.observed.sum(axis=0).ravel(),
        "expected": own.expected.sum(axis=0).ravel(),
        "expected_in_tomogram": own.in_tomogram.sum(axis=0).ravel(), "log2_ratio": own.log2_ratio.ravel(),
        "low": own.low.ravel(), "high": own.high.ravel(), "p": own.p.ravel(), "p_adjusted": own.p_adjusted.ravel(),
        "tomograms": own.tomograms.ravel(),
    }  # fmt: skip
    return pd.DataFrame(columns)


def enrichment_by_tomogram(found: Neighbourhood) -> pd.DataFrame:
    """Return the effect in each tomogram, of pairs of classes that are expected or found there."""
    assert found.enrichment is not None
    assert found.labelling is not None
    own, names = found.enrichment, np.array(found.labelling.names, dtype=object)
    tomogram, first, second = np.nonzero((own.expected > 0) | (own.observed > 0))
    observed, expected = own.observed[tomogram, first, second], own.expected[tomogram, first, second]
    columns = {
        "tomogram": np.array(found.places.tomograms, dtype=object)[tomogram], "class": names[first],
        "neighbour": names[second], "observed": observed, "expected": expected,
        "log2_ratio": log2_ratio(observed, expected),
    }  # fmt: skip
    return pd.DataFrame(columns)


def _cooccurrence_table(found: Neighbourhood) -> pd.DataFrame:
    own, first, second = found.cooccurrence, found.labelling, found.beside
    assert own is not None
    assert first is not None
    assert second is not None
    a, b = (each.ravel() for each in np.meshgrid(first.names, second.names, indexing="ij"))
    columns = {
        first.name if first.name != second.name else "first": a,
        second.name if first.name != second.name else "second": b,
        "particles": own.counts.ravel(), "of_class": np.repeat(own.counts.sum(axis=1), len(second.names)),
        "share": own.share.ravel(), "low": own.low.ravel(), "high": own.high.ravel(), "expected": own.expected.ravel(),
    }  # fmt: skip
    return pd.DataFrame(columns)


def _edge_table(found: Neighbourhood) -> pd.DataFrame:
    chains = found.chains
    assert chains is not None
    first, second = chains.edges.T
    ids = found.places.ids
    columns = {
        "tomogram": [ids[row][0] for row in first.tolist()], "particle": [ids[row][1] for row in first.tolist()],
        "next": [ids[row][1] for row in second.tolist()], "chain": chains.chain[first],
        "position": chains.position[first], "distance": chains.distance, "degrees_off": chains.off,
    }  # fmt: skip
    return pd.DataFrame(columns)


def _write(path: Path, table: pd.DataFrame) -> None:
    with atomic_open(path) as stream:
        table.to_csv(stream, index=False, float_format="%.6g", lineterminator="\n")


# one object


def as_document(found: Neighbourhood) -> dict[str, Any]:
    """Return what was found in all as values that JSON holds; NaN where something can't be said."""
    places, distance = found.places, found.neighbours.distance[:, 0]
    return {
        "format": 1,
        "settings": {name: _plain(value) for name, value in found.options.model_dump(exclude_defaults=True).items()},
        "particles": len(places),
        "tomograms": len(places.tomograms),
        "box_diameter": found.box_diameter,
        "map_hand": "flip" if found.flipped else "keep",
        "warnings": list(found.warnings),
        "nearest_distance": dict(zip(("low", "median", "high"), _quartiles(distance), strict=True)),
        "in_interval": _in_interval(found),
        "classes": _classes(found),
        "enrichment": _enrichment(found),
        "directions": _directions(found),
        "chains": _chains(found),
        "co_occurrence": None
        if found.cooccurrence is None
        else {"over": found.cooccurrence.over, "pairs": _cooccurrence_table(found).to_dict("records")},
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _quartiles(values: Any) -> list[float]:
    return [float(each) for each in np.nanquantile(values, [0.25, 0.5, 0.75])]


def _in_interval(found: Neighbourhood) -> dict[str, float] | None:
    """Return how many particles have their nearest neighbour in the shaded interval."""
    if found.options.shade is None:
        return None
    low, high = interval(found.options.shade)
    distance = found.neighbours.distance[:, 0]
    inside = (distance >= low) & (distance < high)
    return {"low": low, "high": high, "particles": int(inside.sum()), "share": float(inside.mean())}


def _classes(found: Neighbourhood) -> dict[str, Any] | None:
    if found.labelling is None:
        return None
    distance = found.neighbours.distance[:, 0]
    own = {}
    for label, name in enumerate(found.labelling.names):
        values = distance[(found.labelling.codes == label) & np.isfinite(distance)]
        own[name] = {
            "particles": int(found.labelling.sizes[label]),
            "nearest_distance": float(np.median(values)) if len(values) else math.nan,
        }
    return {"labels": found.labelling.name, "classes": own}


def _enrichment(found: Neighbourhood) -> dict[str, Any] | None:
    if found.enrichment is None or found.follows is None:
        return None
    return {
        "nearest": found.neighbours.k,
        "null": found.null,
        "morans_i": found.follows.value,
        "morans_i_p": found.follows.p,
        "pairs": enrichment_table(found).to_dict("records"),
    }


def _directions(found: Neighbourhood) -> dict[str, Any] | None:
    test = found.directions
    if test is None:
        return None
    peak = test.cells.centres[test.peak]
    longitude, latitude = longitude_latitude(peak)
    return {
        "cells": len(test.cells),
        "p": test.p,
        "peak": {
            "direction": [float(each) for each in peak], "longitude": float(longitude), "latitude": float(latitude),
            "observed": int(test.observed[test.peak]), "expected": float(test.expected[test.peak]),
            "p_adjusted": float(test.p_adjusted[test.peak]),
        },
    }  # fmt: skip


def _chains(found: Neighbourhood) -> dict[str, Any] | None:
    if found.chains is None or found.chain_rule is None or found.handedness is None:
        return None
    lengths = np.array([len(each) for each in found.chains.members], dtype=int)
    rule, wound = found.chain_rule, found.handedness
    return {
        "rule": {
            "direction": list(rule.direction), "back": None if rule.back is None else list(rule.back),
            "angle": rule.angle, "low": rule.low, "high": rule.high,
        },
        "chains": len(lengths),
        "edges": len(found.chains.edges),
        "particles": int(lengths.sum()),
        "of_length": {str(length): int((lengths == length).sum()) for length in np.unique(lengths).tolist()},
        "handedness": {
            "reads": wound.reads, "torsions": len(wound.torsion), "right": wound.right, "p": wound.p,
            "median_torsion": float(np.median(wound.torsion)) if len(wound.torsion) else math.nan,
            "chains_right": wound.chains[0], "chains_left": wound.chains[1],
        },
    }  # fmt: skip


def _finite(value: Any) -> Any:
    """Return plain values with null in place of numbers that are not finite."""
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
