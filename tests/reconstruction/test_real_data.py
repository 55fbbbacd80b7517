"""Backprojection of the real and public sets, with controls that must fail."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from napari_tomodrgn.particles.geometry import euler_matrices
from napari_tomodrgn.particles.maps import flip_hand, read_map
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.reconstruction.backproject import backproject
from napari_tomodrgn.reconstruction.fsc import correlation, fsc
from napari_tomodrgn.reconstruction.reconstruct import ReconstructOptions, reconstruct

FloatMap = npt.NDArray[np.float32]
LEAST_FSC, LEAST_CORRELATION, LEAST_LEAD_OF_THE_HAND = 0.4, 0.65, 0.1


@pytest.fixture(scope="module")
def ribosomes(warptools_set: Path) -> ParticleSet:
    """40 ribosomes in situ; the set's geometry gives maps of the other hand."""
    return read_particles(warptools_set).with_forward_model(map_hand="flip")


@pytest.fixture(scope="module")
def reference(warptools_set: Path) -> FloatMap:
    """The map that was supplied with the set."""
    return read_map(warptools_set.with_name("warptools_test_box-32_angpix-12_reconstruct.mrc")).values


@pytest.fixture(scope="module")
def in_situ(ribosomes: ParticleSet) -> FloatMap:
    """Their backprojection in the hand of the set's geometry."""
    return backproject(ribosomes).map


def agrees(found: FloatMap, reference: FloatMap) -> bool:
    """Tell whether a map has the reference's detail, density and hand."""
    curve = fsc(found, reference)[1:13]
    here, mirrored = correlation(found, reference), correlation(flip_hand(found), reference)
    return bool(curve.min() >= LEAST_FSC and here >= LEAST_CORRELATION and here >= mirrored + LEAST_LEAD_OF_THE_HAND)


def split_poses(particle_set: ParticleSet) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Return each tilt image's projection matrix (M, 3, 3) and its particle's orientation (M, 3, 3)."""
    angles = particle_set.particles[["rot", "tilt", "psi"]].to_numpy(float)
    orientation = euler_matrices(*angles.T)[particle_set.tilt_images["particle"].to_numpy()]
    return particle_set.rotations @ orientation.transpose(0, 2, 1), orientation


def test_simulated_ribosomes_come_close_to_their_truth(class_e_star: Path) -> None:
    truth = read_map(class_e_star.with_name("10076_classE_32.mrc")).values

    found = backproject(read_particles(class_e_star)).map

    assert correlation(found, truth) >= 0.78


def test_ribosomes_in_situ_agree_with_the_supplied_map_in_its_hand(
    warptools_set: Path, reference: FloatMap, in_situ: FloatMap, tmp_path: Path
) -> None:
    """Through the field that says so, as a user writes it; the negative controls below flip maps in memory."""
    given = {
        "particles": warptools_set,
        "outdir": tmp_path / "map",
        "backproject": True,
        "map_hand": "flip",
        "device": "cpu",
    }
    written = read_map(reconstruct(ReconstructOptions(**given)).map_path).values

    assert agrees(written, reference)
    np.testing.assert_allclose(written, flip_hand(in_situ), atol=1e-4 * np.abs(in_situ).max())


def test_the_mirrored_map_does_not_agree(in_situ: FloatMap, reference: FloatMap) -> None:
    assert not agrees(in_situ, reference)
    assert fsc(in_situ, reference)[6:13].max() < 0.2


def test_transposed_tilt_matrices_do_not_agree(ribosomes: ParticleSet, reference: FloatMap) -> None:
    projection, orientation = split_poses(ribosomes)
    np.testing.assert_allclose(np.linalg.det(projection), 1, atol=1e-4)

    wrong = replace(ribosomes, rotations=(projection.transpose(0, 2, 1) @ orientation).astype(np.float32))

    found = flip_hand(backproject(wrong).map)
    assert not agrees(found, reference)
    assert fsc(found, reference)[6:13].max() < 0.2


def test_another_particles_poses_do_not_agree(ribosomes: ParticleSet, reference: FloatMap) -> None:
    projection, _ = split_poses(ribosomes)
    angles = ribosomes.particles[["rot", "tilt", "psi"]].to_numpy(float)
    others = np.roll(euler_matrices(*angles.T), 1, axis=0)[ribosomes.tilt_images["particle"].to_numpy()]

    wrong = replace(ribosomes, rotations=(projection @ others).astype(np.float32))

    found = flip_hand(backproject(wrong).map)
    assert not agrees(found, reference)
    assert fsc(found, reference)[6:13].max() < 0.2
