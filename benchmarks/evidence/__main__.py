"""Evidence on data with a known truth: prints tables, writes benchmarks/results/evidence-core.json and evidence.json.

``tox -e evidence`` runs all of it (about an hour on two cores); ``--quick`` a small version of each, and writes
nothing; ``--only PART …`` some parts, the others' last results stay as they are.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import core
import numpy as np
import torch
from ablations import directions, fine_set, sampling, tilts_at_inference, weights_and_mask
from continuous import continuous
from controls import corner_statistics, one_state, own_latent_gain, tomograms, unit_deviation
from discrete import discrete_states
from findings import HEADER, Finding
from junk import junk_loop
from pictures import draw_ablations, draw_panel, draw_states
from sets import DATA, truth
from validation import panel, validations

from napari_tomodrgn.runs.run import Run

RESULTS = Path(__file__).resolve().parents[1] / "results"
SEEDS = (0, 1, 2)
Result = tuple[list[Finding], dict[str, Any]]


class Evidence:
    """The parts, in a folder for their data; ``quick`` takes few particles and epochs."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder, self.quick = folder, quick

    def room(self, name: str) -> Path:
        """Return a new folder."""
        path = self.folder / name
        path.mkdir()
        return path

    def core(self) -> Result:
        """Reconstructions of given sets, and the demo."""
        measurements = core.QUICK if self.quick else core.FULL
        return [finding for measure in measurements for finding in measure()], {}

    def discrete(self) -> Result:
        """Four states, three seeds."""
        size = {"particles": 500, "epochs": 6} if self.quick else {}
        states = [discrete_states(self.room(f"seed-{seed}"), seed, **size) for seed in SEEDS[: 1 if self.quick else 3]]
        if not self.quick:
            draw_states(*self.seed_0())
        return [finding for each in states for finding in self._of_states(each)], {"discrete_states": states}

    def _of_states(self, found: dict[str, Any]) -> list[Finding]:
        name = f"four states, seed {found['seed']}"
        few = [
            Finding(f"{name}: ARI of the oracle", found["oracle_ari"], 0.99),
            Finding(f"{name}: ARI over the oracle's", found["ari"] / found["oracle_ari"], 0.8 if self.quick else 0.9),
            Finding(
                f"{name}: class volumes nearest to their own truth (CC)",
                found["own_truth_has_highest_cc"],
                0.5 if self.quick else 1,
            ),
        ]
        if self.quick:
            return few
        return [
            *few,
            Finding(f"{name}: class volumes nearest to their own truth (FSC)", found["own_truth_has_highest_fsc"], 1),
            Finding(f"{name}: FSC is 0.5 at, cycles/px, the worst class", min(found["fsc_half_at"]), 0.4),
            Finding(f"{name}: CC of differences, the worst pair", found["difference_cc"], 0.6),
            Finding(f"{name}: minutes", found["minutes"], None, 90),
        ]

    def seed_0(self) -> tuple[Path, Run]:
        """Return the star and the run of seed 0, made first where they are not there."""
        folder = self.folder / "seed-0"
        if not folder.exists():
            size = {"particles": 500, "epochs": 6} if self.quick else {}
            discrete_states(self.room("seed-0"), 0, **size)
        return folder / "particles" / "particles.star", Run.open(folder / "run")

    def controls(self) -> Result:
        """Find nothing where there is nothing."""
        star, run = self.seed_0()
        particles, epochs = (400, 2) if self.quick else (1200, 6)
        accuracy, chance = corner_statistics(star, truth(star, run.latents())["label"].to_numpy())
        gain, null, _ = own_latent_gain(star, run)
        alone, alone_null = one_state(self.room("one-state"), particles, epochs)
        findings = {
            "corners tell the state": Finding("", accuracy, None, chance),
            "ARI changes with every image at unit sd": Finding(
                "", unit_deviation(star, run, self.room("sd") / "x"), None, 0.03
            ),
            "four states: gain of own latents on held-out tilts": Finding("", gain, max(0.0, null)),
            "one state: gain of own latents on held-out tilts": Finding("", alone, None, alone_null),
        }
        if not self.quick:
            told = tomograms(self.room("tomograms"), particles, epochs)
            findings["latents tell the tomogram (of 8)"] = Finding("", told, None, 1 / 8 + 0.1)
        named = [
            Finding(f"control: {name}", each.value, each.at_least, each.at_most) for name, each in findings.items()
        ]
        return named, {
            "controls": {
                name: {
                    "value": each.value,
                    "limit": each.at_most if each.at_least is None else each.at_least,
                    "passed": each.met,
                }
                for name, each in findings.items()
            }
        }

    def continuous(self) -> Result:
        """Follow a continuous motion."""
        size = {"particles": 300, "epochs": 1} if self.quick else {}
        value = continuous(self.room("continuous"), **size)
        return [Finding("continuous motion: |Spearman| of PC 1", value, 0.9)], {"continuous": {"spearman": value}}

    def junk(self) -> Result:
        """Train, label, drop."""
        result = junk_loop(self.room("junk"), quick=self.quick)
        findings = [
            Finding("junk: share removed", result["removed"], 0.95),
            Finding("junk: share of particles lost", result["lost"], None, 0.02),
        ]
        return findings, {"junk": result}

    def ablations(self) -> Result:
        """Take away what the paper took away."""
        particles, epochs = (30, 2) if self.quick else (200, 8)
        star, run = self.seed_0()
        fine = fine_set(self.room("fine"), particles)
        arms = weights_and_mask(fine, self.room("weights"), epochs)
        draws = sampling(fine, self.room("sampling"), epochs)
        tilts = tilts_at_inference(star, run.path, self.room("tilts"), (5, 41) if self.quick else (1, 2, 5, 11, 21, 41))
        agree = directions(arms, draws, tilts)
        result = {"weights and mask": arms, "sampling": draws, "tilts": tilts, "directions": agree}
        if not self.quick:
            draw_ablations(result)
        # Small sets may disagree with the paper; that is told, not required.
        return [Finding(f"as in the paper: {name}", float(value)) for name, value in agree.items()], {
            "ablations": result
        }

    def validation(self) -> Result:
        """Tell true classes from random, extrapolated and noise-driven ones."""
        found = validations(self.folder / "validation", SEEDS[: 1 if self.quick else 3], quick=self.quick)
        findings = [
            Finding("validation: p that p values of random particles are uniform", min(found["uniform_p"]), 0.01)
        ]
        for row in found["table"]:
            share, name = row["supported"] / row["validated"], f"validation, {row['tilts']}: {row['kind']}, supported"
            # A small version may not find the rare state, nor learn it well enough to show it.
            least = 1.0 if row["real"] and not self.quick else None
            findings.append(Finding(name, share, least, 0.05 if row["real"] is False else None))
        if not self.quick:
            draw_panel(panel(self.folder / "validation", SEEDS[0]))
        return findings, {"validation": found}


