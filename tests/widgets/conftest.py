"""A session on a small real run with an analysis."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.writing import write_particles
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train
from napari_tomodrgn.viewer.session import Session

sys.path.insert(0, str(Path(__file__).parent))  # for mouse

PARTICLES = 48
CLASSES = 3


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch with three latent dimensions, and k-means classes."""
    folder = tmp_path_factory.mktemp("widgets")
    star = simulate(SimulateOptions(outdir=folder / "data", particles=PARTICLES, box=16, pixel_size=12.0, tilts=3))
    network = {"encoder_a": "8x1", "encoder_a_out": 8, "encoder_b": "8x1", "decoder": "8x1", "pooling": "mean"}
    options = {"latent_dim": 3, "epochs": 1, "batch_size": 8, **network}
    run = train(TrainOptions(particles=star, outdir=folder / "run", **options))
    analyze(AnalyzeOptions(run=run.path, clusters=CLASSES, umap=False, volumes=False))
    return run.path


@pytest.fixture
def session(run_folder: Path) -> Session:
    """A session in which the run is open."""
    session = Session()
    session.open_run(run_folder)
    return session


@pytest.fixture
def star_of(run_folder: Path, tmp_path: Path) -> Callable[[int], Path]:
    """Return a function that writes a star of so many particles of the run."""

    def write(count: int) -> Path:
        path = tmp_path / f"{count}.star"
        write_particles(read_particles(run_folder / "particles.star").take(range(count)), path)
        return path

    return write


@pytest.fixture(scope="session")
def labelling() -> str:
    """The column of the run's classes."""
    return f"kmeans-{CLASSES}"


@pytest.fixture
def shown(qapp: QApplication) -> Iterator[Callable[[QWidget, int, int], None]]:
    """Return a function that shows a widget at a size; it is destroyed after the test."""
    widgets: list[QWidget] = []

    def show(widget: QWidget, width: int = 700, height: int = 600) -> None:
        widget.resize(width, height)
        widget.show()
        QTest.qWaitForWindowExposed(widget)
        qapp.processEvents()
        widgets.append(widget)

    yield show
    for widget in widgets:
        widget.close()
        widget.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
