"""Detection, forward-model defaults and coordinates of every dialect."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from star_builders import (
    BINNING,
    SET_POSITIONS,
    SET_TILTS,
    SIZE,
    TILT_PIXEL,
    TILTS,
    loop,
    write_nextpyp,
    write_relion5,
    write_warp,
)

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.dialects import dialects
from napari_tomodrgn.particles.reading import read_particles


def test_every_dialect_is_registered() -> None:
    assert sorted(dialects()) == ["cryosrpnt", "nextpyp", "relion5", "warp", "warptools"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("warp", (1, "none", "after", "scaled", "bright", "keep", "none")),
        ("cryosrpnt", (1, "none", "after", "300kv", "dark", "keep", "none")),
        ("nextpyp", (1, "none", "after", "scaled", "bright", "keep", "none")),
        ("warptools", (1, "dose-tilt", "before", "300kv", "bright", "keep", "plus")),
        ("relion5", (1, "dose", "before", "300kv", "bright", "keep", "plus")),
    ],
)
def test_forward_model_defaults(name: str, expected: tuple[object, ...]) -> None:
    assert tuple(dialects()[name].forward_model.as_dict().values()) == tuple(
        dict(
            zip(
                ("ctf_power", "attenuation", "dose_at", "voltage_rule", "contrast", "map_hand", "defocus_height"),
                expected,
                strict=True,
            )
        ).values()
    )


def test_warp(tmp_path: Path) -> None:
    particles = read_particles(write_warp(tmp_path))
    assert particles.dialect == "warp"
    assert particles.ids == [("001", "000000"), ("001", "000001"), ("1e5", "000002"), ("1e5", "000003")]
    assert (particles.box, particles.pixel_size) == (16, 3.54)
    np.testing.assert_allclose(particles.tilt_images["dose"], np.tile([3, 6, 9, 12, 15], 4))
    np.testing.assert_allclose(particles.tilt_images["tilt_cosine"], np.tile(np.cos(np.deg2rad(TILTS)), 4), atol=1e-6)
    np.testing.assert_allclose(particles.tilt_images["shift_x"], np.linspace(-1, 1, 20) * 3.54, atol=2e-3)
    assert particles.particles[["z", "y", "x"]].isna().all(axis=None)


def test_warp_without_micrographs_is_cryosrpnt(tmp_path: Path) -> None:
    star = write_warp(tmp_path, rlnMicrographName=None, rlnCoordinateX=None)
    assert read_particles(star).dialect == "cryosrpnt"
    assert read_particles(star, dialect="warp").forward_model.contrast == "bright"


def test_pixel_size_follows_the_magnification(tmp_path: Path) -> None:
    star = write_warp(tmp_path, rlnMagnification=["50000.0"] * 20, rlnDetectorPixelSize=["14.0"] * 20)
    assert read_particles(star).pixel_size == pytest.approx(2.8)


def test_extra_columns_and_another_order_do_not_matter(tmp_path: Path) -> None:
    star = write_warp(tmp_path, myColumn=["x#y"] * 20)
    assert read_particles(star).dialect == "warp"


def test_nextpyp(tmp_path: Path) -> None:
    particles = read_particles(write_nextpyp(tmp_path))
    assert particles.dialect == "nextpyp"
    assert particles.ids == [("TS_0_00", "1"), ("TS_1_00", "2"), ("TS_0_00", "3"), ("TS_1_00", "4")]
    assert (particles.box, particles.pixel_size) == (16, 2.5)
    np.testing.assert_allclose(particles.tilt_images["shift_x"], np.linspace(-1, 1, 20), atol=1e-3)


def test_mixed_optics_groups_are_read_per_image(tmp_path: Path) -> None:
    images = read_particles(write_nextpyp(tmp_path)).tilt_images
    odd = images["particle"] % 2 == 1
    assert (images["voltage"][odd] == 200).all()
    assert (images["voltage"][~odd] == 300).all()
    assert (images["spherical_aberration"][odd] == 2.0).all()
    assert (images["amplitude_contrast"][~odd] == 0.07).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2.0  0.1  2.5  16", "2.0  0.1  3.0  16", "mixes pixel sizes: 2.5 in optics group 1 and 3 in optics group 2"),
        ("2.0  0.1  2.5  16", "2.0  0.1  2.5  32", "mixes image sizes: 16 in optics group 1 and 32 in optics group 2"),
    ],
)
def test_mixed_pixel_or_image_sizes_are_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    star = write_nextpyp(tmp_path)
    text = star.read_text()
    assert old in text
    star.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_particles(star)


def centred_positions() -> np.ndarray:
    """x, y, z in Å from the corner of the particles of the RELION 5 set, origins applied by hand."""
    positions = SET_POSITIONS + np.array(SIZE) * TILT_PIXEL / 2
    positions[0] -= [1.5, -2.5, 4.0]
    return positions


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("own_layout", [True, False])
def test_relion5_positions(tmp_path: Path, centred: bool, own_layout: bool) -> None:
    frames = None if own_layout else identity_frames()
    path = write_relion5(tmp_path, centred=centred, own_layout=own_layout, tilt_rows=frames)
    particles = read_particles(path, dialect="auto" if centred or own_layout else "relion5")
    assert particles.dialect == "relion5"
    np.testing.assert_allclose(particles.particles[["x", "y", "z"]], centred_positions(), atol=1e-4)


def test_warptools_positions_are_binned_pixels(tmp_path: Path) -> None:
    path = write_relion5(tmp_path, centred=False, own_layout=False, tilt_rows=identity_frames())
    particles = read_particles(path)
    assert particles.dialect == "warptools"
    assert any("--dialect relion5" in warning for warning in particles.warnings)
    expected = (SET_POSITIONS + np.array(SIZE) * TILT_PIXEL / 2) * BINNING
    expected[0] -= [1.5, -2.5, 4.0]
    np.testing.assert_allclose(particles.particles[["x", "y", "z"]], expected, atol=1e-4)


def identity_frames() -> dict[str, list[object]]:
    rows = np.eye(3)
    return {
        f"rlnTomoProj{axis}": [f"[{row[0]},{row[1]},{row[2]},0]"] * 5 for axis, row in zip("XYZ", rows, strict=True)
    }


def relion5_matrices() -> np.ndarray:
    """RELION 5's projections of the set's tilts, as extrinsic rotations about x, then y, then z."""
    angles = [(0.5, tilt, 85.0) for tilt in SET_TILTS]
    return Rotation.from_euler("xyz", angles, degrees=True).as_matrix()


def test_relion5_own_layout(tmp_path: Path) -> None:
    particles = read_particles(write_relion5(tmp_path))
    images = particles.tilt_images
    assert images["particle"].tolist() == [0] * 4 + [1] * 5 + [2] * 3
    assert images["index"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2]
    assert images["dose"].tolist() == [12, 6, 3, 9, 12, 6, 0, 3, 9, 6, 0, 3]
    first = Rotation.from_euler("ZYZ", [10, 40, 70], degrees=True).as_matrix().T
    expected = relion5_matrices()[[0, 1, 3, 4]] @ first
    np.testing.assert_allclose(particles.rotations[:4], expected, atol=1e-6)
    np.testing.assert_allclose(images["tilt_angle"][:4], SET_TILTS[[0, 1, 3, 4]], atol=1e-6)
    np.testing.assert_allclose(images["stage_tilt"][:4], SET_TILTS[[0, 1, 3, 4]] + 12, atol=1e-6)
    np.testing.assert_allclose(images["tilt_cosine"][:4], np.cos(np.deg2rad(SET_TILTS[[0, 1, 3, 4]])), atol=1e-6)
    assert images["tilt_cosine"][0] == pytest.approx(0.5)


def test_stacks_that_hold_hidden_frames_too(tmp_path: Path) -> None:
    particles = read_particles(write_relion5(tmp_path, visible_only=False))
    assert particles.tilt_images["index"].tolist() == [0, 1, 3, 4, 0, 1, 2, 3, 4, 1, 2, 3]


def test_subtomogram_angles_turn_orientation_and_origin(tmp_path: Path) -> None:
    columns = {
        f"rlnTomoSubtomogram{name}": [str(value), "0", "0"]
        for name, value in zip(("Rot", "Tilt", "Psi"), (15, 25, 35), strict=True)
    }
    particles = read_particles(write_relion5(tmp_path, particle_columns=columns))
    subtomogram = Rotation.from_euler("ZYZ", [15, 25, 35], degrees=True).as_matrix().T
    orientation = subtomogram @ Rotation.from_euler("ZYZ", [10, 40, 70], degrees=True).as_matrix().T
    frames = relion5_matrices()[[0, 1, 3, 4]]
    np.testing.assert_allclose(particles.rotations[:4], frames @ orientation, atol=1e-6)
    origin = subtomogram @ [1.5, -2.5, 4.0]
    position = SET_POSITIONS[0] + np.array(SIZE) * TILT_PIXEL / 2 - origin
    np.testing.assert_allclose(particles.particles.loc[0, ["x", "y", "z"]].astype(float), position, atol=1e-4)
    np.testing.assert_allclose(particles.tilt_images[["shift_x", "shift_y"]][:4], (frames @ origin)[:, :2], atol=1e-6)
    angles = particles.particles.loc[0, ["rot", "tilt", "psi"]].astype(float).to_numpy()
    np.testing.assert_allclose(Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix().T, orientation, atol=1e-6)


@pytest.mark.parametrize(("hand", "rule", "sign"), [(-1.0, "minus", -1), (1.0, "plus", 1)])
def test_relion5_height_follows_the_hand(tmp_path: Path, hand: float, rule: str, sign: int) -> None:
    particles = read_particles(write_relion5(tmp_path, hand=hand))
    assert particles.forward_model.defocus_height == rule
    heights = relion5_matrices()[[0, 1, 3, 4], 2] @ (SET_POSITIONS[0] - [1.5, -2.5, 4.0])
    written = 30000 + 10 * np.array([0, 1, 3, 4])
    np.testing.assert_allclose(particles.tilt_images["defocus_u"][:4], written + sign * heights, atol=1e-3)


def test_the_height_rule_can_be_changed_afterwards(tmp_path: Path) -> None:
    particles = read_particles(write_relion5(tmp_path))
    images = particles.tilt_images
    none = particles.with_forward_model(defocus_height="none").tilt_images
    other = particles.with_forward_model(defocus_height="plus").tilt_images
    np.testing.assert_array_equal(none["defocus_u"], images["series_defocus_u"])
    np.testing.assert_allclose(other["defocus_v"] + images["defocus_v"], 2 * none["defocus_v"])
    back = particles.with_forward_model(defocus_height="plus").with_forward_model(defocus_height="minus").tilt_images
    np.testing.assert_array_equal(back["defocus_u"], images["defocus_u"])


def test_image_series_have_no_height(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--defocus-height must stay none"):
        read_particles(write_warp(tmp_path)).with_forward_model(defocus_height="plus")


@pytest.mark.parametrize(("flag", "power"), [(0, 1), (1, 2)])
def test_ctf_power_follows_the_flag_and_can_be_overridden(tmp_path: Path, flag: int, power: int) -> None:
    particles = read_particles(write_relion5(tmp_path, premultiplied=flag))
    assert particles.forward_model.ctf_power == power
    assert particles.with_forward_model(ctf_power=0).forward_model.ctf_power == 0


def test_a_scale_of_zero_never_becomes_a_weight(tmp_path: Path) -> None:
    scale = ["0.5", "0.94", "0", "0.94", "0.766"]
    images = read_particles(write_relion5(tmp_path, tilt_rows={"rlnCtfScalefactor": scale})).tilt_images
    shown = images[images["particle"] == 1]
    np.testing.assert_allclose(shown["tilt_cosine"], [0.5, 0.94, 1.0, 0.94, 0.766], atol=1e-6)
    star = write_warp(tmp_path, rlnCtfScalefactor=["1.0", "0", "0.99", "0.99", "0.99"] * 4)
    weights = read_particles(star).tilt_images["tilt_cosine"]
    assert ((weights > 0) & (weights <= 1)).all()


def test_names_stay_text(tmp_path: Path) -> None:
    names = ("1e5", "007", "1.0")
    particles = read_particles(write_relion5(tmp_path, names=names))
    assert particles.ids == [("01", name) for name in names]


def test_particles_without_names_take_the_stem_of_their_stack(tmp_path: Path) -> None:
    path = write_relion5(tmp_path)
    star = tmp_path / "set.star"
    star.write_text(star.read_text().replace("rlnTomoParticleName", "rlnTomoSomething"))
    assert read_particles(path).ids == [("01", f"{number}_stack2d") for number in (1, 2, 3)]


def test_relion_project_paths(tmp_path: Path) -> None:
    """Paths inside a RELION job are relative to the project, two folders up."""
    job = tmp_path / "Extract" / "job007"
    path = write_relion5(job)
    star, tomograms = job / "set.star", job / "set_tomograms.star"
    star.write_text(star.read_text().replace("Subtomograms/", "Extract/job007/Subtomograms/"))
    tomograms.write_text(tomograms.read_text().replace("tilt_series/", "Extract/job007/tilt_series/"))
    path.write_text(path.read_text().replace("   set", "   Extract/job007/set"))
    particles = read_particles(path)
    assert all(particles.stacks)
    assert len(particles.tilt_images) == 12


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cisTEMPositionInStack": ["1"], "cisTEMDefocus1": ["1"]}, "is a cisTEM star, which doesn't say"),
        ({"wrpCoordinateX1": ["1"], "rlnImageName": ["a"]}, "give this one with --volume-series"),
        (
            {"rlnCoordinateX": ["1"], "rlnCoordinateZ": ["1"], "rlnImageName": ["a"]},
            "give this one with --volume-series",
        ),
        ({"rlnTomoName": ["1"], "rlnImageName": ["a"]}, "3D subtomograms"),
        ({"rlnImageName": ["1@a"], "rlnGroupName": ["1_1"], "rlnVoltage": ["300"]}, "for which it lacks rlnAngleRot"),
    ],
)
def test_other_kinds_of_star_are_named(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    star = tmp_path / "other.star"
    star.write_text(loop("", columns))
    with pytest.raises(InputError, match=message):
        read_particles(star)


def test_the_nearest_dialect_says_which_column_is_missing(tmp_path: Path) -> None:
    star = write_warp(tmp_path, rlnDefocusV=None)
    with pytest.raises(InputError, match=r"nearest is (warp|cryosrpnt), for which it lacks rlnDefocusV$"):
        read_particles(star)


def test_an_unknown_or_unfitting_dialect_is_refused(tmp_path: Path) -> None:
    star = write_warp(tmp_path)
    with pytest.raises(InputError, match="--dialect motioncor: is not known; choose one of auto, cryosrpnt"):
        read_particles(star, dialect="motioncor")
    with pytest.raises(InputError, match="can't be read as relion5: it has no rlnTomoName"):
        read_particles(star, dialect="relion5")
