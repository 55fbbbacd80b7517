"""Write the tables of the pages named below from benchmarks/results; ``--check`` only compares."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES, RESULTS = (
    ("evidence.md", "speed.md", "occupancy.md", "fit.md", "spatial-context.md", "analysis.md"),
    ROOT / "benchmarks" / "results",
)
Json = dict[str, Any]
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", flags=re.DOTALL)


def table(heads: str, rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    names = heads.split(" | ")
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def states(results: Json) -> str:
    """Return the four assembly states, a row a seed."""
    heads = (
        "seed | ARI of the oracle | ARI found | CC, worst class | FSC is 0.5 at, in the mask | and without a mask | "
        "CC of differences, worst | minutes"
    )
    rows = [
        [each["seed"], f"{each['oracle_ari']:.3f}", f"{each['ari']:.3f}", f"{min(each['cc']):.2f}"]
        + [f"{min(each[name]):.2f}" for name in ("fsc_half_at", "unmasked_fsc_half_at")]
        + [f"{each['difference_cc']:.2f}", f"{each['minutes']:.1f}"]
        for each in results["evidence"]["discrete_states"]
    ]
    return table(heads, rows)


def controls(results: Json) -> str:
    """Return what must not be found, and what must not matter."""
    rows = [
        [name, f"{each['value']:.3f}", f"{'above' if 'four states' in name else 'at most'} {each['limit']:.3f}"]
        for name, each in results["evidence"]["controls"].items()
    ]
    return table("control | value | has to be", rows)


def motion(results: Json) -> str:
    """Return how the continuous motion was followed."""
    value = results["evidence"]["continuous"]["spearman"]
    return table("measured | value | has to be", [["absolute Spearman's ρ of PC 1", f"{value:.3f}", "0.9 or more"]])


def junk(results: Json) -> str:
    """Return what the junk loop removed and lost."""
    found = results["evidence"]["junk"]
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


def ablations(results: Json) -> str:
    """Return whether each finding of the paper is found here."""
    found = results["evidence"]["ablations"]["directions"]
    return table("finding of the paper | here", [[name, "yes" if value else "no"] for name, value in found.items()])


def validation(results: Json) -> str:
    """Return how many of each kind of selection are supported, a row a kind and the tilt images that are asked."""
    words = {"held-out": "held out", "all": "all"}
    limits = {True: "all", False: "none, 5 % at most", None: "told, not required"}
    rows = []
    for row in results["evidence"]["validation"]["table"]:
        count, (low, high) = row["validated"], row["amplitude"]
        limit = limits[row["real"]]
        shown = f"{low:.2g} to {high:.2g}"
        rows.append(
            [
                row["kind"],
                words[row["tilts"]],
                f"{row['supported']} of {count}",
                limit,
                f"{row['fooled']} of {count}",
                shown,
            ]
        )
    heads = "selection | tilt images asked | supported | has to be | images show it, p ≤ 0.01 | amplitude"
    return table(heads, rows)


def given(results: Json) -> str:
    """Return reconstructions of given sets, and the commands."""

    def limit(row: Json) -> str:
        least, most = row["at_least"], row["at_most"]
        return f"{least:g} or more" if least is not None else "" if most is None else f"{most:g} or less"

    return table(
        "measured | value | has to be",
        [[row["what"], f"{row['value']:.4g}", limit(row)] for row in results["evidence-core"]["findings"]],
    )


def engine(results: Json) -> str:
    """Return the parts of the engine: time, operations, fraction of the matmul rate, and the ratio to a baseline."""
    found = results["engine"]
    step, volumes, store, back = (found[name] for name in ("step", "volumes", "store", "backprojection"))
    epoch, part = store["epoch"], back["compared"]
    rates = {"bf16": step["matmul_bf16_gflop_per_second"], "float32": step["matmul_float32_gflop_per_second"]}

    def line(
        what: str,
        seconds: float,
        gflop: float | None = None,
        precision: str = "bf16",
        baseline: float | None = None,
    ) -> list[str]:
        counted = ["", "", ""]
        if gflop is not None:
            counted = [f"{gflop:.0f}", f"{gflop / seconds:.0f}", f"{gflop / seconds / rates[precision]:.0%}"]
        ratio = ["", ""] if baseline is None else [time(baseline), f"{baseline / seconds:.3g}"]
        return [what, time(seconds), *counted, *ratio]

    plain_step, plain_volume = step["baseline_ms"] / 1e3, volumes["baseline_ms"] / 1e3
    plain_back = part["plain_one_thread_seconds"]
    gflop, decoded = step["gflop"], volumes["gflop"]
    rows = [
        line("the plain step, float32", plain_step, step["baseline_gflop"], "float32"),
        line("step, bf16", step["bf16_ms"] / 1e3, gflop, "bf16", plain_step),
        line("step, float32", step["float32_ms"] / 1e3, gflop, "float32", plain_step),
        line(f"epoch of {epoch['particles']} particles", epoch["seconds"], epoch["gflop"], "bf16", epoch["baseline_s"]),
        line(f"packing {store['images']} images of 64²", store["build_s"], baseline=store["plain_s"]),
        line("opening them, every byte checked", store["open_s"], baseline=store["plain_s"]),
        line("a 64³ volume, bf16", volumes["ms_64"] / 1e3, decoded, "bf16", plain_volume),
        line("a 64³ volume, float32", volumes["ms_64_float32"] / 1e3, decoded, "float32", plain_volume),
        line("a 32³ preview of it, bf16", volumes["ms_32"] / 1e3),
        line(f"backprojection, {part['images']} images of 64²", part["seconds"], baseline=plain_back),
        line(f"backprojection, {back['images']} images of 64²", back["seconds"]),
    ]
    return table("what | time | GFLOP | GFLOP/s | of the matmul rate | baseline | times faster", rows)


def time(seconds: float) -> str:
    """Return a time with its unit."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.0f} ms"


