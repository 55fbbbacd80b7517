"""Write the tables of docs/evidence.md from the results of ``tox -e evidence``; ``--check`` only compares."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE, RESULTS = ROOT / "docs" / "evidence.md", ROOT / "benchmarks" / "results"
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", flags=re.DOTALL)


def table(heads: str, rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    names = heads.split(" | ")
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def states(evidence: dict[str, Any], _: dict[str, Any]) -> str:
    """Return the four assembly states, a row a seed."""
    heads = (
        "seed | ARI of the oracle | ARI found | CC, worst class | FSC is 0.5 at, in the mask | and without a mask | "
        "CC of differences, worst | minutes"
    )
    rows = [
        [each["seed"], f"{each['oracle_ari']:.3f}", f"{each['ari']:.3f}", f"{min(each['cc']):.2f}"]
        + [f"{min(each[name]):.2f}" for name in ("fsc_half_at", "unmasked_fsc_half_at")]
        + [f"{each['difference_cc']:.2f}", f"{each['minutes']:.1f}"]
        for each in evidence["discrete_states"]
    ]
    return table(heads, rows)


def controls(evidence: dict[str, Any], _: dict[str, Any]) -> str:
    """Return what must not be found, and what must not matter."""
    rows = [
        [name, f"{each['value']:.3f}", f"{'above' if 'four states' in name else 'at most'} {each['limit']:.3f}"]
        for name, each in evidence["controls"].items()
    ]
    return table("control | value | has to be", rows)


def motion(evidence: dict[str, Any], _: dict[str, Any]) -> str:
    """Return how the continuous motion was followed."""
    value = evidence["continuous"]["spearman"]
    return table("measured | value | has to be", [["absolute Spearman's ρ of PC 1", f"{value:.3f}", "0.9 or more"]])


def junk(evidence: dict[str, Any], _: dict[str, Any]) -> str:
    """Return what the junk loop removed and lost."""
    found = evidence["junk"]
    kinds = [
        [f"of the {name.removeprefix('removed_')} picks", f"{value:.1%}", ""]
        for name, value in found.items()
        if name.startswith("removed_")
    ]
    rows = [
        ["picks, of them junk", f"{found['picks']}, {found['junk']}", ""],
        ["junk removed", f"{found['removed']:.1%}", "95 % or more"],
        *kinds,
        ["particles lost", f"{found['lost']:.1%}", "2 % or less"],
    ]
    return table("measured | value | has to be", rows)


def ablations(evidence: dict[str, Any], _: dict[str, Any]) -> str:
    """Return whether each finding of the paper is found here."""
    found = evidence["ablations"]["directions"]
    return table("finding of the paper | here", [[name, "yes" if value else "no"] for name, value in found.items()])


def given(_: dict[str, Any], core: dict[str, Any]) -> str:
    """Return reconstructions of given sets, and the commands."""

    def limit(row: dict[str, Any]) -> str:
        least, most = row["at_least"], row["at_most"]
        return f"{least:g} or more" if least is not None else "" if most is None else f"{most:g} or less"

    return table(
        "measured | value | has to be", [[row["what"], f"{row['value']:.4g}", limit(row)] for row in core["findings"]]
    )


TABLES = {each.__name__: each for each in (states, controls, motion, junk, ablations, given)}


def main() -> int:
    """Write or check the page; return the exit code."""
    evidence, core = (
        json.loads((RESULTS / name).read_text(encoding="utf-8")) for name in ("evidence.json", "evidence-core.json")
    )
    page = PAGE.read_text(encoding="utf-8")
    written = MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](evidence, core)}\n\n{found[3]}", page)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(written, encoding="utf-8")
    elif written != page:
        print("docs/evidence.md is behind benchmarks/results: run python scripts/make_evidence_tables.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
