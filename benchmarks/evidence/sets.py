"""The simulated sets of the evidence, made by the product's own commands, and what is known about them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.training.store import DirectImages

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RIBOSOME = sorted((DATA / "50S").glob("*.pdb"))
# Three compact parts of about 14 % of the mass each, far from one another on the 50S subunit and within 122 Å of its
# centre: what lies farther out is dimmed by the soft window of the images.
PARTS = (
    (
        "RNA1:A,RNA4:Q,RNA4:U,prots1:H,RNA4:V,RNA1:W,prots1:O,prots1:B,RNA4:W,RNA3:U,prots1:Y,RNA3:V,RNA2:N,RNA1:B,prots1:P,"
        "prots1:Q,RNA1:Y"
    ),
    (
        "RNA3:D,RNA3:H,RNA3:C,RNA3:A,RNA1:H,RNA2:Z,RNA4:B,prots1:A,RNA2:E,RNA1:I,RNA1:J,RNA3:F,RNA3:B,RNA2:W,RNA3:P,"
        "prots2:A,RNA2:X,RNA1:E,prots1:R,RNA2:F"
    ),
    (
        "RNA4:J,RNA4:F,prots1:M,RNA4:I,prots1:Z,RNA4:E,prots1:U,RNA4:H,RNA2:C,RNA4:G,RNA4:K,prots2:B,RNA_5S:B,RNA4:D,RNA2:K,"
        "RNA2:B,RNA_5S:E,RNA2:J,prots1:J,RNA4:C,RNA2:L"
    ),
)
STATES = ("", PARTS[0], ",".join(PARTS[:2]), ",".join(PARTS))
PIXEL_SIZE = 10.0


def command(*arguments: str | Path | float) -> None:
    """Run a subcommand in a process of its own."""
    program = "from napari_tomodrgn.cli.main import main; main()"
    subprocess.run([sys.executable, "-c", program, *map(str, arguments), "--quiet"], check=True)


def simulate_ribosomes(
    folder: Path, particles: int, *options: str | float, states: tuple[str, ...] = STATES, seed: int = 0
) -> Path:
    """Simulate 50S subunits in states that lack parts: box 32, 10 Å/px, 41 tilts, SNR 0.05; return the star."""
    models = [part for path in RIBOSOME for part in ("--model", path)]
    left_out = [part for state in states for part in ("--leave-out", state)]
    given = ["--particles", particles, "--box", 32, "--pixel-size", PIXEL_SIZE, "--seed", seed]
    tomograms = [] if "--tomograms" in options else ["--tomograms", 5]
    command("simulate", folder, *models, *left_out, *given, *tomograms, *options)
    return folder / "particles.star"


def truth(star: Path, latents: Latents) -> pd.DataFrame:
    """Return the rows of truth.csv in the order of the latents."""
    table = pd.read_csv(star.parent / "truth.csv", dtype={"tomogram": str, "particle": str})
    return table.set_index(["tomogram", "particle"]).loc[list(latents.ids)].reset_index()


def true_maps(star: Path) -> list[npt.NDArray[np.float32]]:
    """Return the maps that a set was simulated from."""
    return [read_map(path).values for path in sorted(star.parent.glob("state_*.mrc"))]


def oracle_labels(star: Path) -> npt.NDArray[np.int64]:
    """Return the state (N,) of every particle whose true map, at the true pose, is nearest to its images.

    Least squares with the whole of what is known: the CTF, the exposure weights and cos(tilt) of the simulation.
    """
    particle_set = read_particles(star)
    points, tilts, first = lattice(particle_set.box), TiltImages.of(particle_set), particle_set.first_tilt
    store = DirectImages(particle_set, window=False)
    maps = [Projector(torch.from_numpy(each)) for each in true_maps(star)]
    distance = np.zeros((len(particle_set), len(maps)))
    for row in range(len(particle_set)):
        rows = slice(first[row], first[row + 1])
        own = tilts[rows]
        images = pairs_to_complex(store.take(torch.arange(rows.start, rows.stop)))
        factor = own.transfer(points) * own.exposure(points) * own.tilt_cosine[:, None] / store.standard_deviation
        for state, projector in enumerate(maps):
            clean = pairs_to_complex(projector.pairs(own.k3(points)))
            distance[row, state] = float((images - factor * clean).abs().square().sum())
    return distance.argmin(axis=1)


def run_document(run: Path) -> dict[str, object]:
    """Return a run's document."""
    document: dict[str, object] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return document
