"""Simulated sets against what was asked for, real-space projections, and formulas written out here."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation
from torch_fourier_slice import project_3d_to_2d

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.simulation.image_files import write_volume
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate

PIXEL_SIZE = 6.0
SMALL: dict[str, Any] = {"particles": 8, "tilts": 7, "box": 32, "pixel_size": PIXEL_SIZE}
CLEAN: dict[str, Any] = {**SMALL, "noise": False, "ctf_power": "0", "dose_per_tilt": 0.0}


def simulated(folder: Path, **options: Any) -> ParticleSet:
    star = simulate(SimulateOptions(outdir=folder, **options))
    series = folder / "volume_series.star"
    return read_particles(star, volume_series=series if series.exists() else None)


def images_of(particle_set: ParticleSet) -> np.ndarray:
    """(M, D, D), protein bright."""
    sign = -1 if particle_set.forward_model.contrast == "dark" else 1
    return sign * ImageStacks(particle_set).read(np.arange(len(particle_set.tilt_images)))


def truth_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "truth.csv", dtype={"tomogram": str, "particle": str})


def rotate_and_sum(volume: np.ndarray, rotation: np.ndarray, shift_px: np.ndarray) -> np.ndarray:
    """Turn a map (z, y, x) about voxel D/2, sum along z, and move it by (x, y): no Fourier transform involved."""
    to_source = rotation.T[::-1, ::-1]
    centre = np.full(3, volume.shape[0] // 2)
    turned = ndimage.affine_transform(volume, to_source, offset=centre - to_source @ centre, order=3)
    return ndimage.shift(turned.sum(axis=0), shift_px[::-1], order=3)


def correlations(images: Iterable[np.ndarray], others: Iterable[np.ndarray]) -> list[float]:
    return [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(images, others, strict=True)]


@pytest.mark.parametrize("dialect", ["cryosrpnt", "warp", "warptools"])
def test_clean_images_are_projections_of_a_chiral_map_and_not_of_its_mirror_image(
    tmp_path: Path, chiral_map: np.ndarray, dialect: str
) -> None:
    write_volume(tmp_path / "chiral.mrc", chiral_map, PIXEL_SIZE)
    clean = {**CLEAN, "attenuation": "none", "shift": 1.5, "maps": (tmp_path / "chiral.mrc",)}
    particle_set = simulated(tmp_path / "set", **clean, dialect=dialect)
    images, rotations = images_of(particle_set)[::2], particle_set.rotations[::2]
    moved = -particle_set.tilt_images[["shift_x", "shift_y"]].to_numpy()[::2] / PIXEL_SIZE
    # Mirrored through the pivot: unlike a mirror plane, that leaves no view of an asymmetric map as it was.
    mirrored = np.roll(chiral_map[::-1, ::-1, ::-1], 1, axis=(0, 1, 2))
    sliced = project_3d_to_2d(torch.from_numpy(chiral_map), torch.from_numpy(rotations).float().mT).numpy()
    in_fourier_space = [ndimage.shift(image, each[::-1], order=3) for image, each in zip(sliced, moved, strict=True)]

    def in_real_space(volume: np.ndarray) -> list[np.ndarray]:
        return [rotate_and_sum(volume, *pose) for pose in zip(rotations, moved, strict=True)]

    assert len(images) >= 20
    assert min(correlations(images, in_real_space(chiral_map))) > 0.99
    assert min(correlations(images, in_fourier_space)) > 0.99
    assert max(correlations(images, in_real_space(mirrored))) < 0.9


@pytest.mark.parametrize("dialect", ["cryosrpnt", "warp", "warptools"])
def test_star_reads_back_with_planted_poses_positions_and_names(tmp_path: Path, dialect: str) -> None:
    particle_set = simulated(tmp_path, **CLEAN, tomograms=2, dialect=dialect)
    truth, table = truth_of(tmp_path), particle_set.tilt_images
    assert [name.removesuffix(".tomostar") for name in particle_set.particles["tomogram"]] == truth["tomogram"].tolist()
    assert [name.split("/")[-1] for name in particle_set.particles["name"]] == truth["particle"].tolist()
    for axis in "zyx":
        assert particle_set.particles[axis].to_numpy() == pytest.approx(truth[axis].to_numpy(), abs=0.01)
    own = Rotation.from_euler("ZYZ", truth[["rot", "tilt", "psi"]].to_numpy(), degrees=True).inv()
    stage = np.array([0.0, 3, -3, -6, 6, 9, -9])
    stage = np.sort(stage) if dialect == "warptools" else stage
    expected = Rotation.from_euler("Y", np.tile(stage, 8)[:, None], degrees=True) * own[table["particle"].to_numpy()]
    error = expected.inv() * Rotation.from_matrix(particle_set.rotations)
    assert np.rad2deg(error.magnitude()).max() < 0.001
    assert table["tilt_cosine"].to_numpy() == pytest.approx(np.cos(np.deg2rad(np.tile(stage, 8))), abs=1e-5)


def test_shot_noise_has_the_ratio_asked_for(tmp_path: Path) -> None:
    options = {**SMALL, "particles": 40, "structural_snr": 1e9, "shot_snr": 0.1}
    clean = images_of(simulated(tmp_path / "clean", **options, noise=False))
    noisy = images_of(simulated(tmp_path / "noisy", **options))
    assert clean.var(axis=(1, 2)).mean() / (noisy - clean).var() == pytest.approx(0.1, rel=0.03)


def test_structural_noise_has_the_ratio_asked_for(tmp_path: Path) -> None:
    options = {**CLEAN, "particles": 40, "structural_snr": 1.4, "shot_snr": 1e9}
    clean = images_of(simulated(tmp_path / "clean", **options))
    noisy = images_of(simulated(tmp_path / "noisy", **{**options, "noise": True}))
    assert clean.var(axis=(1, 2)).mean() / (noisy - clean).var() == pytest.approx(1.4, rel=0.03)


def test_corners_of_an_image_are_empty_whatever_its_state(tmp_path: Path) -> None:
    """A particle adds its mass to the image; an image brought to a mean of 0 would tell that mass in its corners."""
    images, label = images_of(simulated(tmp_path, **{**CLEAN, "tilts": 1, "shift": 0.0})), truth_of(tmp_path)["label"]
    maps = [mrcfile.read(tmp_path / f"state_{state}.mrc") for state in range(4)]
    assert images.sum(axis=(1, 2)) == pytest.approx([maps[state].sum() for state in label], rel=1e-3)
    y, x = np.indices((32, 32)) - 16
    assert np.abs(images[:, np.hypot(y, x) > 16].mean(axis=1)).max() < 0.02 * images.mean()


def test_noise_is_the_same_for_every_state(tmp_path: Path) -> None:
    options = {**SMALL, "particles": 40}
    clean = simulated(tmp_path / "clean", **options, noise=False)
    noise = images_of(simulated(tmp_path / "noisy", **options)) - images_of(clean)
    label = truth_of(tmp_path / "clean")["label"].to_numpy()[clean.tilt_images["particle"]]
    power = [noise[label == state].var() for state in range(4)]
    assert max(power) / min(power) < 1.05


def half_plane_k() -> tuple[np.ndarray, np.ndarray]:
    """Frequency in 1/Å of rfft2's half plane, and where a projection of the complex has power enough to divide by."""
    k = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.rfftfreq(32)[None]) / PIXEL_SIZE
    return k, (k > 0) & (k < 0.4 / PIXEL_SIZE)


