"""Volumes stand in the tomogram where their particles are, in their orientation and hand.

The truth is put into tomograms by scipy, without the program's code; see ``blobs.py``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
import starfile
from scipy import ndimage

from napari_tomodrgn.particles.maps import flip_hand
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.simulation.writers import WRITERS
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train
from napari_tomodrgn.viewer.meshes import Look, Mesh, surface_of
from napari_tomodrgn.viewer.placed_volumes import build, own_volumes
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.sample_data import add_particle
from napari_tomodrgn.viewer.volume_source import VolumeSource

from .blobs import BOX, PIXEL_SIZE, SIGMAS, blobs, correlation, enclosed, inside, put_by_scipy

LOOK = Look(level=0.4, in_sigma=False)
TRUE_POSE, MIRRORED, TRANSPOSED = "true", "mirrored", "transposed pose"
BESIDE, BEYOND = "pivot at (D - 1) / 2", "pivot at (D + 1) / 2"
SIMULATED: dict[str, Any] = {
    "particles": 6,
    "tomograms": 2,
    "tilts": 3,
    "noise": False,
    "shift": 1.5,
    "thickness": 500.0,
    "tomogram": True,
}


@pytest.fixture(scope="module")
def map_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("map") / "blobs.mrc"
    with mrcfile.new(path) as stream:
        stream.set_data(sum(blobs()))
        stream.voxel_size = PIXEL_SIZE
    return path


@pytest.fixture(scope="module")
def random_poses() -> Poses:
    """Anywhere between voxels and in any orientation."""
    generator = np.random.default_rng(7)
    position = generator.uniform(300, 900, (6, 3))
    angles = generator.uniform((-180, 20, -180), (180, 160, 180), (6, 3))
    return Poses(position, angles)


def window(position: np.ndarray, voxel: float, half_angstrom: float = 110.0) -> tuple[np.ndarray, tuple[int, int, int]]:
    """First voxel and shape of what lies about a place."""
    begin = np.floor((position - half_angstrom) / voxel).astype(int)
    size = int(2 * half_angstrom / voxel) + 2
    return begin, (size, size, size)


def placed_voxels(mesh: Mesh, poses: Poses, row: int, pixel_size: float, voxel: float) -> np.ndarray:
    """What the placed surface encloses, in the window about the particle."""
    begin, shape = window(poses.position_angstrom[row], voxel)
    (placed,) = build([row], poses, lambda *_: mesh, pixel_size)
    return inside(placed.vertices / voxel - begin, placed.faces, shape)


def wrong_ways(volume: np.ndarray, poses: Poses, pixel_size: float) -> dict[str, tuple[Mesh, Poses]]:
    """The volume as it should be placed, and as it would be with what is easily got wrong."""
    mesh = surface_of(volume, pixel_size, LOOK)
    inverse = Poses(poses.position_angstrom, -poses.angles[:, ::-1])
    return {
        TRUE_POSE: (mesh, poses),
        MIRRORED: (surface_of(flip_hand(volume), pixel_size, LOOK), poses),
        TRANSPOSED: (mesh, inverse),
        BESIDE: (Mesh(mesh.vertices + np.float32(0.5), mesh.faces), poses),
        BEYOND: (Mesh(mesh.vertices - np.float32(0.5), mesh.faces), poses),
    }


def check_correlations(found: pd.DataFrame) -> None:
    """Each volume lies in its density, and all together are better there than in any wrong way.

    Of a single particle the transposed pose can be nearly the true one, where the turn is by nearly half a circle.
    """
    assert found[TRUE_POSE].min() > 0.7
    mean = found.mean()
    assert mean[TRUE_POSE] > mean[MIRRORED] + 0.3
    assert mean[TRUE_POSE] > mean[TRANSPOSED] + 0.3
    assert mean[TRUE_POSE] > max(mean[BESIDE], mean[BEYOND]) + 0.01


def check_placed(
    volume: np.ndarray, poses: Poses, pixel_size: float, voxel: float, truth: Poses, within_angstrom: float = 1.0
) -> None:
    """Hold volumes at their poses to what scipy puts there: hand, pose, pivot, and each ball's place."""
    ways = wrong_ways(volume, poses, pixel_size)
    found = []
    for row in range(len(poses)):
        position, angles = truth.position_angstrom[row], truth.angles[row]
        begin, shape = window(position, voxel)
        put = [put_by_scipy(ball, position, angles, begin, shape, voxel) for ball in blobs()]
        found.append(
            {name: correlation(placed_voxels(*way, row, pixel_size, voxel), sum(put)) for name, way in ways.items()}
        )
        check_balls(ways[TRUE_POSE][0], poses, row, pixel_size, put, begin, voxel, within_angstrom)
    check_correlations(pd.DataFrame(found))


