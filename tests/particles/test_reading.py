"""Particle sets from the real files: counts, dose, rotations, defocus, shuffled rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile
from scipy.spatial.transform import Rotation
from star_builders import write_nextpyp, write_relion5, write_warp

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.stacks import ImageStacks

NAME = "warptools_test_4-tomos_10-ptcls_box-32_angpix-12"


@pytest.fixture(scope="module")
def warptools(shared_data: Path) -> ParticleSet:
    return read_particles(shared_data / "warptools_insitu" / f"{NAME}_optimisation_set.star")


@pytest.fixture(scope="module")
def class_e(shared_data: Path) -> ParticleSet:
    return read_particles(shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star")


@pytest.fixture(scope="module")
def tables(shared_data: Path) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The particles and the tomograms of the WarpTools set as the starfile library reads them."""
    folder = shared_data / "warptools_insitu"
    particles = starfile.read(folder / f"{NAME}.star")["particles"]
    return particles, starfile.read(folder / f"{NAME}_tomograms.star")


def masks(particles: pd.DataFrame) -> list[np.ndarray]:
    return [np.array(eval(text), dtype=bool) for text in particles["rlnTomoVisibleFrames"]]


def test_warptools_visible_images(warptools: ParticleSet) -> None:
    assert len(warptools) == 40
    assert len(warptools.tilt_images) == 1430
    visible = pd.Series(warptools.tilts_per_particle).groupby(warptools.particles["tomogram"].to_numpy()).unique()
    assert sorted(int(counts[0]) for counts in visible) == [34, 35, 37, 37]
    assert all(len(counts) == 1 for counts in visible)
    assert (warptools.dialect, warptools.box, warptools.pixel_size) == ("warptools", 32, 12.0)
    assert warptools.warnings == ()


def test_warptools_dose_is_that_of_the_visible_frames(
    warptools: ParticleSet, tables: tuple[pd.DataFrame, dict[str, pd.DataFrame]]
) -> None:
    particles, tomograms = tables
    expected = [
        tomograms[row.rlnTomoName]["rlnMicrographPreExposure"].to_numpy()[mask]
        for row, mask in zip(particles.itertuples(), masks(particles), strict=True)
    ]
    np.testing.assert_array_equal(warptools.tilt_images["dose"], np.concatenate(expected))


def test_warptools_indices_and_weights_are_those_of_the_visible_frames(
    warptools: ParticleSet, tables: tuple[pd.DataFrame, dict[str, pd.DataFrame]]
) -> None:
    particles, tomograms = tables
    visible = masks(particles)
    np.testing.assert_array_equal(warptools.tilt_images["index"], np.concatenate([np.flatnonzero(m) for m in visible]))
    scale = [
        tomograms[row.rlnTomoName]["rlnCtfScalefactor"].to_numpy()[mask]
        for row, mask in zip(particles.itertuples(), visible, strict=True)
    ]
    np.testing.assert_array_equal(warptools.tilt_images["tilt_cosine"], np.concatenate(scale))
    assert (warptools.tilt_images["tilt_cosine"] > 0).all()
    assert (warptools.tilt_images["scale"] == 1).all()
    assert (warptools.tilt_images["b_factor"] == 0).all()


def test_warptools_rotations(warptools: ParticleSet, tables: tuple[pd.DataFrame, dict[str, pd.DataFrame]]) -> None:
    particles, tomograms = tables
    expected = []
    for row, mask in zip(particles.itertuples(), masks(particles), strict=True):
        angles = [row.rlnAngleRot, row.rlnAngleTilt, row.rlnAnglePsi]
        particle = Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix().T
        frames = tomograms[row.rlnTomoName]
        for frame in np.flatnonzero(mask):
            rows = [eval(frames[f"rlnTomoProj{axis}"][frame])[:3] for axis in "XYZ"]
            expected.append(np.array(rows) @ particle)
    np.testing.assert_allclose(warptools.rotations, expected, atol=2e-6)