def quality(results: Json) -> str:
    """Return the time to a fixed quality, a row a seed."""
    rows = []
    for row in results["engine"]["time_to_quality"]["seeds"]:
        product, baseline = row["product"], row["baseline"]
        last = baseline["reached_epoch"] or baseline["epochs"]
        over = "over " if baseline["reached_epoch"] is None else ""
        rows.append(
            [
                row["seed"],
                f"{row['oracle_ari']:.2f}",
                f"{product['seconds']:.0f} s, epoch {product['epoch']}",
                f"{product['ari'][product['epoch'] - 1]:.3f}",
                f"{over}{baseline['seconds']:.0f} s",
                f"{baseline['ari'][last - 1]:.3f}",
                f"{over}{row['ratio']:.0f}",
            ]
        )
    return table("seed | ARI of the oracle | time | ARI then | plain steps | ARI then | times faster", rows)


def choices(results: Json) -> str:
    """Return what options of training do to time and quality, a row a choice."""
    rows = []
    for name, seeds in results["choices"]["choices"].items():
        for each in seeds:
            last = each["epochs"][-1]
            measured = [f"{last[key]:.3f}" for key in ("ari", "cc", "difference_cc")]
            rows.append([name, last["epoch"], f"{last['seconds']:.0f} s", *measured])
    return table("trained | epochs | time | ARI | CC, worst class | CC of differences, worst", rows)


def precision(results: Json) -> str:
    """Return what is found at reduced and at full precision, a row a seed and way."""
    names = {"reduced": "bf16, stored in float16", "full": "float32, stored in float32"}
    values = ("ari", "worst_cc", "fsc_half_at", "difference_cc")
    rows = [
        [each["seed"], names[each["way"]], *(f"{each[name]:.3f}" for name in values)]
        for each in results["engine"]["precision"]["seeds"]
    ]
    return table("seed | precision | ARI | CC, worst class | FSC is 0.5 at | CC of differences, worst", rows)


def gpu(results: Json) -> str:
    """Return what steps take on a GPU, and volumes: a row a box, mask and number of particles."""
    found = results["gpu"]
    plain = {each["box"]: each["ms"] for each in found["baseline"]}
    rows = []
    for each in found["steps"]:
        if not each["latent_dim"]:
            continue
        faster = "" if each["dose_mask"] else f"{plain[each['box']] * each['particles'] / each['ms']:.1f}"
        step = [each["box"], "yes" if each["dose_mask"] else "no", each["particles"]]
        times = [f"{each['ms']:.1f} ms", f"{each['ms_not_recorded']:.1f} ms", f"{each['particles_per_second']:.0f}"]
        rates = [f"{each['gflop'] / each['ms']:.0f}", f"{each['fraction_of_peak']:.0%}"]
        rows.append([*step, *times, *rates, f"{each['peak_memory_gb']:.1f} GB", faster])
    heads = (
        "box | dose mask | particles a step | step | as it comes | particles/s | TFLOP/s | of the matmul rate | memory"
    )
    steps = table(f"{heads} | times faster a particle", rows)
    volumes = [
        [f"a {each['box']}³ volume, with seven others", f"{each['ms_per_volume']:.1f} ms"] for each in found["volumes"]
    ]
    epochs = found["training"]["epoch_seconds"]
    trained = [[f"an epoch of 1,200 particles of box 32, {name}", f"{each:.2f} s"] for name, each in epochs.items()]
    return steps + "\n\n" + table("what | time", volumes + trained)