def check_balls(
    mesh: Mesh,
    poses: Poses,
    row: int,
    pixel_size: float,
    put: list[np.ndarray],
    begin: np.ndarray,
    voxel: float,
    within_angstrom: float,
) -> None:
    """The middle of each piece of the surface is where its ball's centre of mass is."""
    (placed,) = build([row], poses, lambda *_: mesh, pixel_size)
    pieces = []
    for piece in range(mesh.pieces.max() + 1):
        size, centre = enclosed(placed.vertices, placed.faces[mesh.pieces[placed.faces[:, 0]] == piece])
        pieces.append((size, centre))
    pieces.sort(key=lambda each: -each[0])
    assert len(pieces) == len(SIGMAS)  # and in the order of their sizes
    for (size, centre), ball in zip(pieces, put, strict=True):
        assert size > 0
        expected = (np.array(ndimage.center_of_mass(ball)) + begin) * voxel
        assert np.linalg.norm(centre - expected) < within_angstrom


@pytest.mark.parametrize("voxel", [6.0, 10.0, 12.0])
def test_the_surface_of_a_map_is_where_scipy_puts_the_map(random_poses: Poses, voxel: float) -> None:
    check_placed(sum(blobs()), random_poses, PIXEL_SIZE, voxel, random_poses)


def test_a_resampled_map_is_where_scipy_puts_it(random_poses: Poses) -> None:
    volume = sum(blobs())
    ways = {
        TRUE_POSE: (volume, 1, 0.0),
        MIRRORED: (flip_hand(volume), 1, 0.0),
        TRANSPOSED: (volume, -1, 0.0),
        BESIDE: (volume, 1, 0.5),
        BEYOND: (volume, 1, -0.5),
    }
    for row, position in enumerate(random_poses.position_angstrom):
        begin, shape = window(position, PIXEL_SIZE)
        truth = put_by_scipy(volume, position, random_poses.angles[row], begin, shape, PIXEL_SIZE)
        turn = random_poses.rotations(row)[::-1, ::-1]  # x, y, z
        found = {}
        for name, (values, exponent, off) in ways.items():
            rotation = turn if exponent == 1 else turn.T
            lever = (rotation @ np.full(3, off))[::-1]
            drawn = np.zeros(shape, dtype=np.float32)
            add_particle(drawn, values, rotation, position / PIXEL_SIZE - begin + lever)
            found[name] = correlation(drawn, truth)
        assert found.pop(TRUE_POSE) > max(0.98, *found.values())


@pytest.fixture(scope="module")
def trained(map_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ParticleSet]:
    """A decoder that learned the object from tilt images alone, and its particles."""
    folder = tmp_path_factory.mktemp("trained")
    plain: dict[str, Any] = {"ctf_power": "0", "attenuation": "none"}
    simulated: dict[str, Any] = {"particles": 24, "tilts": 9, "tilt_step": 10.0, "noise": False, "shift": 1.5}
    star = simulate(
        SimulateOptions(
            outdir=folder / "data", maps=(map_file,), dialect="warptools", dose_per_tilt=0.001, **simulated, **plain
        )
    )
    options = TrainOptions(
        particles=star,
        outdir=folder / "run",
        latent_dim=0,
        epochs=40,
        batch_size=2,
        learning_rate=3e-3,
        decoder="64x2",
        device="cpu",
        amp="off",
        **plain,
    )
    return train(options), read_particles(star)


@pytest.mark.parametrize("box", [BOX, pytest.param(24, marks=pytest.mark.long)])
def test_a_trained_decoders_volumes_are_where_scipy_puts_the_map(trained: tuple[Run, ParticleSet], box: int) -> None:
    run, particle_set = trained
    poses = Poses.of(particle_set)
    source = VolumeSource.of_run(run, run.chosen_epoch, particle_set.ids, box=box)
    volume = source.volume_of(0)
    assert volume is not None
    level = 0.3 * float(volume.max())
    check_placed(volume * LOOK.level / level, poses, source.pixel_size, PIXEL_SIZE, poses, within_angstrom=3.0)
    look = Look(level, in_sigma=False)
    for placed in build(range(len(poses)), poses, own_volumes(source, look), source.pixel_size, finest=1):
        mesh = surface_of(volume, source.pixel_size, look)
        np.testing.assert_array_equal(placed.vertices, poses.place(placed.row, mesh.vertices, source.pixel_size))


def read_with_truth(star: Path) -> tuple[Poses, Poses, list[str]]:
    """Poses as the program reads them, those that were planted, and each particle's tomogram."""
    series = star.parent / "volume_series.star"
    particle_set = read_particles(star, volume_series=series if series.exists() else None)
    truth = pd.read_csv(star.parent / "truth.csv", dtype={"tomogram": str, "particle": str})
    planted = Poses(truth[["z", "y", "x"]].to_numpy(float), truth[["rot", "tilt", "psi"]].to_numpy(float))
    assert [name.split("/")[-1] for name in particle_set.particles["name"]] == truth["particle"].tolist()
    return Poses.of(particle_set), planted, truth["tomogram"].tolist()


