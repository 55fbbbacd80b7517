"""Particles that are kept apart, and their distance to the faces, held against what is worked out one by one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile

from napari_tomodrgn.analysis.spacing import face_distance, kept_apart
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate


def one_by_one(position: np.ndarray, tomogram: np.ndarray, distance: float, priority: np.ndarray) -> np.ndarray:
    kept: list[int] = []
    for row in priority.tolist():
        near = [
            other
            for other in kept
            if tomogram[other] == tomogram[row] and np.linalg.norm(position[other] - position[row]) < distance
        ]
        if not near:
            kept.append(row)
    return np.isin(np.arange(len(position)), kept)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_are_kept_as_if_compared_one_by_one(seed: int) -> None:
    generator = np.random.default_rng(seed)
    position = generator.uniform(0, 400, (150, 3))
    tomogram = generator.integers(0, 3, 150)
    priority = generator.permutation(150)

    kept = kept_apart(position, tomogram, 80.0, priority)

    assert kept.tolist() == one_by_one(position, tomogram, 80.0, priority).tolist()
    assert 10 < kept.sum() < 140


def test_of_three_in_a_row_the_outer_two_stay_where_the_middle_one_goes() -> None:
    position = np.array([[0, 0, 0], [0, 0, 60], [0, 0, 120], [0, 0, 80]], dtype=float)
    together = np.zeros(4, np.int64)

    assert kept_apart(position[:3], together[:3], 80, np.array([0, 1, 2])).tolist() == [True, False, True]
    assert kept_apart(position[:3], together[:3], 80, np.array([1, 0, 2])).tolist() == [False, True, False]
    # exactly 80 Å are not nearer than 80 Å, and other tomograms are no neighbours
    assert kept_apart(position[[0, 3]], together[:2], 80, np.array([0, 1])).all()
    assert kept_apart(position[:2], np.array([0, 1]), 80, np.array([0, 1])).all()


def test_faces_are_where_the_star_says_that_tomograms_end(tmp_path: Path) -> None:
    star = simulate(SimulateOptions(outdir=tmp_path, dialect="relion5", particles=12, box=16, pixel_size=12.0, tilts=3))
    particle_set = read_particles(star)

    distance = face_distance(particle_set.particles, particle_set.tomograms)

    tables = starfile.read(tmp_path / "tomograms.star", always_dict=True, parse_as_string=["rlnTomoName"])
    table = tables.get("global", next(iter(tables.values()))).set_index("rlnTomoName")
    for row, (tomogram, *position) in enumerate(
        particle_set.particles[["tomogram", "x", "y", "z"]].itertuples(index=False)
    ):
        own = table.loc[tomogram]
        size = [own[f"rlnTomoSize{axis}"] * own["rlnTomoTiltSeriesPixelSize"] for axis in "XYZ"]
        expected = min(min(place, length - place) for place, length in zip(position, size, strict=True))
        assert distance[row] == pytest.approx(expected)
    assert (distance > 0).all()


def test_a_particle_beyond_a_face_is_below_0_and_an_unknown_size_is_nan() -> None:
    particles = pd.DataFrame({"tomogram": ["a", "a", "b"], "z": [50.0, -7, 1], "y": [50.0, 50, 1], "x": [50.0, 50, 1]})
    tomograms = pd.DataFrame(
        {"name": ["b", "a"], "size_z": [np.nan, 100.0], "size_y": [9, 100.0], "size_x": [9, 100.0]}
    )

    np.testing.assert_array_equal(face_distance(particles, tomograms), [50, -7, np.nan])