def gui(results: Json) -> str:
    """Return how long a person waits in napari."""
    found, placed = results["gui"], results["gui"]["volumes"]
    rows = [
        ["a frame of the scatter, 1,000,000 particles", f"{found['scatter_frame_ms_1e6']:.0f} ms", "60 ms"],
        ["a lasso in it", f"{found['lasso_ms_1e6']:.0f} ms", "150 ms"],
        ["opening a tomogram of 10 GB", f"{found['tomogram_open_s'] * 1e3:.0f} ms", "3 s"],
        ["the first volume of 500 at 64³, step 2", f"{found['first_volumes_s'] * 1e3:.0f} ms", "3 s"],
        ["the first 16", time(placed["first_16_volumes_s"]), ""],
        ["all 500", time(placed["all_500_s"]), ""],
        ["all 500 at 32³, step 1", time(placed["preview_all_500_s"]), ""],
        ["all 500 again, from the cache", f"{found['cached_500_s'] * 1e3:.0f} ms", "3 s"],
        ["other colours for 500", f"{found['recolour_ms_500']:.0f} ms", "30 ms"],
        ["and the frame after it, software OpenGL", f"{placed['recolour_and_frame_ms']:.0f} ms", ""],
        ["the longest piece of drawing while they come", f"{placed['longest_piece_ms']:.0f} ms", "100 ms"],
        ["the longest pause meanwhile, with software OpenGL", f"{placed['longest_pause_ms']:.0f} ms", "100 ms"],
        ["a morph at 32³", f"{found['morph_hz']:.0f} a second", "8 a second"],
        ["opening a run of 100,000 particles, beside the window", time(found["opening"]["shown_s"]), ""],
        ["the longest pause meanwhile", f"{found['opening']['longest_pause_ms']:.0f} ms", "100 ms"],
    ]
    return table("what | time | a person should not wait longer than", rows)


def memory(results: Json) -> str:
    """Return the memory of training, a row a set."""
    names = ("images_mb", "program_mb", "peak_mb")
    rows = [
        [f"{each['images']:,}", *(f"{each[name]:.0f} MB" for name in names)]
        for each in results["engine"]["memory"]["sets"]
    ]
    return table("tilt images of 64² | in float32 | the program, before | at the peak of training", rows)


def occupancies(results: Json) -> str:
    """Return how occupancies rank beside the published table, a row a way to measure them."""
    found = results["analysis"]["occupancy"]
    rows = [
        [name, *(f"{each[key]:.3f}" for key in ("spearman_volume", "spearman_chain"))]
        for name, each in {"**the default**": found, **found["variants"]}.items()
    ]
    return table("how it is measured | per volume | per protein", rows)


def left_out(results: Json) -> str:
    """Return what occupancies say of proteins that were left out, a row a pixel size."""
    rows = [
        [
            f"{each['pixel_size']:g} Å",
            f"{each['gone_median']:.2f}",
            f"{each['gone_most']:.2f}",
            f"{each['there_median']:.2f}",
            f"{each['there_least']:.2f}",
            f"{each['told_apart']:.0%}",
        ]
        for each in results["analysis"]["occupancy"]["left_out"]
    ]
    heads = "voxels of | left out: median | at most | there: median | at least | proteins told apart in all maps"
    return table(heads, rows)


def fits(results: Json) -> str:
    """Return what fits in made and real maps found."""
    found = results["analysis"]["fit"]
    real, far = found["warptools_reference"]["shells"], found["angstrom_from_published_alignment"]
    middle, worst = sorted(far.values())[1], max(far.values())
    rows = [
        ["twenty made maps: turn off by", f"{found['median_degrees']:.2f}°", f"{found['degrees']:.2f}°"],
        ["twenty made maps: centre off by", f"{found['median_pixels']:.3f} voxels", f"{found['pixels']:.3f} voxels"],
        ["three real volumes: from the published alignment", f"{middle:.1f} Å", f"{worst:.1f} Å"],
        ["ribosomes in cells: mean shell correlation", f"{real['keep']:.2f} as it is", f"{real['flip']:.2f} mirrored"],
    ]
    return table("maps | median | worst", rows)


