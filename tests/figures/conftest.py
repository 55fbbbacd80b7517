"""An analysis folder with a known content: four planted groups of particles in two tomograms."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.analysis.comparison import write_comparison
from napari_tomodrgn.analysis.embeddings import principal_components
from napari_tomodrgn.analysis.folder import AnalysisFolder, Embedding, write_centres, write_labels
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.shapes import four_state_complex

PIXEL_SIZE = 8.0


def _plant(
    run: Path, classes: int = 4, tomograms: int = 2, volumes: bool = True, prefix: str = "", box: int = 24
) -> AnalysisFolder:
    """Write the analysis of a run whose latents lie in ``classes`` groups, and return its folder."""
    particles = 320
    rng = np.random.default_rng(4)
    truth = rng.integers(classes, size=particles)
    latents = rng.normal(size=(particles, 6)) + 6 * rng.normal(size=(classes, 6))[truth]
    ids = [(f"{prefix}tomogram_{number % tomograms:03d}", f"{number:05d}") for number in range(particles)]
    folder = AnalysisFolder(run, epoch=12)
    found = cluster(latents, classes)
    components = principal_components(latents)
    umap = latents[:, :2] + rng.normal(size=(particles, 2))
    Embedding(tuple(ids), components.coordinates, umap, components.explained_variance).save(folder.embedding)
    name = f"kmeans-{classes}"
    write_labels(folder.labels(name), ids, found.labels)
    write_centres(folder.centres(name), [ids[row] for row in found.nearest], found.sizes, latents[found.nearest])
    folder.settings(name).write_text(json.dumps({"clusters": classes, "method": "kmeans", "seed": 0}))
    if volumes:
        states = four_state_complex(box, PIXEL_SIZE)
        maps = [states[number % 4] * (1 + 0.02 * number) for number in range(classes)]
        for number, values in enumerate(maps):
            write_map(folder.volumes(name) / f"vol_{number:03d}.mrc", values, PIXEL_SIZE)
        write_comparison(folder.volumes(name), maps, PIXEL_SIZE)
    epochs = np.arange(1, 16)
    reconstruction = 0.9 + 0.3 * np.exp(-epochs / 4)
    pd.DataFrame(
        {"epoch": epochs, "reconstruction": reconstruction, "kld": 8 - 20 / (epochs + 2)}
        | {"held_out_reconstruction": reconstruction + 0.01}
    ).reindex(columns=layout.METRIC_COLUMNS).to_csv(run / "metrics.csv", index=False)
    Run.create(run, run_document(particles))
    return folder


def run_document(particles: int, **changes: Any) -> dict[str, Any]:
    """Return run.json of a training with the paper's settings for real data."""
    layers = {name: [256, 3] for name in ("encoder_a", "encoder_b", "decoder")}
    counts = {"encoder_parameters": 1_632_000, "decoder_parameters": 280_066}  # the decoder's are those of its Table 4
    document: dict[str, Any] = {
        "status": "finished",
        "settings": {
            "epochs": 15,
            "batch_size": 1,
            "learning_rate": 2e-4,
            "learning_rate_schedule": "constant",
            "seed": 3,
            "dose_mask": True,
            "dose_weight": True,
            "tilt_weight": True,
            "beta": None,
            "selection": None,
            "held_out_fraction": 0.1,
            "held_out_by": "tilt",
        },
        "versions": {"python": "3.12.1", "napari-tomodrgn": "0.1.0", "torch": "2.13.0", "numpy": "2.2.0"},
        "data": {
            "star": "particles.star",
            "source": "/data/ribosomes.star",
            "dialect": "warp",
            "fingerprint": "0",
            "particles": particles,
            "tilt_images": 41 * particles,
            "box": 64,
            "pixel_size": PIXEL_SIZE,
            "forward_model": ForwardModel().as_dict(),
            "standard_deviation": 1.0,
        },
        "model": {
            "latent_dim": 128,
            "pooling": "concatenate",
            "tilts": 41,
            "encoder_a_out": 128,
            **layers,
            **counts,
            "positional_encoding": "gaussian",
            "feature_sigma": 0.5,
            "seed": 3,
        },
        "parent": None,
        "chosen_epoch": 12,
    }
    return {**document, **changes}


@pytest.fixture(scope="session")
def plant() -> Callable[..., AnalysisFolder]:
    """Return a function that writes an analysis folder into a run."""
    return _plant
