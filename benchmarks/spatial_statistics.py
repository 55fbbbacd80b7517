"""Whether the statistics of neighbours hold: p values of nothing, labels that follow position, and what is planted.

Prints one JSON object and writes ``null``, ``smooth_labels``, ``power`` (and ``power_set``) and ``chains`` of
``results/analysis.json``, whose other entries stay. A few minutes; ``--quick`` takes a tenth of each, written nowhere.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kstest

from napari_tomodrgn.analysis.spatial.autocorrelation import autocorrelation
from napari_tomodrgn.analysis.spatial.blocks import blocks
from napari_tomodrgn.analysis.spatial.chains import ChainRule, find_chains
from napari_tomodrgn.analysis.spatial.enrichment import Enrichment, enrichment, significance
from napari_tomodrgn.analysis.spatial.local_shares import ABOUT, LocalPairs
from napari_tomodrgn.analysis.spatial.nearest import nearest
from napari_tomodrgn.analysis.spatial.neighbors import BLOCK, FOLLOWS
from napari_tomodrgn.analysis.spatial.places import Integers, Places
from napari_tomodrgn.simulation.neighbourhoods import (
    BEFORE,
    NEXT,
    Edges,
    chains_among_others,
    dimers_among_others,
    labels_following_position,
    scattered,
    with_a_pair,
)

RESULT = Path(__file__).resolve().parent / "results" / "analysis.json"
LEVEL = 0.05
PERMUTATIONS = 199
LENGTHS = [2, 3, 5, 8, 12, 4]
CHAIN = ChainRule(NEXT, BEFORE, 35.0, 150.0, 310.0)
DIMER = ChainRule(NEXT, NEXT, 35.0, 150.0, 310.0)


def tested(places: Places, codes: Integers, classes: int, k: int, null: str, seed: int) -> tuple[Enrichment, str]:
    """Return the enrichment among k neighbours under a null (``auto``: the default), and the null that was taken."""
    further = nearest(places, k + ABOUT)
    near, about = further.columns(0, k), further.columns(k, further.k)
    if null == "auto":
        follows = autocorrelation(places, about, codes, classes, seed=seed)
        null = "blocks" if follows.p <= FOLLOWS else "tomogram"
    in_blocks = null == "blocks"
    group = blocks(places, BLOCK) if in_blocks else places.tomogram
    local = LocalPairs(places, near, about) if in_blocks else None
    common = {"permutations": PERMUTATIONS, "replicates": 200, "seed": seed}
    return enrichment(places, near, codes, classes, group, local, **common), null


def nulls(count: int) -> dict[str, Any]:
    """Return how p of random labels in single tomograms are distributed, under the default and under each null."""
    found = {}
    for null in ("auto", "tomogram", "blocks"):
        p, family = [], []
        for seed in range(count):
            places = scattered(1, 120, seed)
            codes = np.random.default_rng([seed, 1]).choice(4, len(places), p=[0.4, 0.3, 0.2, 0.1])
            result, _ = tested(places, codes, 4, 3, null, seed)
            away = (result.observed - result.expected).sum(axis=0)
            generator = np.random.default_rng([seed, 2])
            _, own, adjusted = significance(away, result.null, result.tested, generator)
            p.append(own[0, 1])
            family.append(np.nanmin(adjusted))
        found[null] = {
            "ks_p": float(kstest(p, "uniform").pvalue),
            "rejection_rate": share_below(p),
            "family_ks_p": float(kstest(family, "uniform").pvalue),
            "family_rejection_rate": share_below(family),
        }
    return {
        **found.pop("auto"),
        "tomograms": count,
        "within_tomograms": found["tomogram"],
        "in_blocks": found["blocks"],
    }


def smooth_labels(count: int) -> dict[str, Any]:
    """Return how often labels that follow position are taken for neighbours, by the default and the naive null."""
    sizes = {
        "5 x 150": (5, 150, 1.0),
        "20 x 250": (20, 250, 1.0),
        "20 x 250, strong": (20, 250, 2.0),
        "20 x 250, weak": (20, 250, 0.25),
    }
    rows = []
    for name, (tomograms, particles, strength) in sizes.items():
        default, naive, pair, chosen = [], [], [], []
        for seed in range(count):
            places = scattered(tomograms, particles, seed)
            codes = labels_following_position(places, 4, seed, strength=strength)
            result, null = tested(places, codes, 4, 3, "auto", seed)
            default.append(np.nanmin(result.p_adjusted))
            pair.append(result.p[0, 0])
            chosen.append(null == "blocks")
            naive.append(np.nanmin(tested(places, codes, 4, 3, "tomogram", seed)[0].p_adjusted))
        rows.append(
            {
                "particles": name,
                "simulations": count,
                "blocks_chosen": float(np.mean(chosen)),
                "default": share_below(default),
                "default_one_pair": share_below(pair),
                "naive": share_below(naive),
            }
        )
    pooled = float(np.mean([row["default"] for row in rows]))
    return {"default": pooled, "naive": float(np.mean([row["naive"] for row in rows])), "sets": rows}


def power(count: int) -> dict[str, Any]:
    """Return how often one planted pair of twenty classes is found, and whether its effect lies in its interval."""
    p, effect, held = [], [], []
    for seed in range(count):
        places = scattered(60, 250, seed, apart=200)
        codes = with_a_pair(places, np.random.default_rng(seed).integers(0, 20, len(places)), 20, seed)
        result, _ = tested(places, codes, 20, 1, "auto", seed)
        p.append(result.p_adjusted[0, 1])
        effect.append(result.log2_ratio[0, 1])
        held.append(result.low[0, 1] <= 1 <= result.high[0, 1])
    return {
        "power": share_below(p),
        "simulations": count,
        "particles": 15_000,
        "log2_ratio": float(np.median(effect)),
        "interval_holds": float(np.mean(held)),
    }


def chains(count: int) -> dict[str, Any]:
    """Return recall and precision of the links of planted chains, and of dimers."""
    return {
        **recall_precision([(chains_among_others(seed, LENGTHS, 60), CHAIN) for seed in range(count)]),
        "dimers": recall_precision([(dimers_among_others(seed, 30, 30), DIMER) for seed in range(count)]),
        "simulations": count,
    }


def recall_precision(scenes: list[tuple[tuple[Places, Edges], ChainRule]]) -> dict[str, float]:
    """Return both over all scenes."""
    planted = found = both = 0
    for (places, edges), rule in scenes:
        links = {tuple(edge) for edge in find_chains(places, rule).edges.tolist()}
        planted, found, both = planted + len(edges), found + len(links), both + len(links & edges)
    return {"recall": both / planted, "precision": both / found}


def share_below(p: list[float]) -> float:
    """Return the share of p values at most 0.05."""
    return float(np.mean(np.array(p) <= LEVEL))


PARTS: dict[str, tuple[Callable[[int], dict[str, Any]], int, int]] = {
    "null": (nulls, 400, 60),
    "smooth_labels": (smooth_labels, 200, 20),
    "power": (power, 50, 5),
    "chains": (chains, 20, 2),
}  # how many simulations, and how many of a quick run


def shortfalls(result: dict[str, Any]) -> list[str]:
    """Return what is not as it has to be."""
    needed: dict[str, bool] = {}
    if "null" in result:
        null = result["null"]
        needed["KS of null p at 0.01"] = null["ks_p"] > 0.01 and null["family_ks_p"] > 0.01
        needed["null rejection rate in 0.02 to 0.08"] = 0.02 <= null["rejection_rate"] <= 0.08
    if "smooth_labels" in result:
        smooth = result["smooth_labels"]
        needed["smooth labels under the default at most 0.08"] = smooth["default"] <= 0.08
        needed["smooth labels deceive the naive null"] = smooth["naive"] > 0.5
    if "power" in result:
        needed["planted pair in 0.9 or more"] = result["power"] >= 0.9
    if "chains" in result:
        chain = result["chains"]
        needed["chains"] = min(chain["recall"], chain["precision"], *chain["dimers"].values()) >= 0.95
    return [name for name, met in needed.items() if not met]


def main() -> int:
    """Measure, print, write; return 1 where a number is not what it has to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of each, written nowhere")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS), help="some parts")
    given = parser.parse_args()
    result: dict[str, Any] = {}
    for name in given.only:
        measure, full, few = PARTS[name]
        found = measure(few if given.quick else full)
        result |= {name: found.pop("power"), "power_set": found} if name == "power" else {name: found}
    print(json.dumps(result, indent=1))
    if not given.quick:
        before = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
        RESULT.write_text(json.dumps({**before, **result}, indent=1) + "\n", encoding="utf-8")
    missed = shortfalls(result)
    for name in missed:
        print(f"NOT MET: {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