def ratio(images: np.ndarray, divided_by: np.ndarray, inside: np.ndarray) -> np.ndarray:
    above, below = np.fft.rfft2(images)[:, inside], np.fft.rfft2(divided_by)[:, inside]
    strong = np.abs(below) > np.median(np.abs(below))
    return np.where(strong, (above / below).real, np.nan)


def test_dose_damps_amplitudes_as_the_critical_dose_says(tmp_path: Path) -> None:
    fresh = simulated(tmp_path / "fresh", **CLEAN)
    exposed = simulated(tmp_path / "exposed", **{**CLEAN, "dose_per_tilt": 3.0})
    k, inside = half_plane_k()
    found = ratio(images_of(exposed), images_of(fresh), inside)
    dose = exposed.tilt_images["dose"].to_numpy()[:, None]
    assert dose[:7, 0].tolist() == [3, 6, 9, 12, 15, 18, 21]
    expected = np.exp(-dose / (2 * (0.24499 * k[inside] ** -1.6649 + 2.8141)))
    assert np.nanmax(np.abs(found - expected)) < 1e-3


def test_ctf_is_that_of_the_defocus_in_the_star(tmp_path: Path) -> None:
    plain = simulated(tmp_path / "plain", **CLEAN)
    blurred = simulated(tmp_path / "blurred", **{**CLEAN, "ctf_power": "1"})
    k, inside = half_plane_k()
    found = ratio(images_of(blurred), images_of(plain), inside)
    defocus = blurred.tilt_images["defocus_u"].to_numpy()[:, None]
    wavelength = 12.2639 / np.sqrt(300e3 + 0.97845e-6 * 300e3**2)
    squared = k[inside] ** 2
    phase = np.pi * wavelength * defocus * squared - np.pi / 2 * 2.7e7 * wavelength**3 * squared**2 + np.arcsin(0.1)
    assert np.nanmax(np.abs(found - np.sin(phase))) < 2e-3