PARTS: tuple[str, ...] = ("core", "discrete", "controls", "continuous", "junk", "ablations", "validation")


def cpu() -> str:
    """Return the processor's own name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def write(name: str, findings: list[Finding], section: dict[str, Any]) -> None:
    """Write what a part found beside what the other parts found before."""
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    if name == "core":
        rows = [asdict(each) | {"value": float(each.value), "met": each.met} for each in findings]
        save("evidence-core.json", {"cpu": cpu(), "versions": versions, "findings": rows})
        return
    path = RESULTS / "evidence.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    save(path.name, {**before, **section, "cpu": cpu(), "versions": versions})


def save(name: str, document: dict[str, Any]) -> None:
    """Write a results file."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / name).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def run_parts(names: Iterable[str], evidence: Evidence) -> bool:
    """Run parts, print their tables, keep their results; return whether every number is what it has to be."""
    met = True
    for name in names:
        began = time.perf_counter()
        part: Callable[[], Result] = getattr(evidence, name)
        findings, section = part()
        print(f"\n{name} ({time.perf_counter() - began:.0f} s)\n{HEADER}", flush=True)
        for each in findings:
            print(each.row(), flush=True)
        met = met and all(each.met for each in findings)
        if not evidence.quick:
            write(name, findings, section)
    return met


def main() -> int:
    """Measure, print, write; return 1 where a number is not what it has to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small version of each part; write nothing")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some parts")
    parser.add_argument("--folder", type=Path, help="keep the data of the parts here")
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA}: the real data are not there; put the shared data folder beside the checkout")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        return 0 if run_parts(given.only, Evidence(folder, quick=given.quick)) else 1


if __name__ == "__main__":
    sys.exit(main())