def test_warptools_positions_and_defocus(
    warptools: ParticleSet, tables: tuple[pd.DataFrame, dict[str, pd.DataFrame]]
) -> None:
    particles, tomograms = tables
    expected = particles[["rlnCoordinateZ", "rlnCoordinateY", "rlnCoordinateX"]].to_numpy() * 12.0
    np.testing.assert_allclose(warptools.particles[["z", "y", "x"]], expected, rtol=1e-9)
    centre = np.array([4400, 6000, 1400]) * 1.667 / 2
    defocus = []
    for row, mask in zip(particles.itertuples(), masks(particles), strict=True):
        c = np.array([row.rlnCoordinateX, row.rlnCoordinateY, row.rlnCoordinateZ]) * 12.0 - centre
        frames = tomograms[row.rlnTomoName]
        for frame in np.flatnonzero(mask):
            beam = eval(frames["rlnTomoProjZ"][frame])[:3]
            defocus.append(frames["rlnDefocusU"][frame] + float(np.dot(beam, c)))
    np.testing.assert_allclose(warptools.tilt_images["defocus_u"], defocus, atol=1e-3)


def test_warptools_stage_tilt_differs_from_the_geometric_tilt_by_the_pre_tilt(warptools: ParticleSet) -> None:
    images = warptools.tilt_images
    difference = images.groupby(warptools.particles["tomogram"].to_numpy()[images["particle"]])[
        ["stage_tilt", "tilt_angle"]
    ].apply(lambda group: float((group["stage_tilt"] - group["tilt_angle"]).median()))
    assert difference.abs().between(0, 19).all()
    assert difference.abs().max() > 11
    np.testing.assert_allclose(np.cos(np.deg2rad(images["stage_tilt"])), images["tilt_cosine"], atol=2e-3)


def test_warptools_forward_model(warptools: ParticleSet) -> None:
    model = warptools.forward_model
    assert (model.ctf_power, model.attenuation, model.dose_at) == (2, "dose-tilt", "before")
    assert (model.voltage_rule, model.contrast, model.defocus_height) == ("300kv", "bright", "plus")
    assert (warptools.tilt_images["voltage"].iloc[0], warptools.tilt_images["amplitude_contrast"].iloc[0]) == (
        300,
        0.07,
    )


def test_the_particles_star_of_a_set_finds_its_set(warptools: ParticleSet, shared_data: Path) -> None:
    again = read_particles(shared_data / "warptools_insitu" / f"{NAME}.star")
    pd.testing.assert_frame_equal(again.tilt_images, warptools.tilt_images)


def test_class_e(class_e: ParticleSet, shared_data: Path) -> None:
    table = starfile.read(
        shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star", parse_as_string=["rlnGroupName"]
    )
    images = class_e.tilt_images
    assert (class_e.dialect, len(class_e), len(images)) == ("cryosrpnt", 72, 720)
    assert (class_e.box, class_e.pixel_size) == (32, 13.1)
    assert class_e.ids[1] == ("001", "000001")
    np.testing.assert_allclose(images["dose"], table["rlnCtfBfactor"] / -4)
    np.testing.assert_allclose(images["shift_x"], table["rlnOriginX"] * 13.1)
    np.testing.assert_allclose(images["defocus_u"], table["rlnDefocusU"])
    np.testing.assert_allclose(images["tilt_cosine"], table["rlnCtfScalefactor"])
    angles = table[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]].to_numpy()
    expected = Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix().swapaxes(1, 2)
    np.testing.assert_allclose(class_e.rotations, expected, atol=2e-6)
    model = class_e.forward_model
    assert (model.ctf_power, model.attenuation, model.voltage_rule, model.contrast) == (1, "none", "300kv", "dark")


def test_a_star_written_by_tomodrgn_opens(class_e: ParticleSet, shared_data: Path) -> None:
    star = shared_data / "tomodrgn_run" / "10076_classE_32_sim_tomodrgn_preprocessed.star"
    without = read_particles(star)
    assert without.stacks == ("",)
    assert without.box == 0
    assert any("not found" in warning for warning in without.warnings)
    with pytest.raises(InputError, match=r"10076_classE_32_sim\.mrcs was not found \(looked for .*--datadir"):
        ImageStacks(without)
    found = read_particles(star, datadir=shared_data / "cryosrpnt_classE")
    assert found.dialect == "cryosrpnt"
    pd.testing.assert_frame_equal(found.tilt_images, class_e.tilt_images)