def test_defocus_belongs_to_tomogram_and_height(tmp_path: Path) -> None:
    particle_set = simulated(tmp_path, **{**CLEAN, "particles": 12}, tomograms=2, defocus_error=0.05)
    table, particles = particle_set.tilt_images, particle_set.particles
    untilted = table[table["tilt_cosine"] == 1].set_index("particle")["defocus_u"]
    for _, rows in particles.groupby("tomogram").indices.items():
        base = untilted.to_numpy()[rows] - particles["z"].to_numpy()[rows]
        assert np.ptp(base) < 0.1
    assert 1.0e4 < untilted.mean() < 4.0e4


def test_defocus_means_spread_over_the_range_asked_for(tmp_path: Path) -> None:
    options = {**CLEAN, "particles": 40, "tomograms": 40, "tilts": 1, "thickness": 300.0, "defocus_error": 0.0}
    defocus = simulated(tmp_path, **options).tilt_images["defocus_u"].to_numpy() / 1e4
    assert defocus.mean() == pytest.approx(2.5, abs=0.15)
    assert defocus.std() == pytest.approx(np.hypot(np.std([1.5, 2, 2.5, 3, 3.5]), 0.3), abs=0.12)


def test_premultiplied_images_are_plain_ones_times_ctf_and_weights(tmp_path: Path) -> None:
    plain = simulated(tmp_path / "plain", **SMALL)
    both = simulated(tmp_path / "both", **SMALL, ctf_power="2", attenuation="dose-tilt")
    k, inside = half_plane_k()
    found = ratio(images_of(both), images_of(plain), inside)
    table = plain.tilt_images
    wavelength = 12.2639 / np.sqrt(300e3 + 0.97845e-6 * 300e3**2)
    squared = k[inside] ** 2
    defocus, dose = table["defocus_u"].to_numpy()[:, None], table["dose"].to_numpy()[:, None]
    ctf = np.sin(
        np.pi * wavelength * defocus * squared - np.pi / 2 * 2.7e7 * wavelength**3 * squared**2 + np.arcsin(0.1)
    )
    weight = np.exp(-dose / (2 * (0.24499 * k[inside] ** -1.6649 + 2.8141))) * table["tilt_cosine"].to_numpy()[:, None]
    assert np.nanmax(np.abs(found - ctf * weight)) < 5e-3


@pytest.mark.parametrize("dialect", ["cryosrpnt", "warptools"])
def test_same_seed_gives_the_same_bytes(tmp_path: Path, dialect: str) -> None:
    for name in ("first", "second"):
        simulate(SimulateOptions(outdir=tmp_path / name, **SMALL, dialect=dialect, seed=3))
    simulate(SimulateOptions(outdir=tmp_path / "other", **SMALL, dialect=dialect, seed=4))
    files = sorted(path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file())
    assert len(files) >= 8
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    stack = next(name for name in files if name.suffix == ".mrcs")
    assert (tmp_path / "first" / stack).read_bytes() != (tmp_path / "other" / stack).read_bytes()


