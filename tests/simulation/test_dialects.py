"""The same particles in every dialect: what was planted is read back, and the images differ by convention only."""

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.simulation.writers import WRITERS
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

DIALECTS = tuple(WRITERS)
STAGE = [0.0, 3, -3, -6, 6, 9, -9]  # in order of acquisition
UNEVEN: dict[str, Any] = {
    "particles": 12,
    "tomograms": 3,
    "tilts": 7,
    "shift": 1.5,
    "missing_tilts": 3,
    "dose_spread": 1.5,
    "noise_spread": 2.0,
    "phase_shift": 30.0,
    "seed": 5,
}
PLAIN: dict[str, Any] = {**UNEVEN, "dose_at": "after", "attenuation": "none", "ctf_power": "1", "contrast": "bright"}


def simulated(folder: Path, **options: Any) -> ParticleSet:
    star = simulate(SimulateOptions(outdir=folder, **options))
    series = folder / "volume_series.star"
    return read_particles(star, volume_series=series if series.exists() else None)


def images_of(particle_set: ParticleSet) -> np.ndarray:
    return ImageStacks(particle_set).read(np.arange(len(particle_set.tilt_images)))


def tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    text = {"tomogram": str, "particle": str}
    return pd.read_csv(folder / "truth.csv", dtype=text), pd.read_csv(folder / "tomograms.csv", dtype=text)


def by_acquisition(particle_set: ParticleSet) -> np.ndarray:
    """Rows of the images, particle by particle in order of increasing dose."""
    table = particle_set.tilt_images
    return np.lexsort((table["dose"], table["particle"]))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ParticleSet]:
    """The same particles in every dialect, with CTF and nothing else of an extraction program in the images."""
    folder = tmp_path_factory.mktemp("plain")
    return {dialect: simulated(folder / dialect, **PLAIN, dialect=dialect) for dialect in DIALECTS}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_uneven_tilt_series_read_back_as_planted(tmp_path: Path, dialect: str) -> None:
    particle_set = simulated(tmp_path, **UNEVEN, dialect=dialect)
    truth, tomograms = tables(tmp_path)
    table, particles = particle_set.tilt_images, particle_set.particles
    assert particle_set.dialect == dialect
    assert particle_set.pixel_size == pytest.approx(6.0)
    assert [name.removesuffix(".tomostar") for name in particles["tomogram"]] == truth["tomogram"].tolist()
    assert [name.split("/")[-1] for name in particles["name"]] == truth["particle"].tolist()
    assert particles[["z", "y", "x"]].to_numpy() == pytest.approx(truth[["z", "y", "x"]].to_numpy(), abs=0.01)
    assert particles[["rot", "tilt", "psi"]].to_numpy() == pytest.approx(
        truth[["rot", "tilt", "psi"]].to_numpy(), abs=1e-4
    )
    row = tomograms.set_index("tomogram").loc[truth["tomogram"].to_numpy()].reset_index()
    assert np.bincount(table["particle"]).tolist() == row["tilts"].tolist()
    assert sorted(tomograms["tilts"]) == [4, 5, 7]

    of_image = row.loc[table["particle"].to_numpy()]
    exposure = table["dose"].to_numpy() / of_image["dose_per_tilt"].to_numpy()
    within = 1 if particle_set.forward_model.dose_at == "after" else 0
    acquired = exposure.round().astype(int) - within
    assert exposure == pytest.approx(acquired + within, abs=1e-3)
    stage = np.array(STAGE)[acquired]
    assert table["tilt_cosine"].to_numpy() == pytest.approx(np.cos(np.deg2rad(stage)), abs=1e-5)
    own = Rotation.from_euler("ZYZ", truth[["rot", "tilt", "psi"]].to_numpy(), degrees=True).inv()
    expected = Rotation.from_euler("Y", stage[:, None], degrees=True) * own[table["particle"].to_numpy()]
    error = expected.inv() * Rotation.from_matrix(particle_set.rotations)
    assert np.rad2deg(error.magnitude()).max() < 0.001


