"""Every analysis command on two sets, from the terminal and from the widgets, with the same numbers.

``xvfb-run -a python benchmarks/every_command`` simulates 50S subunits, takes the WarpTools set beside the checkout,
trains a small run on each, and runs every command on two copies of it: as a terminal does, and in a napari window,
where forms are filled and buttons pressed. Whatever is written is compared number by number. Prints a table, writes
``results/commands.json``, and ends with 1 where something failed or differs.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from calls import LABELS, calls
from compared import Compared, compared, new_files, stamps
from sets import DATA, IMPORTED, OTHER, RUN, DataSet, ribosomes, simulated, terminal
from window import Window

from napari_tomodrgn.runs.run import Run

sys.path.append(str(Path(__file__).resolve().parents[1]))
from measuring import machine

RESULTS = Path(__file__).resolve().parents[1] / "results" / "commands.json"
SETS = SIMULATED, REAL, IMPORT = "50S", "ribosomes", "import"
LARGEST = 1e-6  # relative difference of what is the same
HEADER = "set                  command              files  numbers    difference  terminal  widget"


@dataclass(frozen=True)
class Row:
    """What was found of a command on a set."""

    set: str
    command: str
    files: int
    pictures: int
    numbers: int
    difference: float
    terminal_seconds: float
    widget_seconds: float
    differing: list[str]

    @property
    def same(self) -> bool:
        """Whether both ways have written the same numbers."""
        return not self.differing and self.difference <= LARGEST

    def line(self) -> str:
        """Return a line of the table."""
        line = (
            f"{self.set:20} {self.command:20} {self.files:5} {self.numbers:9,} {self.difference:12.1e} "
            f"{self.terminal_seconds:8.1f} s {self.widget_seconds:5.1f} s"
        )
        return "\n  ✗ ".join([line, *(each[:300] for each in self.differing[:6])])


@dataclass(frozen=True)
class Both:
    """Two copies of a set's runs, one for each way, and the window that the second is open in."""

    of: DataSet
    terminal: Path
    widgets: Path
    window: Window

    def ask(self, command: str, words: list[str], in_window: Callable[[], str | None]) -> Row:
        """Run a command both ways, and compare what is new in either copy."""
        before = stamps(self.terminal), stamps(self.widgets)
        began = time.perf_counter()
        done = terminal(words)
        between = time.perf_counter()
        try:
            failed = in_window()
        except (AssertionError, TimeoutError) as error:
            failed = str(error)
        ended = time.perf_counter()
        names = new_files(self.terminal, before[0]), new_files(self.widgets, before[1])
        found = compared(self.terminal, self.widgets, *names)
        if done.returncode:
            found.differing.insert(0, f"terminal: {done.stderr.strip()[-400:]}")
        if failed is not None:
            found.differing.insert(0, f"widgets: {failed}")
        return row_of(self.of.name, command, found, between - began, ended - between)


def row_of(name: str, command: str, found: Compared, in_terminal: float, in_window: float) -> Row:
    """Return a row of what was compared."""
    counts = found.files, found.pictures, found.numbers, found.difference
    return Row(name, command, *counts, round(in_terminal, 1), round(in_window, 1), found.differing)


def of_analyse(both: Both) -> Iterator[Row]:
    """Run the commands of the Analyse widget."""
    for one, other in zip(calls(both.of, both.terminal), calls(both.of, both.widgets), strict=True):
        words, texts = one.in_terminal(both.terminal / RUN), other.in_form()
        yield both.ask(one.command, words, lambda call=other, texts=texts: both.window.analyse(call.command, texts))