def neighbours(results: Json) -> str:
    """Return what the neighbour statistics find where nothing is planted, and where something is."""
    found = results["analysis"]
    null, smooth, power, chains = (found[name] for name in ("null", "smooth_labels", "power_set", "chains"))
    ways = {"the default": null, "within tomograms": null["within_tomograms"], "in blocks": null["in_blocks"]}
    rows = [
        [f"nothing: {null['tomograms']} tomograms", f"p ≤ 0.05, {way}", f"{own['rejection_rate']:.1%}", "2 to 8 %"]
        for way, own in ways.items()
    ]
    rows.append(["", "p that p is uniform, the default", f"{null['ks_p']:.2f}", "above 0.01"])
    for each in smooth["sets"]:
        what = f"labels that follow position, {each['particles'].replace('x', '×')}"
        rows.append([what, "any family-wise p ≤ 0.05, the default", f"{each['default']:.1%}", "8 % or less"])
        rows.append(["", "the same, within tomograms", f"{each['naive']:.1%}", ""])
    planted = f"one pair of 20 classes twice as frequent, {power['particles']:,} particles"
    rows.append([planted, f"found in {power['simulations']} sets", f"{found['power']:.0%}", "90 % or more"])
    rows.append(["", "log₂ enrichment, median of the sets", f"{power['log2_ratio']:.2f}", "about 1"])
    rows.append(["", "sets whose 95 % interval holds 1", f"{power['interval_holds']:.0%}", ""])
    for what, own in (("chains", chains), ("dimers", chains["dimers"])):
        values = f"{own['recall']:.1%}, {own['precision']:.1%}"
        rows.append([what, "recall, precision of links", values, "95 % or more"])
    return table("planted | measured | found | has to be", rows)


def boxes(results: Json) -> str:
    """Return what classes of a large box, a tight one and one between have to do with neighbours and membranes."""
    found = results["analysis"]["box_scale"]
    half = dict(sorted(found["half_box"].items(), key=lambda each: -each[1]))
    rows: list[list[object]] = []
    for each in found["sets"]:
        both = each["cooccurrence"]
        low, high = both["interval"]
        aris = [f"{each[box]['in_dimer']:.2f}, {each[box]['on_membrane']:.2f}" for box in half]
        rows.append([each["seed"], *aris, f"{both['share']:.0%} ({low:.0%} to {high:.0%})", f"{both['planted']:.0%}"])
    between = [""] * (len(half) - 2)
    rows.append(["has to be", "0.80 or more", *between, "0.20 or less", "interval holds what is planted", ""])
    boxes = " | ".join(f"box of {2 * each:.0f} Å" for each in half.values())
    return table(f"seed | {boxes} | of those on membranes, in dimers | planted", rows)


def commands(results: Json) -> str:
    """Return what every command writes from the terminal and from the window: a row a command, by sets."""
    rows = results["commands"]["rows"]
    sets = list(dict.fromkeys(each["set"] for each in rows))
    lines = []
    for command in dict.fromkeys(each["command"] for each in rows):
        own = [each for each in rows if each["command"] == command]
        cells = [_written([each for each in own if each["set"] == name]) for name in sets]
        trouble = [said for each in own for said in each["differing"]]
        largest = max(each["difference"] for each in own)
        lines.append([f"`{command}`", *cells, "; ".join(trouble) or ("none" if largest == 0 else f"{largest:.0e}")])
    return table(" | ".join(["command", *sets, "largest difference"]), lines)


def _written(rows: list[Json]) -> str:
    """Return how many files and numbers a command has written, in all its ways."""
    if not rows:
        return ""
    files, numbers = (sum(each[name] for each in rows) for name in ("files", "numbers"))
    return f"{files} {'file' if files == 1 else 'files'}, {numbers:,} numbers"


TABLES = {
    each.__name__: each
    for each in (
        *(states, controls, motion, junk, ablations, given, engine, gpu, quality, choices, precision, memory, gui),
        *(occupancies, left_out, fits),
        *(neighbours, boxes, validation, commands),
    )
}


def main() -> int:
    """Write or check the pages; return the exit code."""
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob("*.json")}
    behind = False
    for name in PAGES:
        path = ROOT / "docs" / name
        page = path.read_text(encoding="utf-8")
        written = MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](results)}\n\n{found[3]}", page)
        if "--check" not in sys.argv[1:]:
            path.write_text(written, encoding="utf-8")
        elif written != page:
            print(f"docs/{name} is behind benchmarks/results: run python scripts/make_result_tables.py")
            behind = True
    return int(behind)


if __name__ == "__main__":
    sys.exit(main())
