"""The Analyse widget: a command on the open run, from its form to what every widget shows, and its sentences."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_centres, read_labels
from napari_tomodrgn.cli import main as programs
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.command_panel import CommandPanel
from napari_tomodrgn.viewer.session import PLAIN, Session
from napari_tomodrgn.widgets import analyse, reading, telling
from napari_tomodrgn.widgets.analyse import Analyse

LEFT = Qt.MouseButton.LeftButton
LONG = 120_000  # ms for a process, on a busy machine


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for module in (telling, analyse, reading):
        monkeypatch.setattr(module, "show_error", messages.append)
    return messages


@pytest.fixture
def bare_run(run_folder: Path, tmp_path: Path) -> Path:
    """A run that nobody has analysed yet."""
    path = shutil.copytree(run_folder, tmp_path / "run")
    for folder in ("analysis", "volumes"):
        shutil.rmtree(path / folder, ignore_errors=True)
    return path


@pytest.fixture
def widget(told: list[str], shown: Callable[..., None], bare_run: Path) -> Analyse:
    session = Session()
    session.open_run(bare_run)
    widget = Analyse(CommandPanel(session))
    shown(widget, 460, 700)
    return widget


def run(widget: Analyse, qtbot: Any) -> None:
    qtbot.mouseClick(widget.start_button, LEFT)
    qtbot.waitUntil(lambda: not widget.panel.works and not widget.reading.busy, timeout=LONG)


def test_classes_are_found_and_colour_the_particles(
    widget: Analyse, qtbot: Any, bare_run: Path, tmp_path: Path, told: list[str]
) -> None:
    """The same numbers as the function gives on a copy of the run."""
    session = widget.session
    assert session.coloured_by == PLAIN
    copy = shutil.copytree(bare_run, tmp_path / "copy")
    widget.panel.values.take({"clusters": "3", "umap": "off", "device": "cpu"})
    run(widget, qtbot)
    assert told == []
    assert widget.status.text().startswith("analyze: done in ")
    analysis = analyze(AnalyzeOptions(run=copy, clusters=3, umap=False, volumes=False, device="cpu"))
    theirs = read_labels(analysis.folder.labels("kmeans-3"))
    classes = session.columns["kmeans-3"]
    assert isinstance(classes, Classes)
    assert session.particle_set is not None
    assert classes.codes.tolist() == [theirs[particle] for particle in session.particle_set.ids]
    assert session.coloured_by == "kmeans-3"
    assert [path.stem for path in widget.panel.pictures()].count("overview") == 1
    assert widget.picture.path is not None
    assert widget.pictures.count() >= 4


@pytest.mark.parametrize(
    ("command", "values", "table"),
    [
        ("traverse", {"points": "3"}, "volumes/epoch-{epoch:04d}/pc-1/index.csv"),
        ("converge", {"clusters": "2"}, "analysis/convergence/convergence.csv"),
        ("ensemble", {"clusters": "2"}, "analysis/epoch-{epoch:04d}/ensemble/voxels-2/ensemble.csv"),
    ],
)
def test_other_commands_write_what_they_write_on_the_command_line(
    widget: Analyse, qtbot: Any, analysed_run: Run, tmp_path: Path, command: str, values: dict[str, str], table: str
) -> None:
    opened, copy = (shutil.copytree(analysed_run.path, tmp_path / name) for name in ("opened", "copy"))
    widget.session.open_run(opened)
    place = table.format(epoch=widget.session.epoch)
    widget.panel.choose(command)
    widget.panel.values.take({**values, "figures": "off"})

    run(widget, qtbot)

    assert widget.panel.ended is not None
    assert widget.panel.ended.startswith(f"{command}: done"), widget.panel.log
    words = [word for name, value in values.items() for word in (f"--{name}", value)]
    with pytest.raises(SystemExit) as ending:
        programs.main([command, str(copy), *words, "--no-figures", "--quiet"])
    assert ending.value.code == 0
    assert (opened / place).read_text() == (copy / place).read_text()


EPOCH = "{run}/analysis/epoch-0002"


@pytest.mark.parametrize(
    ("command", "texts", "words", "table"),
    [
        (
            "neighbors",
            {"permutations": "99", "figures": "off"},
            "{run} --labels kmeans-3 --permutations 99 --no-figures",
            f"{EPOCH}/neighbours/kmeans-3/neighbours.csv",
        ),
        (
            "fit",
            {"model": "{model}", "search": "off", "figures": "off"},
            f"{{model}} {{volume}} --outdir {EPOCH}/fit --no-search --no-figures",
            f"{EPOCH}/fit/four-fitted.pdb",
        ),
        (
            "compare",
            {"run_b": "{other}", "seeds": "1", "figures": "off"},
            f"{{run}} {{other}} --seeds 1 --outdir {EPOCH}/comparison --no-figures",
            f"{EPOCH}/comparison/confusion.csv",
        ),
        (
            "export coordinates",
            {"output": "{run}/places.tbl", "tomograms": "001,002"},
            "{run} --output {run}/places.tbl --tomograms 001 --tomograms 002",
            "{run}/places.tbl",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) and "{" not in each else "",
)
def test_what_is_suggested_is_what_the_command_line_takes(
    widget: Analyse,
    qtbot: Any,
    analysed_run: Run,
    four_chains: Path,
    tmp_path: Path,
    command: str,
    texts: dict[str, str],
    words: str,
    table: str,
) -> None:
    """The run, its epoch, its classes, the volume of the largest class, and where files go, are filled in."""
    opened, copy = (Path(shutil.copytree(analysed_run.path, tmp_path / name)) for name in ("opened", "copy"))
    sizes = read_centres(AnalysisFolder(copy, 2).centres("kmeans-3"))["particles"].to_numpy()
    volume = copy / f"volumes/epoch-0002/kmeans-3/vol_{sizes.argmax():03d}.mrc"
    given = {"model": four_chains, "other": analysed_run.path, "volume": volume}
    widget.session.open_run(opened)
    widget.session.colour_by("kmeans-3")
    widget.panel.choose(command)
    widget.panel.values.take({name: text.format(run=opened, **given) for name, text in texts.items()})

    run(widget, qtbot)

    assert widget.panel.ended is not None
    assert widget.panel.ended.startswith(f"{command}: done"), widget.panel.log
    with pytest.raises(SystemExit) as ending:
        programs.main([*command.split(), *words.format(run=copy, **given).split(), "--quiet"])
    assert ending.value.code == 0
    assert Path(table.format(run=opened)).read_text() == Path(table.format(run=copy)).read_text()


def test_what_can_not_be_done_is_said_in_the_command_lines_words(widget: Analyse, qtbot: Any, told: list[str]) -> None:
    widget.panel.values.take({"clusters": "1000", "umap": "off", "figures": "off", "volumes": "off"})
    run(widget, qtbot)
    (sentence,) = told
    assert "1000" in sentence
    assert widget.status.text() == sentence
    assert widget.log.isVisible()
    widget.panel.values.set("clusters", "0")
    assert widget.form is not None
    assert widget.form.rows["clusters"].refusal.isVisible()
    qtbot.mouseClick(widget.start_button, LEFT)
    assert not widget.panel.works
    assert "--clusters" in told[-1]


def test_a_command_is_cancelled_and_leaves_nothing(widget: Analyse, qtbot: Any, bare_run: Path) -> None:
    widget.panel.values.take({"clusters": "2", "umap": "off"})
    qtbot.mouseClick(widget.start_button, LEFT)
    assert not widget.start_button.isEnabled()
    qtbot.mouseClick(widget.cancel_button, LEFT)
    qtbot.waitUntil(lambda: not widget.panel.works, timeout=LONG)
    assert widget.panel.failed
    assert not list(bare_run.glob("analysis/*/labels-*.csv"))
    assert widget.start_button.isEnabled()


def test_the_command_is_copied_and_needs_a_run(
    widget: Analyse, qtbot: Any, bare_run: Path, shown: Callable[..., None]
) -> None:
    widget.panel.values.take({"clusters": "7"})
    qtbot.mouseClick(widget.copy_button, LEFT)
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == f"napari-tomodrgn analyze {bare_run} --epoch 1 --clusters 7"
    empty = Analyse(CommandPanel(Session()))
    shown(empty)
    assert not empty.start_button.isEnabled()
    assert "Open a run first" in empty.status.text()