def shuffled(path: Path, target: Path, first_row: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    begin = first_row
    rows = [line for line in lines[begin:] if line.strip()]
    np.random.default_rng(5).shuffle(rows)
    target.write_text("".join(lines[:begin] + rows))


def per_particle(particle_set: ParticleSet) -> dict[tuple[str, str], np.ndarray]:
    """Everything about each particle's images, by id, ordered by stack and image number."""
    images = particle_set.tilt_images
    names = np.array(particle_set.stack_names)[images["stack"]]
    values = np.column_stack([images.drop(columns=["particle", "stack"]), particle_set.rotations.reshape(-1, 9)])
    order = np.lexsort((images["index"], names, images["particle"]))
    edges = particle_set.first_tilt
    position = particle_set.particles[["z", "y", "x", "rot", "tilt", "psi"]].to_numpy()
    return {
        particle: np.vstack([values[order[edges[row] : edges[row + 1]]], np.resize(position[row], values.shape[1])])
        for row, particle in enumerate(particle_set.ids)
    }


def assert_same_particles(one: ParticleSet, other: ParticleSet) -> None:
    expected, found = per_particle(one), per_particle(other)
    assert expected.keys() == found.keys()
    for particle, values in expected.items():
        np.testing.assert_array_equal(values, found[particle])


def test_shuffling_rows_changes_nothing_per_particle(
    warptools: ParticleSet, class_e: ParticleSet, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "warptools_insitu"
    first = next(i for i, line in enumerate((folder / f"{NAME}.star").read_text().splitlines()) if "Unt_083/1" in line)
    shuffled(folder / f"{NAME}.star", tmp_path / f"{NAME}.star", first)
    for kind in ("optimisation_set", "tomograms"):
        (tmp_path / f"{NAME}_{kind}.star").write_bytes((folder / f"{NAME}_{kind}.star").read_bytes())
    again = read_particles(tmp_path / f"{NAME}_optimisation_set.star", datadir=folder)
    assert again.ids != warptools.ids
    assert_same_particles(warptools, again)

    star = shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star"
    shuffled(star, tmp_path / "sim.star", 22)
    again = read_particles(tmp_path / "sim.star", datadir=star.parent)
    assert again.ids != class_e.ids
    assert_same_particles(class_e, again)


def test_shuffling_rows_of_the_other_dialects(tmp_path: Path) -> None:
    for write, first_line in ((write_warp, "000001@"), (write_nextpyp, "000001@")):
        star = write(tmp_path)
        lines = star.read_text().splitlines()
        first = next(i for i, line in enumerate(lines) if first_line in line)
        shuffled(star, tmp_path / "shuffled.star", first)
        assert_same_particles(read_particles(star), read_particles(tmp_path / "shuffled.star"))
    path = write_relion5(tmp_path)
    expected = read_particles(path)
    star = tmp_path / "set.star"
    first = next(i for i, line in enumerate(star.read_text().splitlines()) if "TS_1/1" in line)
    shuffled(star, star, first)
    assert_same_particles(expected, read_particles(path))


def test_stacks_with_all_or_only_visible_frames_give_the_same_images(warptools: ParticleSet, tmp_path: Path) -> None:
    from star_builders import write_stack

    rows = np.arange(0, 1430, 7)
    expected = ImageStacks(warptools).read(np.arange(1430))
    edges = warptools.first_tilt
    source = warptools.source
    for number, name in enumerate(warptools.stack_names):
        write_stack(tmp_path / name, expected[edges[number] : edges[number + 1]])
    assert source.optimisation_set is not None
    assert source.tomograms is not None
    source.star.write(tmp_path / source.path.name)
    source.tomograms.write(tmp_path / f"{NAME}_tomograms.star")
    path = source.optimisation_set.write(tmp_path / "set.star")
    again = read_particles(path)
    np.testing.assert_array_equal(ImageStacks(again).read(rows), expected[rows])
    pd.testing.assert_frame_equal(again.tilt_images.drop(columns="index"), warptools.tilt_images.drop(columns="index"))
