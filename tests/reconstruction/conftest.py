"""Maps with a known truth, and particle sets made from them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_tomodrgn.imaging.hartley import hartley2, pairs_of_plane, pairs_to_images
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.geometry import axis_rotation
from napari_tomodrgn.particles.particle_set import ParticleSet, StarSource

FloatMap = npt.NDArray[np.float32]


def blobs(box: int, width: float, reach: float, seed: int = 3) -> FloatMap:
    """Return blobs of many weights at random places: protein positive, without any symmetry."""
    generator = np.random.default_rng(seed)
    z, y, x = np.mgrid[:box, :box, :box] - box / 2
    values = np.zeros((box, box, box))
    for _ in range(24):
        direction = generator.standard_normal(3)
        centre = direction / np.linalg.norm(direction) * reach * generator.uniform() ** (1 / 3)
        distance = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        values += generator.uniform(0.5, 2) * np.exp(-distance / (2 * width**2))
    return values.astype(np.float32)


@pytest.fixture(scope="session")
def chiral_map() -> FloatMap:
    """A map (32, 32, 32) unlike its mirror image."""
    return blobs(32, 1.5, 9)


def made_up_set(
    images: npt.NDArray[np.floating],  # (N, T, D, D)
    rotations: npt.NDArray[np.floating],  # (N, T, 3, 3)
    stack: Path,
    *,
    pixel_size: float = 4.5,
    model: ForwardModel | None = None,
    tilt_columns: dict[str, npt.ArrayLike] | None = None,
    positions: npt.NDArray[np.floating] | None = None,  # (N, 3) z, y, x in Å
) -> ParticleSet:
    """Write images as one stack and return the set they make; one tomogram, columns (T,) or (N, T) as given."""
    particles, tilts, box = images.shape[:3]
    with mrcfile.new(stack, overwrite=True) as stream:
        stream.set_data(images.reshape(-1, box, box).astype(np.float32))
    table = pd.DataFrame({"particle": np.repeat(np.arange(particles), tilts), "stack": 0})
    table["index"] = np.arange(particles * tilts)
    defaults = {"shift_x": 0.0, "shift_y": 0.0, "defocus_u": 25000.0, "defocus_v": 24000.0, "defocus_angle": 20.0}
    defaults |= {"voltage": 300.0, "spherical_aberration": 2.7, "amplitude_contrast": 0.1, "phase_shift": 0.0}
    defaults |= {"b_factor": 0.0, "scale": 1.0, "dose": 0.0, "tilt_angle": 0.0, "stage_tilt": 0.0, "tilt_cosine": 1.0}
    for name, value in (defaults | (tilt_columns or {})).items():
        table[name] = np.broadcast_to(value, (particles, tilts)).ravel()
    names = pd.DataFrame({"tomogram": "t", "name": [str(number) for number in range(particles)]})
    place = np.full((particles, 3), np.nan) if positions is None else positions
    columns = dict(zip("zyx", place.T, strict=True)) | dict.fromkeys(("rot", "tilt", "psi"), np.nan)
    return ParticleSet(
        particles=names.assign(**columns, source_particle=np.arange(particles)),
        tilt_images=table,
        rotations=rotations.reshape(-1, 3, 3).astype(np.float32),
        stacks=(str(stack),),
        stack_names=(stack.name,),
        box=box,
        pixel_size=pixel_size,
        forward_model=model or ForwardModel(ctf_power=0),
        dialect="warp",
        tomograms=pd.DataFrame({"name": ["t"]}),
        source=StarSource("warp", stack, None, "", np.zeros(particles, dtype=np.int64)),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def make_set(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ParticleSet]:
    """Return a maker of sets from images (N, T, D, D) and rotations (N, T, 3, 3)."""
    folder = tmp_path_factory.mktemp("stacks")
    count = iter(range(1000))

    def make(images: npt.NDArray[np.floating], rotations: npt.NDArray[np.floating], **settings: object) -> ParticleSet:
        return made_up_set(images, rotations, folder / f"{next(count)}.mrcs", **settings)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def truth() -> FloatMap:
    """The map (48, 48, 48) of the simulated experiment."""
    return blobs(48, 1.2, 14)


@pytest.fixture(scope="session")
def plain(truth: FloatMap, make_set: Callable[..., ParticleSet]) -> ParticleSet:
    """60 particles × 11 tilts of 8 e/Å² at 4.5 Å/px and 2 to 3 µm: the CTF has its first zero near 20 Å.

    The signal is damped by exposure and tilt; the noise is white and has nine times its variance.
    """
    particles, tilt = 60, np.array([0, 10, -10, 20, -20, 30, -30, 40, -40, 50, -50])
    generator = np.random.default_rng(0)
    rotations = axis_rotation(1, tilt)[None] @ Rotation.random(particles, random_state=0).as_matrix()[:, None]
    defocus = generator.uniform(20000, 30000, (particles, 1))
    columns = {
        "defocus_u": defocus,
        "defocus_v": defocus - 800,
        "dose": 8.0 * np.arange(1, len(tilt) + 1),
        "tilt_cosine": np.cos(np.deg2rad(tilt)),
    }

    def set_of(images: npt.NDArray[np.floating]) -> ParticleSet:
        model = ForwardModel(ctf_power=1)
        return make_set(images.reshape(particles, -1, 48, 48), rotations, tilt_columns=columns, model=model)

    tilts, points = physics_of(set_of(np.zeros((particles * len(tilt), 48, 48)))), lattice(48)
    slices = Projector(torch.from_numpy(truth)).pairs(tilts.k3(points))
    signal = pairs_to_images(slices * tilts.transfer(points)[:, None], points).numpy()
    return set_of(signal + generator.normal(0, 3 * signal.std(), signal.shape))


@pytest.fixture(scope="session")
def premultiplied(plain: ParticleSet, make_set: Callable[..., ParticleSet]) -> ParticleSet:
    """The same images multiplied by CTF, exposure weight and cos(tilt) once more, as WarpTools writes them."""
    points, model = lattice(48), ForwardModel(ctf_power=2, attenuation="dose-tilt")
    pairs = pairs_of_plane(hartley2(torch.from_numpy(stored(plain))), points)
    images = pairs_to_images(pairs * physics_of(plain).transfer(points)[:, None], points).numpy()
    return replace(plain, stacks=rewritten(plain, images, make_set).stacks, forward_model=model)


@pytest.fixture(scope="session")
def with_hidden(plain: ParticleSet, make_set: Callable[..., ParticleSet]) -> ParticleSet:
    """The same images, the last three of each particle blocked by a bright edge, as a frame that should be hidden."""
    images, generator = stored(plain), np.random.default_rng(1)
    blocked = np.tile(np.arange(11) >= 8, len(plain))
    edge = generator.uniform(0, 48, (int(blocked.sum()), 1, 1)) < np.arange(48)
    images[blocked] += 6 * images.std() * edge
    return replace(plain, stacks=rewritten(plain, images, make_set).stacks)


def physics_of(particle_set: ParticleSet) -> TiltImages:
    """Return the tilt images with everything that happened to the signal once: CTF, exposure, cos(tilt)."""
    return TiltImages.of(particle_set.with_forward_model(ctf_power=1, attenuation="dose-tilt"))


def stored(particle_set: ParticleSet) -> npt.NDArray[np.float32]:
    """Return the images (M, D, D) of a set of one stack."""
    with mrcfile.open(particle_set.stacks[0]) as stream:
        return np.array(stream.data)


def rewritten(
    particle_set: ParticleSet, images: npt.NDArray[np.floating], make_set: Callable[..., ParticleSet]
) -> ParticleSet:
    """Return a set that holds other images in the same order."""
    particles, box = len(particle_set), particle_set.box
    rotations = particle_set.rotations.reshape(particles, -1, 3, 3)
    return make_set(images.reshape(particles, -1, box, box), rotations)