def check_against_simulated_tomograms(folder: Path, poses: Poses, tomograms: list[str]) -> None:
    """Hold placed volumes to the tomograms that the simulation wrote."""
    with mrcfile.open(folder / "tomograms" / f"{tomograms[0]}.mrc") as stream:
        voxel = float(stream.voxel_size.x)
    ways, found = wrong_ways(sum(blobs()), poses, PIXEL_SIZE), []
    for row, name in enumerate(tomograms):
        values = mrcfile.read(folder / "tomograms" / f"{name}.mrc")
        begin, shape = window(poses.position_angstrom[row], voxel)
        low, high = np.maximum(begin, 0), np.minimum(begin + shape, values.shape)
        there = values[tuple(slice(*each) for each in zip(low, high, strict=True))]
        cut = tuple(slice(*each) for each in zip(low - begin, high - begin, strict=True))
        found.append(
            {
                way: correlation(placed_voxels(mesh, own, row, PIXEL_SIZE, voxel)[cut], there)
                for way, (mesh, own) in ways.items()
            }
        )
    for _, own in pd.DataFrame(found).groupby(tomograms):
        check_correlations(own)


@pytest.mark.parametrize("voxel", [6.0, 12.0])
@pytest.mark.parametrize("dialect", WRITERS)
def test_volumes_stand_true_in_every_tomogram_of_every_dialect(
    tmp_path: Path, map_file: Path, dialect: Any, voxel: float
) -> None:
    star = simulate(
        SimulateOptions(outdir=tmp_path, maps=(map_file,), dialect=dialect, tomogram_pixel_size=voxel, **SIMULATED)
    )
    poses, planted, tomograms = read_with_truth(star)
    assert len(set(tomograms)) == 2
    check_placed(sum(blobs()), poses, PIXEL_SIZE, voxel, planted)
    check_against_simulated_tomograms(tmp_path, poses, tomograms)


def in_binned_pixels(folder: Path) -> None:
    """Write the volume series' coordinates in pixels twice the size."""
    table = starfile.read(folder / "volume_series.star", parse_as_string=["rlnMicrographName", "rlnGroupName"])
    columns = [f"rlnCoordinate{axis}" for axis in "XYZ"]
    starfile.write(
        table.assign(**{name: table[name] / 2 for name in columns}, rlnDetectorPixelSize=2 * PIXEL_SIZE),
        folder / "volume_series.star",
        overwrite=True,
    )


def in_pixels_of_the_tilt_series(folder: Path) -> None:
    """Write a RELION set's coordinates in unbinned pixels from the corner, as before version 5."""
    tomograms = starfile.read(folder / "tomograms.star", always_dict=True, parse_as_string=["rlnTomoName"])["global"]
    blocks = starfile.read(folder / "particles.star", parse_as_string=["rlnTomoName", "rlnTomoParticleName"])
    own = tomograms.set_index("rlnTomoName").loc[blocks["particles"]["rlnTomoName"]].reset_index()
    for axis in "XYZ":
        pixel_size = own["rlnTomoTiltSeriesPixelSize"].astype(float)
        centred = blocks["particles"].pop(f"rlnCenteredCoordinate{axis}Angst")
        blocks["particles"][f"rlnCoordinate{axis}"] = centred / pixel_size + own[f"rlnTomoSize{axis}"].astype(float) / 2
    starfile.write(blocks, folder / "particles.star", overwrite=True)


@pytest.mark.parametrize(
    ("dialect", "rewrite"),
    [("cryosrpnt", in_binned_pixels), ("warp", in_binned_pixels), ("relion5", in_pixels_of_the_tilt_series)],
)
def test_coordinates_in_other_pixels_mean_the_same_places(
    tmp_path: Path, map_file: Path, dialect: Any, rewrite: Callable[[Path], None]
) -> None:
    star = simulate(SimulateOptions(outdir=tmp_path, maps=(map_file,), dialect=dialect, **SIMULATED))
    rewrite(tmp_path)
    poses, planted, tomograms = read_with_truth(star)
    check_placed(sum(blobs()), poses, PIXEL_SIZE, 2 * PIXEL_SIZE, planted)
    check_against_simulated_tomograms(tmp_path, poses, tomograms)


def test_arrows_show_the_z_axis_and_the_turn_about_it(random_poses: Poses) -> None:
    """As what lies on the map's axes is put there by scipy."""
    arrows = random_poses.arrows([0, 3], length_angstrom=60.0)
    assert arrows.shape == (4, 2, 3)
    for number, (row, off) in enumerate([(0, (10, 0, 0)), (3, (10, 0, 0)), (0, (0, 0, 10)), (3, (0, 0, 10))]):
        point = np.zeros((BOX, BOX, BOX))
        point[tuple(np.array(off) + BOX // 2)] = 1.0
        position, angles = random_poses.position_angstrom[row], random_poses.angles[row]
        begin, shape = window(position, PIXEL_SIZE)
        put = put_by_scipy(ndimage.gaussian_filter(point, 1.5), position, angles, begin, shape, PIXEL_SIZE)
        tip = (np.array(ndimage.center_of_mass(put)) + begin) * PIXEL_SIZE
        np.testing.assert_allclose(arrows[number, 0], position, atol=1e-3)
        length = 60.0 if off[0] else 30.0
        np.testing.assert_allclose(arrows[number, 1], (tip - position) * length / 60.0, atol=0.5)
