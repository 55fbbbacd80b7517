"""Every command, as it is written in a terminal; the form of the same command is filled with the same values."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sets import MODEL, OTHER, RUN, DataSet

from napari_tomodrgn.cli.option_fields import OFF, ON
from napari_tomodrgn.viewer.command_panel import OFFERED, Offered

LABELS = "kmeans-3"


@dataclass(frozen=True)
class Call:
    """A command on a copy of a run.

    Attributes
    ----------
    command
        As on the command line.
    words
        Its options.
    on_run
        Whether its first argument is the run, which the window fills in.
    """

    command: str
    words: tuple[str, ...]
    on_run: bool = True

    def in_terminal(self, run: Path) -> list[str]:
        """Return the words of the command line."""
        return [*self.command.split(), *((str(run),) if self.on_run else ()), *self.words]

    @property
    def offered(self) -> Offered:
        """The command in the Analyse widget."""
        return next(each for each in OFFERED if each.name == self.command)

    def in_form(self) -> dict[str, str]:
        """Return the texts of the form's fields."""
        fields, texts = self.offered.command.model.model_fields, dict[str, str]()
        arguments = [name for name, own in fields.items() if "argument" in str(own.json_schema_extra)]
        left = iter(arguments[1:] if self.on_run else arguments)
        words = list(self.words)
        while words:
            word = words.pop(0)
            if not word.startswith("--"):
                texts[next(left)] = word
                continue
            name = word[2:].replace("-", "_")
            if name.removeprefix("no_") in fields and (not words or words[0].startswith("--")):
                texts[name.removeprefix("no_")] = OFF if name.startswith("no_") else ON
            else:
                texts[name] = ";".join(filter(None, (texts.get(name, ""), words.pop(0))))
        return texts


def calls(of: DataSet, copy: Path) -> Iterator[Call]:
    """Yield the commands of the Analyse widget in an order in which each finds what it needs."""
    out, epoch = copy / "exported", copy / RUN / "analysis" / "epoch-0003"
    fitted = of.fitted or copy / RUN / "volumes" / "epoch-0003" / LABELS / "vol_000.mrc"
    model = [word for path in MODEL for word in ("--model", str(path))]
    sphere = ",".join(f"{each:g}" for each in (*[of.half_box] * 3, 60))
    placed = ("--tomogram", of.tomogram, "--labels", LABELS)
    plain = ("--no-figures",)
    asked = (
        ("analyze", "--clusters", "3", "--no-umap", "--losses"),
        ("neighbors", "--labels", LABELS, "--permutations", "199", "--chain-direction", "peak", *plain),
        ("fit", str(MODEL[0].parent), str(fitted), "--outdir", str(epoch / "fit")),
        ("occupancy", *model, "--fit", str(epoch / "fit" / "fit.json"), "--parts", "prots1", *of.measured, *plain),
        ("occupancy", "--sphere", sphere, "--name", "sphere", "--threshold", f"{named(sphere)}=0.1", *plain),
        ("nuisance", "--permutations", "99", "--volumes", *plain),
        ("score", "--labels", LABELS, *plain),
        ("calibrate", *plain),
        ("traverse", "--points", "3", "--movie"),
        ("traverse", "--method", "graph", "--labels", LABELS, "--classes", "0,2", "--average-degree", "20", *plain),
        ("converge", "--clusters", "3", *plain),
        ("ensemble", "--clusters", "3", "--components", "3", *plain),
        ("compare", str(copy / OTHER), "--outdir", str(epoch / "comparison")),
        ("export chimerax", "--outdir", str(out / "chimerax"), *placed),
        ("export tomogram", "--outdir", str(out / "tomogram"), *placed, "--binning", "2"),
        ("export coordinates", "--output", str(out / "coordinates.csv"), "--labels", LABELS),
        ("export coordinates", "--output", str(out / "coordinates.star"), "--format", "relion", "--labels", LABELS),
        ("export coordinates", "--output", str(out / "coordinates.tbl"), "--labels", LABELS),
    )
    for command, *words in asked:
        yield Call(command, tuple(words), on_run=command != "fit")


def named(sphere: str) -> str:
    """Return what the column of a sphere is called."""
    return f"sphere {sphere}".replace(",", " ")
