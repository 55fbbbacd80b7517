"""A run on particles without images whose neighbours are planted, and what `neighbors` finds of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.folder import AnalysisFolder, write_labels
from napari_tomodrgn.analysis.spatial.neighbors import neighbors
from napari_tomodrgn.analysis.spatial.options import NeighborsOptions
from napari_tomodrgn.figures.spatial import write_neighbours_folder
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.neighbourhoods import chains_among_others

from .cli.placed_particles import write_placed


@dataclass(frozen=True)
class PlantedRun:
    """A run on particles at given places, without images.

    ``links`` are the ids of particles that follow one another in planted chains, ``lengths`` those of a tomogram's
    chains, ``labels`` the particles' classes in ``kmeans-3``: chains are of class 2, others of 0 and 1, at random.
    """

    path: Path
    links: set[tuple[tuple[str, str], tuple[str, str]]]
    lengths: tuple[int, ...]
    labels: dict[tuple[str, str], int]


def plant_run(folder: Path, lengths: tuple[int, ...] = (6, 2, 5, 3), alone: int = 30, tomograms: int = 3) -> PlantedRun:
    """Write a run on particles of which some are in chains, and look for their neighbours."""
    places, edges = chains_among_others(1, list(lengths), alone, tomograms=tomograms, bend=0.05)
    assert places.rotation is not None
    into = np.swapaxes(places.rotation, 1, 2)
    angles = Rotation.from_matrix(into).as_euler("ZYZ", degrees=True)
    write_placed(folder, [each[0] for each in places.ids], places.position, angles)
    ids = read_particles(folder / "placed.star", box=20).ids
    in_chain = {row for edge in edges for row in edge}
    drawn = np.random.default_rng(1).integers(0, 2, len(ids)).tolist()
    codes = np.array([2 if row in in_chain else drawn[row] for row in range(len(ids))])
    data = {"star": "placed.star", "dialect": "warp", "standard_deviation": 1.0, "fingerprint": "none", "box": 20,
            "pixel_size": 10.0, "forward_model": ForwardModel().as_dict(), "open_with": {"box": 20}}  # fmt: skip
    run = Run.create(folder, {"status": "finished", "settings": {}, "data": data, "parent": None, "chosen_epoch": 1,
                              "model": {"latent_dim": 0, "box": 20}})  # fmt: skip
    analysis = AnalysisFolder(run.path, 1)
    analysis.path.mkdir(parents=True)
    write_labels(analysis.labels("kmeans-3"), ids, codes)
    options = NeighborsOptions(
        particles=run.path, chain_direction="0,0.6,0.8", chain_back="0.6,0,-0.8", chain_distance="180:280",
        permutations=99, replicates=100, nearest=2,
    )  # fmt: skip
    write_neighbours_folder(neighbors(options), figures=False)
    links = {(ids[first], ids[second]) for first, second in edges}
    return PlantedRun(run.path, links, lengths, dict(zip(ids, codes.tolist(), strict=True)))
