"""Fixtures shared by all rooms, and the rule that nothing is skipped silently in CI."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

if TYPE_CHECKING:
    from napari_tomodrgn.runs.run import Run

    from .planted_run import PlantedRun

# The workers share the cores: more threads than cores wait for each other in OpenMP's spin locks.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
# What a person chose in napari's Preferences is no part of the tests.
os.environ["NAPARI_CONFIG"] = ""
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

# Files of a minute or more, the longest first: what is begun last should not be waited for by one process alone.
LONG_FILES = (
    "cli/test_demo.py",
    "viewer/test_training_panel.py",
    "widgets/test_workspace.py",
    "analysis/test_inspect_checks.py",
    "training/test_distributed.py",
    "widgets/test_train.py",
    "viewer/test_poses_are_true.py",
    "widgets/test_analyse.py",
    "widgets/test_dataset.py",
    "widgets/test_validate.py",
)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MISSING_GPU = "no GPU"  # how the reason of a test that only a GPU can run begins


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets, which lies beside the checkout and is not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data not found at {SHARED_DATA}: put the shared data folder beside the checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def warptools_set(shared_data: Path) -> Path:
    """Real ribosomes in situ: a WarpTools optimisation set of 4 tomograms × 10 particles."""
    return shared_data / "warptools_insitu" / "warptools_test_4-tomos_10-ptcls_box-32_angpix-12_optimisation_set.star"


@pytest.fixture(scope="session")
def class_e_star(shared_data: Path) -> Path:
    """Simulated 50S intermediates with known truth: 72 particles × 10 tilts."""
    return shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star"


@pytest.fixture(scope="session")
def chiral_map() -> npt.NDArray[np.float32]:
    """Blobs of many weights at random places in a box of 32: no symmetry, not even a mirror plane."""
    generator = np.random.default_rng(3)
    z, y, x = np.mgrid[:32, :32, :32] - 16.0
    values = np.zeros((32, 32, 32))
    for _ in range(10):
        direction = generator.standard_normal(3)
        centre = direction / np.linalg.norm(direction) * generator.uniform(5, 10)
        distance = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        values += generator.uniform(0.5, 2) * np.exp(-distance / (2 * 1.5**2))
    return values.astype(np.float32)


@pytest.fixture(scope="session")
def four_chains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of chains A to D, clouds of 150 carbons each about (80, 80, 80) Å, that has no symmetry."""
    import gemmi

    generator = np.random.default_rng(5)
    structure, model = gemmi.Structure(), gemmi.Model("1")
    centres = np.array([[24, 0, 0], [-16, 18, 4], [-4, -19, -14], [3, 5, 27]])
    for name, centre in zip("ABCD", centres, strict=True):
        chain = gemmi.Chain(name)
        for place in range(150):
            residue, atom = gemmi.Residue(), gemmi.Atom()
            residue.name, residue.seqid = "GLY", gemmi.SeqId(str(1 + place))
            atom.name, atom.element = "CA", gemmi.Element("C")
            atom.pos = gemmi.Position(*(80 + centre + 8 * generator.standard_normal(3)))
            residue.add_atom(atom)
            chain.add_residue(residue)
        model.add_chain(chain)
    structure.add_model(model)
    path = tmp_path_factory.mktemp("model") / "four.pdb"
    structure.write_pdb(str(path))
    return path


@pytest.fixture(scope="session")
def analysed_run(tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A run on 24 particles in two tomograms, with classes and principal components; tests read it or copy it."""
    from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
    from napari_tomodrgn.runs.run import Run
    from napari_tomodrgn.simulation.options import SimulateOptions
    from napari_tomodrgn.simulation.simulate import simulate
    from napari_tomodrgn.training.options import TrainOptions
    from napari_tomodrgn.training.train import train

    folder = tmp_path_factory.mktemp("analysed")
    star = simulate(SimulateOptions(outdir=folder / "particles", particles=24, box=16, pixel_size=12.0, tilts=5))
    options = TrainOptions(
        particles=star,
        outdir=folder / "run",
        latent_dim=3,
        pooling="mean",
        encoder_a="16x1",
        encoder_b="16x1",
        decoder="32x1",
        learning_rate=3e-3,
        epochs=2,
        batch_size=1,
    )
    run = train(options)
    analyze(AnalyzeOptions(run=run.path, clusters=3, umap=False, figures=False, box=16))
    return Run.open(run.path)


@pytest.fixture(scope="session")
def planted_run(tmp_path_factory: pytest.TempPathFactory) -> "PlantedRun":
    """A run in whose three tomograms chains are planted, with a result of ``neighbors``; tests read it or copy it."""
    from .planted_run import plant_run

    return plant_run(tmp_path_factory.mktemp("planted") / "run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    folder = Path(__file__).parent
    rank = {folder / name: number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send whole files to the processes, in order: what a file's tests share is made once."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # by the number of tests, which says little
    return LoadFileScheduling(config, log)


def _skipped_without_gpu_excuse(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    reasons = [report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr) for report in reports]
    return [reason for reason in reasons if not reason.removeprefix("Skipped: ").startswith(MISSING_GPU)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test fails the run unless a GPU is what it lacks."""
    if os.environ.get("CI") == "true" and exitstatus == 0 and _skipped_without_gpu_excuse(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why the run fails although no test did."""
    reasons = _skipped_without_gpu_excuse(config)
    if reasons and os.environ.get("CI") == "true":
        terminalreporter.write_line(f"CI=true: {len(reasons)} skipped tests fail the run ({reasons[0]})", red=True)
