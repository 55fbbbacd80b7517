"""Scenes against tomograms built in real space with scipy, and against plain simulations."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_tomodrgn.cli.main import main
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.simulation.formation import ImageFormation
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.placement import random_positions
from napari_tomodrgn.simulation.plan import Plan, make_plan
from napari_tomodrgn.simulation.scene.micrographs import SceneFormation
from napari_tomodrgn.simulation.scene.objects import RoundObject
from napari_tomodrgn.simulation.shapes import four_state_complex
from napari_tomodrgn.simulation.simulate import simulate

BOX, PIXEL_SIZE = 32, 6.0
DIAMETER = 0.66 * BOX * PIXEL_SIZE
CLEAN: dict[str, Any] = {"noise": False, "ctf_power": "0", "dose_per_tilt": 0.0}
MAPS = four_state_complex(BOX, PIXEL_SIZE)


def scene_plan(**options: Any) -> Plan:
    chosen = SimulateOptions(outdir=Path("unused"), scene=True, **options)
    power = 1 if chosen.ctf_power == "auto" else int(chosen.ctf_power)
    model = ForwardModel(ctf_power=power, contrast="bright", defocus_height="plus")
    return make_plan(chosen, model, len(MAPS), by_angle=False)


def without_objects(plan: Plan) -> Plan:
    assert plan.scene is not None
    return replace(plan, scene=replace(plan.scene, objects=((),) * len(plan.tomograms)))


def truth_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "truth.csv", dtype={"tomogram": str, "particle": str})


def images_of(star: Path) -> np.ndarray:
    particle_set = read_particles(star)
    return ImageStacks(particle_set).read(np.arange(len(particle_set.tilt_images)))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize(("power", "least"), [("0", 0.999), ("1", 0.995)])
def test_a_particle_alone_looks_as_in_a_plain_simulation(power: str, least: float) -> None:
    """With the CTF less so: in a plain simulation it wraps around the box."""
    options = {**CLEAN, "ctf_power": power, "dose_per_tilt": 3.0, "image_shift": 0.7, "thickness": 400.0}
    plan = without_objects(scene_plan(particles=4, tomograms=4, junk=0.0, tilts=9, **options))
    plain, scene = ImageFormation(MAPS, plan), SceneFormation(MAPS, plan)
    for row in range(4):
        for expected, found in zip(plain.images(row).numpy(), scene.images(row)[0], strict=True):
            assert correlation(found, expected) > least
            assert (found - found.mean()).std() == pytest.approx(expected.std(), rel=0.05)


def test_ctf_is_that_of_the_particles_own_height() -> None:
    plan = without_objects(
        scene_plan(particles=2, tomograms=1, junk=0.0, tilts=1, thickness=1500.0, shift=0.0, **CLEAN)
    )
    plan = replace(plan, forward_model=replace(plan.forward_model, ctf_power=1), defocus=np.array([[1e4], [4e4]]))
    for row, images in enumerate(SceneFormation(MAPS, plan).images(0)):
        agreement = [
            correlation(
                images[0], ImageFormation(MAPS, replace(plan, defocus=np.full((2, 1), value))).images(row)[0].numpy()
            )
            for value in (1e4, 4e4)
        ]
        assert np.argmax(agreement) == row


def real_space_tomogram(plan: Plan, truth: pd.DataFrame) -> np.ndarray:
    """(z, y, x), voxel 0 at 0 Å: maps turned and moved by scipy, no Fourier transform, no code of the package."""
    shape = tuple(round(length / PIXEL_SIZE) for length in plan.tomograms[0].size[::-1])
    values = np.zeros(shape, dtype=np.float32)
    for _, particle in truth.iterrows():
        turn = Rotation.from_euler("ZYZ", particle[["rot", "tilt", "psi"]].to_numpy(dtype=float), degrees=True)
        place = particle[["z", "y", "x"]].to_numpy(dtype=float) / PIXEL_SIZE
        begin = place.round().astype(int) - BOX // 2
        to_map = turn.as_matrix()[::-1, ::-1]  # tomogram to reference, on z, y, x
        offset = BOX // 2 + to_map @ (begin - place)
        turned = ndimage.affine_transform(MAPS[int(particle["label"])], to_map, offset=offset, order=3)
        low, high = np.maximum(begin, 0), np.minimum(begin + BOX, shape)
        part = tuple(slice(*ends) for ends in zip(low - begin, high - begin, strict=True))
        values[tuple(slice(*ends) for ends in zip(low, high, strict=True))] += turned[part]
    return values


def add_objects(values: np.ndarray, objects: tuple[RoundObject, ...], density: float) -> None:
    """Balls 8 times as dense as particles, and vesicles of two leaflets: density by distance from the centre."""
    z, y, x = np.meshgrid(*[np.arange(length) * PIXEL_SIZE for length in values.shape], indexing="ij", sparse=True)
    for each in objects:
        distance = np.sqrt((x - each.position[0]) ** 2 + (y - each.position[1]) ** 2 + (z - each.position[2]) ** 2)
        if not each.hollow:  # the share of a voxel at the surface that is gold
            values += 8 * density * np.clip((each.radius - distance) / PIXEL_SIZE + 0.5, 0, 1).astype(np.float32)
        for side in (-18, 18) if each.hollow else ():
            values += density * np.exp(-((distance - each.radius - side) ** 2) / (2 * 6.0**2)).astype(np.float32)


def tilted_sum(values: np.ndarray, tilt: float, size: int) -> np.ndarray:
    """Tilt a tomogram about the y axis through its middle and sum along the beam; middle on the middle of a square."""
    depth, height, width = values.shape
    turn = Rotation.from_euler("Y", tilt, degrees=True).as_matrix()  # tomogram into image frame, x, y, z
    to_source = turn.T[::-1, ::-1][np.ix_([0, 2], [0, 2])]  # y stays where it is
    tall = int(np.hypot(depth, width)) // 2 * 2 + 2
    offset = np.array([depth // 2, width // 2]) - to_source @ [tall // 2, size // 2]
    seen = np.zeros((size, size))
    for row in range(height):
        plane = ndimage.affine_transform(values[:, row], to_source, offset=offset, output_shape=(tall, size), order=3)
        seen[row + size // 2 - height // 2] = plane.sum(axis=0)
    return seen


@pytest.mark.parametrize("objects", [False, True])
def test_micrographs_are_projections_of_a_real_space_tomogram(objects: bool) -> None:
    plan = scene_plan(particles=8, tomograms=1, junk=0.0, thickness=400.0, **CLEAN)
    plan = plan if objects else without_objects(plan)
    truth = pd.DataFrame(plan.position, columns=["x", "y", "z"]).assign(label=plan.label)
    truth[["rot", "tilt", "psi"]] = plan.angles
    tomogram = real_space_tomogram(plan, truth)
    assert plan.scene is not None
    density = float((MAPS.clip(0) ** 2).sum() / MAPS.clip(0).sum())
    add_objects(tomogram, plan.scene.objects[0], density)
    formation = SceneFormation(MAPS, plan)
    for number in (0, 11, 26, 37):
        tilt = float(plan.tilts[number])
        found = formation.projection(0, number)
        assert correlation(found, tilted_sum(tomogram, tilt, len(found))) > 0.99
        wrong = {"sign of the tilt": (tomogram, -tilt), "hand": (tomogram[::-1], tilt)}
        for values, angle in wrong.values() if tilt else ():
            assert correlation(found, tilted_sum(values, angle, len(found))) < 0.9


def test_images_are_cut_where_the_star_says_and_show_neighbours(tmp_path: Path) -> None:
    """Every image of a set against the real-space tomogram, from what was written alone."""
    options = {**CLEAN, "thickness": 400.0, "attenuation": "none", "contrast": "bright", "shift": 2.0, "tilts": 5}
    star = simulate(
        SimulateOptions(outdir=tmp_path, scene=True, junk=0.0, particles=30, tomograms=1, tomogram=True,
                        tomogram_pixel_size=PIXEL_SIZE, dialect="relion5", **options)
    )  # fmt: skip
    particle_set, images, truth = read_particles(star), images_of(star), truth_of(tmp_path)
    tomogram = mrcfile.read(tmp_path / "tomograms" / "001.mrc")
    size = 2 * max(tomogram.shape)
    centre = truth[["x", "y", "z"]].to_numpy() / PIXEL_SIZE - np.array(tomogram.shape)[::-1] // 2
    place = cKDTree(centre[:, :2])
    acquired = [0.0, 3.0, -3.0, -6.0, 6.0]  # dose-symmetric, groups of two
    agreement = []
    for tilt in (-6.0, 0.0, 6.0):
        seen = tilted_sum(tomogram, tilt, size)
        turned = Rotation.from_euler("Y", tilt, degrees=True).apply(centre)[:, :2] + size // 2
        table = particle_set.tilt_images
        for particle in range(len(centre)):
            own = np.flatnonzero(table["particle"] == particle)
            image = own[acquired.index(tilt)]
            moved = table[["shift_x", "shift_y"]].to_numpy()[image] / PIXEL_SIZE
            x, y = turned[particle] + moved
            grid = np.mgrid[:BOX, :BOX] - BOX // 2 + np.array([y, x])[:, None, None]
            agreement.append(correlation(images[image], ndimage.map_coordinates(seen, grid, order=3)))
    crowded = np.mean([len(each) > 1 for each in place.query_ball_point(centre[:, :2], BOX / 2)])
    assert crowded > 0.2  # of all boxes show a neighbour
    assert min(agreement) > 0.99


def test_junk_has_its_share_and_kinds(tmp_path: Path) -> None:
    simulate(SimulateOptions(outdir=tmp_path, scene=True, particles=200, tilts=1, junk=0.1, tomograms=2))
    truth = truth_of(tmp_path)
    counts = truth["kind"].value_counts().to_dict()
    assert counts == {"particle": 180, "noise": 5, "membrane": 5, "bead": 5, "off-centre": 5}
    assert (truth["label"] == -1).equals(truth["kind"] != "particle")
    assert set(truth.loc[truth["kind"] == "particle", "label"]) == {0, 1, 2, 3}


def test_one_kind_of_junk_can_be_asked_for() -> None:
    plan = scene_plan(particles=100, junk=0.06, junk_kinds=("bead",))
    assert plan.scene is not None
    assert dict(zip(*np.unique(plan.scene.kind, return_counts=True), strict=True)) == {"bead": 6, "particle": 94}


def test_picks_lie_where_their_kind_says() -> None:
    plan = scene_plan(particles=300, tomograms=2, junk=0.4, tilts=1)
    scene = plan.scene
    assert scene is not None
    for tomogram, objects in enumerate(scene.objects):
        here = plan.tomogram == tomogram
        particles = scene.position[here & scene.has_particle]
        assert cKDTree(particles).query(particles, 2)[0][:, 1].min() >= DIAMETER
        assert cKDTree(particles).query(plan.position[here & (scene.kind == "noise")])[0].min() >= DIAMETER
        for kind, hollow in (("bead", False), ("membrane", True)):
            places = plan.position[here & (scene.kind == kind)]
            centres = np.array([each.position for each in objects if each.hollow == hollow])
            radii = np.array([each.radius if hollow else 0.0 for each in objects if each.hollow == hollow])
            away = np.abs(np.linalg.norm(places[:, None] - centres, axis=2) - radii)
            assert away.min(axis=1).max() < 1e-6
            assert len(np.unique(places, axis=0)) == len(places) > 5
        for each in objects:
            reach = np.linalg.norm(particles - each.position, axis=1)
            gap = np.abs(reach - each.radius) - 18 if each.hollow else reach - each.radius
            assert gap.min() >= DIAMETER / 2
            assert (each.position > each.radius).all()
            assert (each.position < np.array(plan.tomograms[tomogram].size) - each.radius).all()
    off = scene.kind == "off-centre"
    by = np.linalg.norm(plan.position - scene.position, axis=1)[off] / DIAMETER
    assert 0.3 <= by.min() < 0.35
    assert 0.45 < by.max() <= 0.5


def test_junk_looks_like_what_it_is() -> None:
    """Middles of images averaged over tilts: gold is dense, empty places are as flat as nothing, membranes between."""
    plan = scene_plan(particles=200, tomograms=2, junk=0.4, thickness=600.0, **CLEAN)
    formation = SceneFormation(MAPS, plan)
    images = np.concatenate([formation.images(tomogram) for tomogram in range(2)]).mean(axis=1)
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    inside, ring = np.hypot(x, y) < 4, (np.hypot(x, y) > 10) & (np.hypot(x, y) < 15)
    contrast = images[:, inside].mean(axis=1) - images[:, ring].mean(axis=1)
    assert plan.scene is not None
    mean = {kind: float(np.median(contrast[plan.scene.kind == kind])) for kind in np.unique(plan.scene.kind)}
    assert mean["particle"] > 0
    assert mean["bead"] > 2 * mean["particle"]
    assert abs(mean["noise"]) < 0.25 * mean["particle"]
    assert mean["off-centre"] < 0.8 * mean["particle"]


def test_noise_has_the_levels_of_particles_alone_and_is_shared() -> None:
    options = {"particles": 60, "tomograms": 1, "tilts": 2, "junk": 0.0, "shift": 0.0, "noise_spread": 1.0}
    noisy, clean = (SceneFormation(MAPS, scene_plan(**options, noise=noise)) for noise in (True, False))
    assert noisy.noise == ImageFormation(MAPS, replace(noisy.plan, scene=None)).noise
    noise = noisy.images(0) - clean.images(0)
    alone = ImageFormation(MAPS, replace(noisy.plan, scene=None))
    empty = ImageFormation(0 * MAPS, replace(noisy.plan, scene=None))
    empty.noise = alone.noise
    expected = np.mean([empty.images(row).var().item() for row in range(60)])
    assert noise.var() == pytest.approx(expected, rel=0.03)
    places = noisy.plan.position[:, :2] / PIXEL_SIZE
    near = cKDTree(places).query_pairs(BOX / 3, output_type="ndarray")
    assert len(near) > 5
    for a, b in near:
        whole = (np.round(places[b]) - np.round(places[a])).astype(int)
        parts = [slice(max(0, step), BOX + min(0, step)) for step in whole[::-1]]
        back = [slice(max(0, -step), BOX + min(0, -step)) for step in whole[::-1]]
        assert (
            correlation(noise[a, 0][tuple(parts)], noise[b, 0][tuple(back)]) > 0.2
        )  # each is moved by part of a pixel


@pytest.mark.parametrize("dialect", ["cryosrpnt", "warp", "nextpyp", "warptools", "relion5"])
def test_every_dialect_holds_the_same_images(tmp_path: Path, dialect: str) -> None:
    options: dict[str, Any] = {
        "particles": 12, "tilts": 5, "junk": 0.34, "missing_tilts": 2, "noise_spread": 2.0, "thickness": 600.0,
        "dose_at": "after", "ctf_power": "1", "attenuation": "none", "contrast": "bright", "voltage": 300.0,
    }  # fmt: skip
    plain = simulate(SimulateOptions(outdir=tmp_path / "plain", scene=True, dialect="warp", **options))
    star = simulate(SimulateOptions(outdir=tmp_path / "other", scene=True, dialect=dialect, **options))
    first, second = read_particles(plain), read_particles(star)
    order = []
    for number in range(12):
        rows = np.flatnonzero(first.tilt_images["particle"] == number)
        other = np.flatnonzero(second.tilt_images["particle"] == number)
        by_dose = [table["dose"].to_numpy()[own].argsort() for table, own in
                   ((first.tilt_images, rows), (second.tilt_images, other))]  # fmt: skip
        order.append((rows[by_dose[0]], other[by_dose[1]]))
    one, two = (np.concatenate(each) for each in zip(*order, strict=True))
    assert len(one) == len(two) > 40
    assert np.allclose(images_of(plain)[one], images_of(star)[two], atol=1e-4)


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    options: dict[str, Any] = {"particles": 20, "tilts": 3, "junk": 0.2, "tomogram": True, "thickness": 500.0}
    for name, seed in (("first", 3), ("second", 3), ("other", 4)):
        simulate(SimulateOptions(outdir=tmp_path / name, scene=True, seed=seed, **options))
    files = sorted(path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file())
    assert len(files) >= 10
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    stacks = [(tmp_path / name / "particles.mrcs").read_bytes() for name in ("first", "other")]
    assert stacks[0] != stacks[1]


def test_junk_of_a_motion_has_no_coordinate() -> None:
    from napari_tomodrgn.simulation.simulate import truth_table

    plan = scene_plan(particles=50, tilts=1, junk=0.2)
    plan = replace(plan, coordinate=np.linspace(0, 1, 50), steps=4, label=np.minimum(np.arange(50) * 3 // 50, 2))
    truth = truth_table(plan)
    assert truth["coordinate"].isna().equals(truth["kind"] != "particle")
    assert truth["coordinate"].isna().sum() == 10


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--scene", "--junk", "1"], "--junk: is 1.0; expected 0 or more, and less than 1"),
        (["--scene", "--junk", "-0.1"], "--junk: is -0.1; expected 0 or more, and less than 1"),
        (["--junk", "0.1"], "--junk: junk picks are in scenes only; add --scene"),
        (["--junk-kinds", "bead"], "--junk-kinds: junk picks are in scenes only; add --scene"),
        (["--scene", "--thickness", "200"], "--thickness: is 200; a scene's vesicles need at least 272 Å to lie in"),
        (["--scene", "--particles", "8", "--junk", "0.7"], "--junk: is 0.7; expected a share that leaves 4 particles"),
    ],
)
def test_scenes_that_cannot_be_are_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", str(tmp_path / "set"), "--tilts", "1", *options])
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_no_room_is_said_instead_of_searched_for_ever() -> None:
    with pytest.raises(InputError, match="no room for 500 things of 200 Å in a tomogram of 1000 x 1000 x 400 Å"):
        random_positions(500, (1000.0, 1000.0, 400.0), 200.0, np.random.default_rng(0))
