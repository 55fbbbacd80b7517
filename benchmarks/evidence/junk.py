"""The junk loop: train once, look at the class volumes, drop the classes that look like no particle."""

from pathlib import Path

import numpy as np
import pandas as pd
from discrete import train
from sets import command, simulate_ribosomes, truth

from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.runs.run import Run

JUNK = 0.06
CLASSES = 100  # as many as the paper looks at
UNUSUAL = 0.3  # of the median class volume's norm: a class that differs by more is no particle; set on seeds 20, 21
SEEDS = (22, 23)


def junk_loop(folder: Path, *, quick: bool) -> dict[str, float]:
    """Simulate whole tilt series with 6 % junk picks, train, label, drop; return the shares removed and lost.

    A class is labelled by how much its volume differs from the median of all class volumes. The truth is not looked at.
    Junk are empty places, membrane, gold beads and particles off centre.
    """
    tables = [_labelled(folder / f"seed-{seed}", seed, quick=quick) for seed in (SEEDS[:1] if quick else SEEDS)]
    both = pd.concat(tables)
    junk = both["kind"] != "particle"
    by_kind = {f"removed_{kind}": float(each.mean()) for kind, each in both[junk].groupby("kind")["dropped"]}
    return {
        "picks": len(both),
        "junk": int(junk.sum()),
        "removed": float(both["dropped"][junk].mean()),
        "lost": float(both["dropped"][~junk].mean()),
        **by_kind,
    }


def _labelled(folder: Path, seed: int, *, quick: bool) -> pd.DataFrame:
    """Return the picks of one simulated set, what they are (``kind``), and whether they were ``dropped``."""
    picks, classes, epochs = (400, 30, 4) if quick else (1200, CLASSES, 3)
    star = simulate_ribosomes(folder / "particles", picks, "--scene", "--junk", JUNK, states=("",), seed=seed)
    run = train(star, folder / "run", "--latent-dim", 8, epochs=epochs)
    command("analyze", run.path, "--clusters", classes, "--no-umap", "--no-figures")
    kept = usual_classes(run, classes)
    chosen = ("--clusters", ",".join(map(str, kept)), "--name", "clean", "--output", folder / "clean.star")
    command("select", run.path, *chosen)
    clean = run.selection("clean").ids
    known = truth(star, run.latents())
    dropped = [particle not in clean for particle in zip(known["tomogram"], known["particle"], strict=True)]
    return known.assign(dropped=dropped)


def usual_classes(run: Run, classes: int) -> list[int]:
    """Return the classes whose volumes look like most."""
    folder = next(run.path.glob(f"volumes/epoch-*/kmeans-{classes}"))
    volumes = np.stack([read_map(path).values for path in sorted(folder.glob("vol_*.mrc"))])
    reference = np.median(volumes, axis=0)
    difference = np.linalg.norm((volumes - reference).reshape(len(volumes), -1), axis=1) / np.linalg.norm(reference)
    return [int(number) for number in np.flatnonzero(difference <= UNUSUAL)]