@pytest.mark.parametrize("dialect", DIALECTS)
def test_images_are_projections_of_the_tilts_that_are_left(tmp_path: Path, dialect: str) -> None:
    clean = {"noise": False, "ctf_power": "0", "attenuation": "none", "dose_per_tilt": 0.001, "contrast": "bright"}
    image_shift = 0.0 if dialect in ("warptools", "relion5") else 1.0
    particle_set = simulated(tmp_path, **{**UNEVEN, **clean, "image_shift": image_shift}, dialect=dialect)
    truth, table, images = tables(tmp_path)[0], particle_set.tilt_images, images_of(particle_set)
    maps = [mrcfile.read(tmp_path / f"state_{state}.mrc") for state in range(4)]
    assert len(images) == 64
    for row in range(0, len(images), 3):
        volume = maps[truth["label"][table["particle"][row]]]
        to_source = particle_set.rotations[row].T[::-1, ::-1]
        turned = ndimage.affine_transform(volume, to_source, offset=16 - to_source @ np.full(3, 16), order=3)
        shift_yx = -table[["shift_y", "shift_x"]].to_numpy()[row] / 6.0
        expected = ndimage.shift(turned.sum(axis=0), shift_yx, order=3)
        assert np.corrcoef(images[row].ravel(), expected.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("dialect", DIALECTS[1:])
def test_one_seed_gives_the_same_images_in_every_dialect(plain: dict[str, ParticleSet], dialect: str) -> None:
    first, other = plain[DIALECTS[0]], plain[dialect]
    rows, others = by_acquisition(first), by_acquisition(other)
    images = images_of(first)[rows]
    assert np.abs(images_of(other)[others] - images).max() < 1e-3 * images.std()
    columns = ["particle", "shift_x", "shift_y", "defocus_u", "defocus_v", "dose", "tilt_cosine", "phase_shift"]
    expected = first.tilt_images[columns].to_numpy()[rows]
    read = other.tilt_images[columns].to_numpy()[others]
    if dialect in ("warptools", "relion5"):  # their files give the dose before an exposure unless told otherwise
        assert other.forward_model.dose_at == "before"
    assert read == pytest.approx(expected, abs=0.02)
    assert np.abs(other.rotations[others] - first.rotations[rows]).max() < 1e-5


def test_cryosrpnt_is_warp_in_dark(tmp_path: Path) -> None:
    dark, bright = (simulated(tmp_path / dialect, **UNEVEN, dialect=dialect) for dialect in ("cryosrpnt", "warp"))
    assert (images_of(dark) == -images_of(bright)).all()


def test_noise_grows_by_the_factor_of_its_tomogram(tmp_path: Path) -> None:
    clean = simulated(tmp_path / "clean", **{**UNEVEN, "noise": False})
    noise = images_of(simulated(tmp_path / "noisy", **UNEVEN)) - images_of(clean)
    truth, tomograms = tables(tmp_path / "noisy")
    tomogram = truth["tomogram"].to_numpy()[clean.tilt_images["particle"]]
    found = np.array([noise[tomogram == name].std() for name in tomograms["tomogram"]])
    factor = tomograms["noise_factor"].to_numpy()
    assert sorted(factor) == [1.0, 1.5, 2.0]
    assert found / found[factor == 1] == pytest.approx(factor, rel=0.05)


def test_doses_spread_from_the_one_asked_for_down(tmp_path: Path) -> None:
    simulated(tmp_path, **UNEVEN)
    dose = tables(tmp_path)[1]["dose_per_tilt"].to_numpy()
    assert sorted(dose) == pytest.approx([2.0, 2.5, 3.0])


@pytest.mark.parametrize("height", ["plus", "minus"])
def test_relion_hand_is_the_sign_of_the_height(tmp_path: Path, height: str) -> None:
    options = {**UNEVEN, "defocus_error": 0.0, "missing_tilts": 0, "dialect": "relion5", "defocus_height": height}
    particle_set = simulated(tmp_path, **options)
    untilted = particle_set.tilt_images.query("tilt_cosine == 1").set_index("particle")
    centre = 1e4 * tables(tmp_path)[1]["defocus"].to_numpy().repeat(4)
    size = particle_set.tomograms["size_z"].to_numpy()[0]
    added = untilted["defocus_u"].to_numpy() - centre
    sign = 1 if height == "plus" else -1
    assert added == pytest.approx(sign * (particle_set.particles["z"].to_numpy() - size / 2), abs=1.0)
    assert particle_set.forward_model.defocus_height == height


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"missing_tilts": 7}, "^--missing-tilts: is 7; expected 0 or more, fewer than the 7 tilts"),
        ({"missing_tilts": -1}, "^--missing-tilts: is -1"),
        ({"noise_spread": 0.5}, "^--noise-spread: is 0.5; expected 1"),
        ({"dose_spread": 0.0}, "^--dose-spread: is 0.0; expected 1"),
        ({"image_shift": 1.0, "dialect": "relion5"}, "^--image-shift: relion5 stars hold one shift a particle"),
        ({"image_shift": -1.0}, "^--image-shift: is -1.0; expected 0"),
    ],
)
def test_nuisance_that_cannot_be_is_refused(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        simulate(SimulateOptions(outdir=tmp_path / "set", **{**UNEVEN, **options}))
    assert not (tmp_path / "set").exists()


def trained_latents(particle_set: ParticleSet, folder: Path, **data: Any) -> np.ndarray:
    options = TrainOptions(
        particles=particle_set.source.optimisation_set_path or particle_set.source.path,
        outdir=folder,
        epochs=2,
        batch_size=4,
        learning_rate=2e-3,
        latent_dim=2,
        amp="off",  # rounding would make more of what the files' digits differ in
        store_dtype="float32",
        encoder_a="32x1",
        encoder_b="32x1",
        decoder="32x1",
        pooling="mean",
        tilt_order="dose",
        device="cpu",
        **data,
    )
    return train(options).latents().z_mean


def test_training_gives_the_same_latents_from_every_dialect(tmp_path: Path, plain: dict[str, ParticleSet]) -> None:
    same = {"dose_at": "after", "attenuation": "none", "contrast": "bright"}
    found = {name: trained_latents(plain[name], tmp_path / name, **same) for name in ("warp", "warptools", "relion5")}
    spread = found["warp"].std(axis=0)
    assert (spread > 0).all()
    for latents in found.values():
        assert np.abs(latents - found["warp"]).max() < 0.01 * spread.min()
