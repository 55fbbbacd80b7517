"""The inspect command on real sets, and what it writes."""

import json
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from scipy import stats

from napari_tomodrgn.analysis.inspection.check import compare, standard_errors
from napari_tomodrgn.analysis.inspection.images import check_images, check_tilts
from napari_tomodrgn.analysis.inspection.inspect import inspect
from napari_tomodrgn.analysis.inspection.options import InspectOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.reconstruction.reconstruct import ReconstructOptions, reconstruct
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate

NAME = "warptools_test_4-tomos_10-ptcls_box-32_angpix-12"


def answers(result: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["status"] for check in result["checks"]}


def test_real_warptools_set_is_right_as_read_but_for_the_hand_of_its_maps(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "warptools_insitu"
    options = {
        "particles": folder / f"{NAME}_optimisation_set.star",
        "reference": folder / "warptools_test_box-32_angpix-12_reconstruct.mrc",
    }
    result = inspect(InspectOptions(**options, outdir=tmp_path / "found"))
    status = answers(result)
    assert [name for name, each in status.items() if each == "warn"] == ["map_hand"]
    assert {status[name] for name in ("contrast", "ctf_power", "attenuation", "poses", "dose_at")} == {"ok"}
    assert status["defocus_height"] == "unknown"
    assert (result["particles"], result["tilt_images"], result["box"], result["pixel_size"]) == (40, 1430, 32, 12.0)
    assert result["coordinates_per_particle_unmasked"] == 796 * 1430 / 40
    hand = result["checks"][-1]
    assert (hand["found"], hand["expected"]) == ("flip", "keep")
    assert "set --map-hand flip; " in hand["message"]

    assert json.loads((tmp_path / "found" / "inspect.json").read_text()) == result
    assert (tmp_path / "found" / "inspect.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with mrcfile.open(tmp_path / "found" / "inspect.mrc") as written:
        assert written.data.shape == (32, 32, 32)
        assert float(written.voxel_size.x) == pytest.approx(12.0)


def test_atoms_give_the_hand_of_the_real_warptools_set(shared_data: Path) -> None:
    particles = shared_data / "warptools_insitu" / f"{NAME}_optimisation_set.star"
    model = tuple(sorted((shared_data / "50S").glob("*.pdb")))
    result = inspect(
        InspectOptions(particles=particles, model=model, map_hand="flip", first_tilts=20, tilt_order="dose")
    )
    hand = result["checks"][-1]
    assert (hand["name"], hand["status"], hand["found"]) == ("map_hand", "ok", "flip")


def test_without_a_reference_the_hand_of_maps_is_said_to_be_unchecked(star: Path) -> None:
    for hand in ("keep", "flip"):
        (check,) = [
            each
            for each in inspect(InspectOptions(particles=star, map_hand=hand))["checks"]
            if each["name"] == "map_hand"
        ]
        assert (check["status"], check["found"], check["expected"]) == ("unknown", None, hand)
        assert "not checked" in check["message"]
        assert "give --reference MAP" in check["message"]


def test_half_maps_agree_as_far_as_those_of_a_reconstruction(shared_data: Path, tmp_path: Path) -> None:
    particles = shared_data / "warptools_insitu" / f"{NAME}_optimisation_set.star"
    given = {"particles": particles, "first_tilts": 9, "tilt_order": "dose"}
    made = reconstruct(ReconstructOptions(**given, outdir=tmp_path / "maps", backproject=True))

    checks = inspect(InspectOptions(**given))["checks"]

    poses = next(each["message"] for each in checks if each["name"] == "poses")
    told = made.told()["resolution half maps"]
    assert poses.endswith(f"resolution of the half-maps of 40 particles: {told}")
    assert told.endswith(" Å (FSC 0.143, within a soft sphere, no mask)")
    halves = [mrcfile.read(tmp_path / "maps" / f"half_{number}.mrc").astype(np.float64) for number in (1, 2)]
    assert float(told.split()[0]) == pytest.approx(32 * 12.0 / shell_below(*halves, 0.143), abs=0.06)


def shell_below(first: np.ndarray, second: np.ndarray, threshold: float) -> float:
    """Where two maps correlate less than a threshold, by sums over all coefficients of whole shells."""
    steps = np.fft.fftfreq(len(first), 1 / len(first))
    radius = np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2)
    a, b = np.fft.fftn(first), np.fft.fftn(second)
    before = 1.0
    for shell in range(1, len(first) // 2):
        own = np.abs(radius - shell) < 0.5
        value = (a[own] * b[own].conj()).sum().real / np.linalg.norm(a[own]) / np.linalg.norm(b[own])
        if value < threshold:
            return float(shell - 1 + (before - threshold) / (before - value))
        before = value
    return len(first) / 2


def test_of_noise_alone_no_resolution_is_claimed_beyond_the_first_shells(star: Path, tmp_path: Path) -> None:
    (tmp_path / "particles.star").write_bytes(star.read_bytes())
    shape = mrcfile.read(star.with_name("particles.mrcs")).shape
    field = 24 * 8.0
    for seed in range(4):
        with mrcfile.new(tmp_path / "particles.mrcs", overwrite=True) as stack:
            stack.set_data(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))
        given = {"particles": tmp_path / "particles.star"}
        made = reconstruct(ReconstructOptions(**given, outdir=tmp_path / f"maps-{seed}", backproject=True))
        assert made.figures["resolution_half_maps"] > field / 4

        checks = inspect(InspectOptions(**given))["checks"]

        poses = next(each["message"] for each in checks if each["name"] == "poses")
        found = poses.split("12 particles: ")[1]
        assert found == made.told()["resolution half maps"]
        assert found.startswith("none (FSC below 0.143 from the first shell on") or float(found.split()[0]) > field / 4


def test_real_simulated_set_is_right_as_read(shared_data: Path) -> None:
    folder = shared_data / "cryosrpnt_classE"
    star, truth = folder / "10076_classE_32_sim.star", folder / "10076_classE_32.mrc"
    status = answers(inspect(InspectOptions(particles=star, reference=truth)))
    assert "warn" not in status.values()
    assert {status[name] for name in ("contrast", "attenuation", "poses", "tilt_hand", "map_hand")} == {"ok"}


def test_wrong_contrast_of_the_real_simulated_set_is_found(shared_data: Path) -> None:
    star = shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star"
    bright = answers(inspect(InspectOptions(particles=star, contrast="bright")))
    assert [name for name, each in bright.items() if each == "warn"] == ["contrast"]


@pytest.fixture(scope="module")
def star(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    return simulate(SimulateOptions(outdir=folder, particles=12, tilts=5, box=24, pixel_size=8.0, shot_snr=0.5))


def test_nothing_is_written_without_a_folder_and_the_same_seed_says_the_same(star: Path) -> None:
    before = sorted(star.parent.iterdir())
    first = inspect(InspectOptions(particles=star, seed=2))
    assert sorted(star.parent.iterdir()) == before
    assert inspect(InspectOptions(particles=star, seed=2)) == first


def test_images_scaled_one_by_one_do_not_mislead(star: Path, tmp_path: Path) -> None:
    """Many programs give every image the same standard deviation; then noise levels say nothing about dose."""
    (tmp_path / "particles.star").write_bytes(star.read_bytes())
    images = mrcfile.read(star.with_name("particles.mrcs"))
    scaled = images / images.std(axis=(1, 2), keepdims=True)
    with mrcfile.new(tmp_path / "particles.mrcs") as stack:
        stack.set_data(scaled.astype(np.float32))
    status = answers(inspect(InspectOptions(particles=tmp_path / "particles.star")))
    assert "warn" not in status.values()


def test_output_that_exists_is_kept(star: Path, tmp_path: Path) -> None:
    (tmp_path / "inspect.json").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        inspect(InspectOptions(particles=star, outdir=tmp_path))
    assert (tmp_path / "inspect.json").read_text() == "mine"


def test_bad_references_are_refused(star: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model"):
        inspect(InspectOptions(particles=star, model=(tmp_path / "missing.pdb",)))
    empty = tmp_path / "empty.pdb"
    empty.write_text("REMARK nothing\nEND\n")
    with pytest.raises(InputError, match="holds no atoms"):
        inspect(InspectOptions(particles=star, model=(empty,)))
    with pytest.raises(InputError, match="both given"):
        inspect(InspectOptions(particles=star, model=(empty,), reference=star.with_name("state_0.mrc")))


def test_flat_images_warn() -> None:
    deviation = np.ones(20, np.float32)
    assert check_images(deviation, np.zeros(20, np.float32)).status == "ok"
    deviation[3] = 0
    assert check_images(deviation, np.zeros(20, np.float32)).status == "warn"


def test_particles_with_few_tilts_warn(star: Path) -> None:
    particle_set = read_particles(star)
    assert check_tilts(particle_set).status == "ok"
    keep = np.ones(len(particle_set.tilt_images), dtype=bool)
    keep[1:5] = False
    assert check_tilts(particle_set.take_tilts(keep)).status == "warn"


def test_standard_errors_are_normal_deviates_of_the_t_test() -> None:
    values = np.random.default_rng(0).normal(0.5, 1, 12)
    probability = stats.ttest_1samp(values, 0, alternative="greater").pvalue
    assert standard_errors(values) == pytest.approx(stats.norm.isf(probability))
    assert standard_errors(-values) == pytest.approx(-stats.norm.isf(probability))


def test_equal_alternatives_warn_no_more_often_than_four_standard_errors_allow() -> None:
    """With 500 sets of noise, p = 3e-5 a comparison: none is expected."""
    generator = np.random.default_rng(1)
    found = [
        compare("any", {"this": generator.normal(size=20), "that": generator.normal(size=20)}, "this", wrong="").status
        for _ in range(500)
    ]
    assert "warn" not in found
    assert found.count("ok") < 8


def test_differences_of_rounding_are_no_evidence() -> None:
    scores = np.random.default_rng(0).normal(size=20)
    alike = {"this": scores, "that": scores - 1e-3}
    assert compare("any", alike, "that", wrong="").status == "unknown"
