"""Each check on simulated sets: ok with the right flags, a warning where one of them is wrong in turn.

All checks together, too: one wrong flag must not make the check of another one accuse what is right.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_tomodrgn.analysis.inspection.attenuation import check_attenuation
from napari_tomodrgn.analysis.inspection.check import Check
from napari_tomodrgn.analysis.inspection.contrast import check_contrast
from napari_tomodrgn.analysis.inspection.ctf_power import check_ctf_power
from napari_tomodrgn.analysis.inspection.defocus_height import check_defocus_height
from napari_tomodrgn.analysis.inspection.dose import check_dose
from napari_tomodrgn.analysis.inspection.evidence import gather
from napari_tomodrgn.analysis.inspection.examination import Examination
from napari_tomodrgn.analysis.inspection.poses import check_poses, check_tilt_hand, other_hand
from napari_tomodrgn.analysis.inspection.scale import check_pixel_size, check_voltage
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate

Sets = dict[str, ParticleSet]
COMMON: dict[str, Any] = {"particles": 48, "tilts": 13, "box": 32, "shot_snr": 0.5}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Sets:
    """Corrected, plain and premultiplied images, these at 3 Å per pixel with heights, or damped by dose; and 200 kV."""
    options: dict[str, dict[str, Any]] = {
        "corrected": {"ctf_power": "0", "pixel_size": 5.0, "shot_snr": 2.0},
        "plain": {"pixel_size": 5.0},
        "premultiplied": {"dialect": "warptools", "pixel_size": 3.0},
        "damped": {"dialect": "relion5", "pixel_size": 5.0},
        "200 kV": {"dialect": "warp", "pixel_size": 3.0, "voltage": 200.0},
    }
    result = {}
    for name, each in options.items():
        folder = tmp_path_factory.mktemp(name)
        star = simulate(SimulateOptions(outdir=folder, **{**COMMON, **each}))
        series = folder / "volume_series.star"
        result[name] = read_particles(star, volume_series=series if series.exists() else None)
    result["corrected"] = result["corrected"].with_forward_model(ctf_power=0)
    return result


def examined(particle_set: ParticleSet, **flags: Any) -> Examination:
    particle_set = particle_set.with_forward_model(**flags)
    return Examination(particle_set, gather(particle_set))


@pytest.fixture(scope="module")
def right(sets: Sets) -> dict[str, Examination]:
    return {name: examined(each) for name, each in sets.items()}


@pytest.mark.parametrize(("name", "power"), [("corrected", 0), ("plain", 1), ("premultiplied", 2)])
def test_ctf_power_is_recognised(sets: Sets, right: dict[str, Examination], name: str, power: int) -> None:
    check = check_ctf_power(right[name])
    assert (check.status, check.found) == ("ok", power)
    wrong = check_ctf_power(examined(sets[name], ctf_power=(power + 1) % 3))
    assert (wrong.status, wrong.found) == ("warn", power)
    assert "--ctf-power" in wrong.message


@pytest.mark.parametrize(
    ("name", "attenuation", "wrong"),
    [("plain", "none", "dose-tilt"), ("plain", "none", "dose"), ("premultiplied", "dose-tilt", "none")],
)
def test_attenuation_is_recognised(
    sets: Sets, right: dict[str, Examination], name: str, attenuation: str, wrong: str
) -> None:
    check = check_attenuation(right[name])
    assert (check.status, check.found) == ("ok", attenuation)
    check = check_attenuation(examined(sets[name], attenuation=wrong))
    assert (check.status, check.found, check.expected) == ("warn", attenuation, wrong)


@pytest.mark.parametrize(
    ("name", "contrast", "wrong"), [("plain", "dark", "bright"), ("premultiplied", "bright", "dark")]
)
def test_contrast_is_recognised(
    sets: Sets, right: dict[str, Examination], name: str, contrast: str, wrong: str
) -> None:
    assert check_contrast(right[name]).status == "ok"
    check = check_contrast(examined(sets[name], contrast=wrong))
    assert (check.status, check.found) == ("warn", contrast)


def test_sign_of_the_defocus_height_is_recognised(sets: Sets, right: dict[str, Examination]) -> None:
    check = check_defocus_height(right["premultiplied"])
    assert (check.status, check.found) == ("ok", "plus")
    assert check.power > 1
    for wrong in ("minus", "none"):
        check = check_defocus_height(examined(sets["premultiplied"], defocus_height=wrong))
        assert (check.status, check.found) == ("warn", "plus")


def test_power_of_the_defocus_height_is_the_phase_at_nyquist(right: dict[str, Examination]) -> None:
    """Heights of 50 nm turn the phase by 0.11 rad at 12 Å/px, 0.43 at 6 and 1.7 at 3 (method page)."""
    examination = right["premultiplied"]
    root_mean_square = np.sqrt(np.mean(examination.heights**2))
    check = check_defocus_height(examination)
    assert check.power == pytest.approx(1.72 * root_mean_square / 500, rel=0.01)


def test_pixel_size_and_voltage_are_held_against_the_ctf(right: dict[str, Examination], sets: Sets) -> None:
    assert check_pixel_size(right["premultiplied"]).status == "ok"
    assert check_voltage(right["premultiplied"]).status == "ok"
    wrong = ParticleSet(**{**vars(sets["premultiplied"]), "pixel_size": 6.0})
    check = check_pixel_size(examined(wrong))
    assert (check.status, check.found) == ("warn", 3.0)


@pytest.mark.parametrize("name", ["plain", "premultiplied"])
def test_poses_are_held_against_those_of_others(sets: Sets, right: dict[str, Examination], name: str) -> None:
    assert check_poses(right[name]).status == "ok"
    rotations = np.swapaxes(sets[name].rotations, 1, 2).copy()
    check = check_poses(examined(ParticleSet(**{**vars(sets[name]), "rotations": rotations})))
    assert (check.status, check.found) == ("warn", "transposed")


@pytest.mark.parametrize("name", ["plain", "premultiplied"])
def test_tilt_hand_is_recognised(sets: Sets, right: dict[str, Examination], name: str) -> None:
    assert check_tilt_hand(right[name]).status == "ok"
    examination = right[name]
    mirrored = other_hand(examination, examination.evidence.tilts.rotation.numpy().astype(np.float64))
    wrong = ParticleSet(**{**vars(examination.evidence.particle_set), "rotations": mirrored.astype(np.float32)})
    check = check_tilt_hand(examined(wrong))
    assert (check.status, check.found) == ("warn", "mirrored")


def test_dose_before_and_after_are_told_apart(sets: Sets) -> None:
    assert check_dose(sets["plain"]).status == "ok"
    assert check_dose(sets["premultiplied"]).status == "ok"
    check = check_dose(sets["premultiplied"].with_forward_model(dose_at="after"))
    assert (check.status, check.found) == ("warn", "before")
    assert check_dose(sets["plain"].with_forward_model(dose_at="before")).status == "unknown"


def one_particle(sets: Sets, name: str) -> Examination:
    return examined(sets[name].take([0]))


@pytest.mark.parametrize(
    "check",
    [
        check_ctf_power,
        check_attenuation,
        check_contrast,
        check_defocus_height,
        check_voltage,
        check_pixel_size,
        check_poses,
        check_tilt_hand,
    ],
)
def test_one_particle_says_nothing(sets: Sets, check: Any) -> None:
    answer: Check = check(one_particle(sets, "premultiplied"))
    assert answer.status == "unknown"
    assert answer.found is None


def test_pure_noise_says_nothing_about_particles(tmp_path: Path) -> None:
    star = simulate(SimulateOptions(outdir=tmp_path, **{**COMMON, "shot_snr": 1e-6}))
    examination = examined(read_particles(star))
    checks = (check_contrast, check_poses, check_tilt_hand, check_voltage, check_pixel_size)
    assert {check(examination).status for check in checks} == {"unknown"}


ALL_CHECKS = (
    check_contrast,
    check_ctf_power,
    check_attenuation,
    check_defocus_height,
    check_pixel_size,
    check_voltage,
    check_poses,
    check_tilt_hand,
    lambda examination: check_dose(examination.particle_set),
)


def all_checks(particle_set: ParticleSet) -> dict[str, Check]:
    examination = examined(particle_set)
    return {check.name: check for check in (each(examination) for each in ALL_CHECKS)}


def with_voltage(particle_set: ParticleSet, voltage: float) -> ParticleSet:
    table = particle_set.tilt_images.assign(voltage=voltage)
    return ParticleSet(**{**vars(particle_set), "tilt_images": table})


@pytest.mark.parametrize("name", ["corrected", "plain", "premultiplied", "damped", "200 kV"])
def test_right_flags_raise_no_warning(sets: Sets, name: str) -> None:
    status = {check.name: check.status for check in all_checks(sets[name]).values()}
    assert "warn" not in status.values()
    assert {status[each] for each in ("contrast", "ctf_power", "attenuation", "poses", "dose_at")} == {"ok"}


@pytest.mark.parametrize(
    ("name", "flag", "value", "answers"),
    [
        ("corrected", "ctf_power", 1, ["warn"]),
        ("plain", "ctf_power", 0, ["warn"]),
        ("plain", "ctf_power", 2, ["warn"]),
        pytest.param("plain", "attenuation", "dose", ["warn"], marks=pytest.mark.long),
        ("plain", "attenuation", "dose-tilt", ["warn"]),
        ("plain", "contrast", "bright", ["warn"]),
        ("plain", "dose_at", "before", ["unknown"]),
        ("premultiplied", "ctf_power", 0, ["warn"]),
        pytest.param("premultiplied", "ctf_power", 1, ["warn"], marks=pytest.mark.long),
        pytest.param("premultiplied", "attenuation", "dose", ["warn"], marks=pytest.mark.long),
        ("premultiplied", "attenuation", "none", ["warn"]),
        ("premultiplied", "defocus_height", "minus", ["warn"]),
        pytest.param("premultiplied", "defocus_height", "none", ["warn"], marks=pytest.mark.long),
        ("premultiplied", "dose_at", "after", ["warn"]),
        pytest.param("damped", "ctf_power", 1, ["warn"], marks=pytest.mark.long),
        pytest.param("damped", "attenuation", "none", ["warn"], marks=pytest.mark.long),
        ("damped", "attenuation", "dose-tilt", ["warn", "unknown"]),  # 13 tilts lie within 18 degrees
        ("damped", "defocus_height", "minus", ["warn", "unknown"]),  # 0.6 rad
        pytest.param("200 kV", "attenuation", "dose-tilt", ["warn"], marks=pytest.mark.long),
    ],
)
def test_a_wrong_flag_is_found_and_no_other_is_accused(
    sets: Sets, name: str, flag: str, value: Any, answers: list[str]
) -> None:
    truth = getattr(sets[name].forward_model, flag)
    checks = all_checks(sets[name].with_forward_model(**{flag: value}))
    assert [check.name for check in checks.values() if check.status == "warn" and check.name != flag] == []
    assert checks[flag].status in answers
    assert checks[flag].found in (truth, None)


@pytest.mark.parametrize(("name", "truth", "wrong"), [("200 kV", 200.0, 300.0), ("premultiplied", 300.0, 200.0)])
def test_wrong_voltage_is_found_and_nothing_else_is_accused(sets: Sets, name: str, truth: float, wrong: float) -> None:
    checks = all_checks(with_voltage(sets[name], wrong))
    assert [check.name for check in checks.values() if check.status == "warn"] == ["voltage"]
    assert checks["voltage"].found == truth


@pytest.mark.parametrize(("name", "factor"), [("plain", 0.5), ("premultiplied", 2.0), ("damped", 0.8)])
def test_wrong_pixel_size_is_found_and_nothing_else_is_accused(sets: Sets, name: str, factor: float) -> None:
    right = sets[name].pixel_size
    checks = all_checks(ParticleSet(**{**vars(sets[name]), "pixel_size": factor * right}))
    assert [check.name for check in checks.values() if check.status == "warn"] == ["pixel_size"]
    assert checks["pixel_size"].found == pytest.approx(right)


def test_images_without_ctf_say_nothing_about_the_microscope_whatever_else_is_wrong(sets: Sets) -> None:
    examination = examined(sets["corrected"])
    mirrored = other_hand(examination, examination.evidence.tilts.rotation.numpy().astype(np.float64))
    wrong = ParticleSet(**{**vars(examination.evidence.particle_set), "rotations": mirrored.astype(np.float32)})
    checks = all_checks(wrong)
    assert [check.name for check in checks.values() if check.status == "warn"] == ["tilt_hand"]
    assert {checks[name].status for name in ("pixel_size", "voltage", "defocus_height")} == {"unknown"}
