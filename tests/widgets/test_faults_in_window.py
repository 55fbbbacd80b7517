"""The whole window where something is wrong: sentences, and every widget goes on."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDockWidget

from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.writing import write_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.current import session_of
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.workspace import open_workspace

from .mouse import drag, everything
from .waiting import read

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What notifications say, whichever widget they come from."""
    import napari_tomodrgn.widgets.docks  # noqa: F401 - so that all are there

    messages: list[str] = []
    for name, module in list(sys.modules.items()):
        if name.startswith("napari_tomodrgn.") and hasattr(module, "show_error"):
            monkeypatch.setattr(module, "show_error", messages.append)
    return messages


class Window:
    """The workspace, all of it looked at."""

    def __init__(self, viewer: Any) -> None:
        self.viewer, self.widgets = viewer, open_workspace(viewer)
        self.session: Session = session_of(viewer)

    def open(self, path: Path) -> None:
        self.widgets["Dataset"].open(path)
        read(self.widgets["Dataset"])
        QTest.qWait(50)

    def look_at_all(self) -> None:
        """Raise every dock, and let it do what it does then."""
        for widget in self.widgets.values():
            dock = widget
            while not isinstance(dock, QDockWidget):
                dock = dock.parentWidget()
            dock.raise_()
            QTest.qWait(60)

    def place_all(self) -> None:
        placing = self.widgets["Volumes"].placing
        QTest.mouseClick(placing.place_button, LEFT)
        for _ in range(300):
            if placing.work is None or not (placing.work.running or placing.placed.waiting):
                return
            QTest.qWait(50)
        raise TimeoutError("volumes are still being placed")

    def works(self) -> bool:
        """Whether a lasso around everything still selects what can be seen."""
        scatter = self.widgets["Latent space"].scatter
        drag(scatter, everything(scatter))
        QTest.qWait(30)
        return bool(self.session.selected.any())


@pytest.fixture
def window(make_napari_viewer_proxy: Callable[..., Any], told: list[str]) -> Iterator[Window]:
    window = Window(make_napari_viewer_proxy(show=True))
    yield window
    for widget in window.widgets.values():
        if hasattr(widget, "close_down"):
            widget.close_down()


@pytest.fixture
def run(analysed_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(analysed_run.path, tmp_path / "run"))


def with_latents(run: Path, change: Callable[[np.ndarray], None]) -> None:
    """Change the latents of all epochs in their files."""
    for path in (*run.glob("latents/*.npz"), run / "latents.npz"):
        with np.load(path) as stored:
            arrays = dict(stored)
        change(arrays["z_mean"])
        np.savez(path, **arrays)


def test_particles_without_a_latent_are_seen_and_have_no_volume(window: Window, run: Path, told: list[str]) -> None:
    with_latents(run, lambda z: z.__setitem__([2, 5], np.nan))
    window.open(run)
    window.look_at_all()
    session = window.session
    assert len(session) == 24
    session.look_at(5)
    QTest.qWait(100)
    assert any("has no latent in this run, so it has no volume" in each for each in told)
    session.colour_by("z0")
    window.place_all()
    placed = window.widgets["Volumes"].placing.placed.first.rows
    assert sorted(placed) == sorted(set(session.rows_here) - {2, 5})
    assert window.works()


def test_a_run_whose_latents_are_all_nan_opens(window: Window, run: Path, told: list[str]) -> None:
    with_latents(run, lambda z: z.fill(np.nan))
    window.open(run)
    window.look_at_all()
    window.session.look_at(0)
    QTest.qWait(100)
    assert any("has no latent in this run" in each for each in told)
    window.session.select_rows([0, 1], {"rule": "click"})
    assert window.session.selected.sum() == 2


def test_a_run_that_is_deleted_while_it_is_open(window: Window, run: Path, told: list[str]) -> None:
    window.open(run)
    session, columns = window.session, set(window.session.columns)
    shutil.rmtree(run)
    window.look_at_all()
    session.look_at(3)
    QTest.qWait(200)
    QTest.mouseClick(window.widgets["Dataset"].again_button, LEFT)
    read(window.widgets["Dataset"])
    window.look_at_all()
    assert any(str(run) in each and "Traceback" not in each for each in told)
    assert set(session.columns) == columns
    assert window.works()
    session.undo()
    assert not run.exists()


def test_a_star_of_one_particle(window: Window, run: Path, tmp_path: Path, warptools_set: Path) -> None:
    star = tmp_path / "one.star"
    write_particles(read_particles(warptools_set).take([7]), star)
    window.open(star)
    window.look_at_all()
    assert len(window.session) == 1
    window.session.select_rows([0], {"rule": "click"})
    assert window.session.selected.all()
    window.open(run)  # and it goes on
    assert len(window.session) == 24
    assert window.works()


def test_a_star_of_no_particle_is_refused_and_what_was_open_stays(
    window: Window, run: Path, tmp_path: Path, class_e_star: Path, told: list[str]
) -> None:
    window.open(run)
    lines = class_e_star.read_text().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if line.startswith("_"))
    star = tmp_path / "none.star"
    star.write_text("".join(lines[: last + 1]))
    window.open(star)
    (sentence,) = told
    assert str(star) in sentence
    assert len(window.session) == 24
    assert window.works()