def test_maps_can_be_given(tmp_path: Path) -> None:
    simulate(SimulateOptions(outdir=tmp_path / "built_in", **CLEAN))
    maps = tuple(tmp_path / "built_in" / f"state_{state}.mrc" for state in (0, 3))
    particle_set = simulated(tmp_path / "maps", **CLEAN, maps=maps)
    assert truth_of(tmp_path / "maps")["label"].value_counts().to_dict() == {0: 4, 1: 4}
    assert particle_set.box == 32


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"structural_snr": 0.0}, "--structural-snr"),
        ({"shot_snr": -0.1}, "--shot-snr"),
        ({"tilts": 0}, "--tilts"),
        ({"box": 33}, "--box"),
        ({"box": 8}, "--box"),
        ({"particles": 3}, "--particles"),
        ({"particles": 5, "tomograms": 6}, "--particles"),
        ({"tomograms": 0}, "--tomograms"),
        ({"pixel_size": 0.0}, "--pixel-size"),
        ({"max_tilt": 90.0}, "--max-tilt"),
        ({"tilt_step": 0.0}, "--tilt-step"),
        ({"tilt_step": 1e-7}, "--tilt-step"),
        ({"voltage": 0.0}, "--voltage"),
        ({"defocus_min": 4.0}, "--defocus-max"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(tmp_path: Path, options: dict[str, Any], flag: str) -> None:
    with pytest.raises(InputError, match=f"^{flag}: is .*; expected "):
        simulate(SimulateOptions(outdir=tmp_path / "set", **{**SMALL, **options}))
    assert not (tmp_path / "set").exists()


def test_tilts_are_those_of_a_given_scheme(tmp_path: Path) -> None:
    (tmp_path / "scheme.txt").write_text("0\n-10.5\n\n20\n")
    particle_set = simulated(tmp_path / "set", **{**CLEAN, "tilts": None}, tilt_scheme=tmp_path / "scheme.txt")
    table = particle_set.tilt_images
    expected = np.cos(np.deg2rad([0, -10.5, 20]))
    assert table["tilt_cosine"].to_numpy() == pytest.approx(np.tile(expected, 8), abs=1e-5)
    assert (particle_set.tilts_per_particle == 3).all()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no tilts"),
        ("0\n95\n", "line 2 is '95'"),
        ("0\n3 4\n", "line 2 is '3 4'"),
        ("nan", "line 1 is 'nan'"),
    ],
)
def test_schemes_that_cannot_be_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "scheme.txt").write_text(text)
    with pytest.raises(InputError, match=rf"scheme.txt: {sentence}"):
        simulate(SimulateOptions(outdir=tmp_path / "set", **SMALL, tilt_scheme=tmp_path / "scheme.txt"))
    assert not (tmp_path / "set").exists()


def test_a_set_that_is_replaced_leaves_no_map_behind(tmp_path: Path) -> None:
    simulate(SimulateOptions(outdir=tmp_path / "set", **SMALL))
    (tmp_path / "one.mrc").write_bytes((tmp_path / "set" / "state_0.mrc").read_bytes())
    simulate(SimulateOptions(outdir=tmp_path / "set", **SMALL, maps=(tmp_path / "one.mrc",), overwrite=True))
    assert [path.name for path in (tmp_path / "set").glob("state_*")] == ["state_0.mrc"]


def test_output_that_exists_is_kept(tmp_path: Path) -> None:
    star = simulate(SimulateOptions(outdir=tmp_path, **SMALL))
    before = star.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        simulate(SimulateOptions(outdir=tmp_path, **SMALL, seed=1))
    assert star.read_bytes() == before
    simulate(SimulateOptions(outdir=tmp_path, **SMALL, seed=1, overwrite=True))
    assert star.read_bytes() != before