def of_others(both: Both) -> Iterator[Row]:
    """Run the commands that have widgets of their own: Curate, Validate, Compare and Volumes."""
    window, run = both.window, both.terminal / RUN
    labels = [str(run / "analysis" / "epoch-0003" / f"labels-{LABELS}.csv")]
    star = "exported/few.star"
    asked = ["select", str(run), "--name", "few", "--clusters", "0", "--labels", *labels]
    yield both.ask(
        "select", [*asked, "--output", str(both.terminal / star)],
        lambda: window.select(LABELS, 0, "few", both.widgets / star),
    )  # fmt: skip
    selection = ["--selection", str(run / "selections" / "few.json")]
    yield both.ask(
        "validate", ["validate", str(run), *selection, "--permutations", "199", "--no-decoder-only"],
        lambda: window.validate("few", {"permutations": "199", "decoder_only": "off"}),
    )  # fmt: skip
    folder, named = "exported/compare", [word for side in "ab" for word in (f"--labels-{side}", LABELS)]
    words = ["compare", str(run), str(both.terminal / OTHER), *named, "--outdir", str(both.terminal / folder)]
    yield both.ask(
        "compare (its widget)", [*words, "--no-figures"],
        lambda: window.compare(both.widgets / OTHER, LABELS, both.widgets / folder),
    )  # fmt: skip
    yield of_volume(both)


def of_volume(both: Both) -> Row:
    """Decode a particle's volume, by its table and by a click."""
    first = Run.open(both.terminal / RUN).latents(3).ids[0]
    table = both.of.folder / "first.csv"
    table.write_text("tomogram,particle\n" + ",".join(first) + "\n")
    folder = "exported/volumes"
    words = ["volumes", str(both.terminal / RUN), "--particles", str(table), "--outdir", str(both.terminal / folder)]
    row = both.ask("volumes", words, lambda: both.window.volume(0, both.widgets / folder / "vol_000.mrc"))
    return replace(row, differing=[each for each in row.differing if each != f"{folder}/index.csv: in one only"])


def rows_of(of: DataSet, window: Window) -> Iterator[Row]:
    """Run every command on a set."""
    both = Both(of, of.copy("terminal"), of.copy("widgets"), window)
    window.open(both.widgets / RUN)
    yield from of_analyse(both)
    yield from of_others(both)


def imported(folder: Path, window: Window) -> Row:
    """Import a run of tomoDRGN, by the command and by opening its folder."""
    of = DataSet("tomoDRGN's own run", folder, "", None, 0.0)
    (folder / "base").mkdir(parents=True, exist_ok=True)
    both = Both(of, of.copy("terminal"), of.copy("widgets"), window)
    words = ["import-tomodrgn", str(IMPORTED), "--outdir", str(both.terminal / RUN)]
    return both.ask("import-tomodrgn", words, lambda: window.import_run(IMPORTED, both.widgets / RUN))


def all_rows(names: list[str], folder: Path, particles: int) -> Iterator[Row]:
    """Make sets, and run every command on each."""
    window = Window()
    if SIMULATED in names:
        yield from rows_of(simulated(folder / SIMULATED, particles), window)
    if REAL in names:
        yield from rows_of(ribosomes(folder / REAL), window)
    if IMPORT in names:
        yield imported(folder / IMPORT, window)
    window.close()


def main() -> int:
    """Run, compare, print and write; return 1 where something is not the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--particles", type=int, default=90, help="of the simulated set")
    parser.add_argument(
        "--only", nargs="+", choices=SETS, default=SETS, help="some sets; of others what was found stays"
    )
    parser.add_argument("--folder", type=Path, help="keep the sets and runs here, and take those that are there")
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA}: the real data are not there; put the shared data folder beside the checkout")
    with tempfile.TemporaryDirectory() as scratch:
        rows = list[Row]()
        print(HEADER)
        for row in all_rows(given.only, given.folder or Path(scratch), given.particles):
            rows.append(row)
            print(row.line(), flush=True)
    write(rows)
    return int(not all(row.same for row in rows))


def write(rows: list[Row]) -> None:
    """Write what was found of some sets beside what was found of others before."""
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    measured = {row.set for row in rows}
    kept = [Row(**each) for each in before if each["set"] not in measured]
    rows = sorted([*kept, *rows], key=lambda row: row.set)
    document: dict[str, Any] = {**machine(), "largest_difference": max(row.difference for row in rows)}
    document["same"] = all(row.same for row in rows)
    document["rows"] = [asdict(row) for row in rows]
    RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
