"""The sets that every command is given: 50S subunits in a simulated scene, ribosomes in cells; a small run of each."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MODEL = tuple(sorted((DATA / "50S").glob("*.pdb")))
LACKS = "prots1:H,prots1:O,prots1:B,prots1:Y,prots1:P,prots1:Q,RNA1:A,RNA4:Q,RNA4:U,RNA4:V,RNA1:W"
REAL = DATA / "warptools_insitu" / "warptools_test_4-tomos_10-ptcls_box-32_angpix-12_optimisation_set.star"
REAL_MAP = REAL.with_name("warptools_test_box-32_angpix-12_reconstruct.mrc")
IMPORTED = DATA / "tomodrgn_run"
SMALL = (
    *("--encoder-a", "32x1", "--encoder-b", "32x1", "--decoder", "64x1", "--latent-dim", "4", "--epochs", "3"),
    *("--pooling", "mean", "--batch-size", "4", "--learning-rate", "1e-3", "--device", "cpu"),
)
RUN, OTHER = "run", "other"  # the second run has another seed; both lie in every copy


@dataclass(frozen=True)
class DataSet:
    """A set, and what its commands are given.

    Attributes
    ----------
    name
        In the table.
    folder
        Holds ``base``, with two runs, of which copies are made.
    tomogram
        One that is exported.
    fitted
        The map that the model is fitted into; ``None``: the volume of the largest class.
    half_box
        Å from the first voxel of a volume to its middle.
    measured
        Further options of occupancies: where a small run shows next to nothing yet, they can't be told in its units.
    """

    name: str
    folder: Path
    tomogram: str
    fitted: Path | None
    half_box: float
    measured: tuple[str, ...] = ()

    def copy(self, name: str) -> Path:
        """Return a new copy of the runs, as far from the images as they are."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return Path(shutil.copytree(self.folder / "base", self.folder / name))


def terminal(words: Sequence[str | Path]) -> "subprocess.CompletedProcess[str]":
    """Run ``napari-tomodrgn WORDS`` as a terminal does."""
    asked = [sys.executable, "-m", "napari_tomodrgn", *map(str, words), "--quiet"]
    return subprocess.run(asked, capture_output=True, text=True, check=False)


def ask(*words: str | Path) -> None:
    """Run a command that has to succeed."""
    done = terminal(words)
    if done.returncode:
        raise SystemExit(done.stderr)


def trained(star: Path, folder: Path) -> None:
    """Train two small runs on a star."""
    for name, seed in ((RUN, "0"), (OTHER, "1")):
        ask("train", star, "--outdir", folder / "base" / name, *SMALL, "--seed", seed)
    ask("analyze", folder / "base" / OTHER, "--clusters", "3", "--no-umap", "--no-figures", "--no-volumes")


def simulated(folder: Path, particles: int) -> DataSet:
    """Simulate 50S subunits, half of them without a fifth of their parts, dimers among them, in three tomograms."""
    of = DataSet("50S, simulated", folder, "001", None, 16 * 12.0)
    if (folder / "base").exists():
        return of
    models = [word for path in MODEL for word in ("--model", path)]
    states = ["--leave-out", "", "--leave-out", LACKS]
    scene = ["--scene", "--tomogram", "--tomograms", "3", "--dimers", "0.4", "--dialect", "relion5"]
    images = ["--box", "32", "--pixel-size", "12", "--tilts", "11", "--particles", str(particles)]
    ask("simulate", folder / "particles", *models, *states, *scene, *images)
    trained(folder / "particles" / "optimisation_set.star", folder)
    return of


def ribosomes(folder: Path) -> DataSet:
    """Train on ribosomes in cells as WarpTools writes them: four tomograms of ten."""
    if not (folder / "base").exists():
        trained(REAL, folder)
    return DataSet("ribosomes, WarpTools", folder, "Unt_050.tomostar", REAL_MAP, 16 * 12.0, ("--normalise", "none"))
