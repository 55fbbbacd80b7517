"""A chiral object off its box's centre, put into tomograms with scipy alone, by the convention that RELION documents.

Nothing here calls the program: positions are Å from the centre of the tomogram's first voxel, and RELION's matrix of
rot, tilt, psi, scipy's intrinsic ZYZ rotation transposed, maps vectors (x, y, z) of the map about its voxel D/2 into
the untilted image's frame, which is the tomogram's.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.transform import Rotation

BOX = 32
PIXEL_SIZE = 6.0  # Å
CENTRES = ((16 + 5, 16 + 4, 16 - 7), (16 - 6, 16 + 5, 16 + 3), (16 + 2, 16 - 6, 16 + 6))  # z, y, x in px
SIGMAS = (2.4, 1.9, 1.4)  # px

Array = npt.NDArray[np.float64]
Volume = npt.NDArray[np.float32]


def blobs() -> list[Volume]:
    """Three balls of different sizes, a map each."""
    grid = np.mgrid[:BOX, :BOX, :BOX]
    maps = []
    for centre, sigma in zip(CENTRES, SIGMAS, strict=True):
        squared = sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True))
        maps.append(np.exp(-squared / (2 * sigma**2)).astype(np.float32))
    return maps


def put_by_scipy(
    values: npt.NDArray[np.floating],  # (D, D, D)
    position: Array,  # (3,) z, y, x in Å
    angles: Array,  # (3,) rot, tilt, psi in degrees
    begin: npt.NDArray[np.int64],  # (3,) z, y, x of the first voxel looked at
    shape: tuple[int, int, int],
    voxel: float,  # Å
) -> Array:
    """Return a part of a tomogram with a map of pixels of 6 Å at its place in it."""
    to_image = Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix().T
    to_map = to_image.T[::-1, ::-1]  # z, y, x
    offset = BOX // 2 + to_map @ (begin * voxel - position) / PIXEL_SIZE
    return ndimage.affine_transform(
        values.astype(float), to_map * voxel / PIXEL_SIZE, offset=offset, output_shape=shape, order=3
    )


def inside(vertices: npt.NDArray[np.floating], faces: npt.NDArray[np.integer], shape: tuple[int, int, int]) -> Array:
    """Return 1 for each voxel inside a closed surface, vertices in voxels, by counting its faces along z."""
    steps = np.zeros((shape[0] + 1, *shape[1:]))
    for corners in np.asarray(vertices, dtype=float)[faces]:
        low = np.maximum(np.ceil(corners[:, 1:].min(axis=0)).astype(int), 0)
        high = np.minimum(np.floor(corners[:, 1:].max(axis=0)).astype(int), np.array(shape[1:]) - 1)
        if (low > high).any():
            continue
        y, x = (each.ravel() for each in np.mgrid[low[0] : high[0] + 1, low[1] : high[1] + 1])
        first, second = corners[1] - corners[0], corners[2] - corners[0]
        area = first[1] * second[2] - first[2] * second[1]
        if area == 0:
            continue
        b = ((y - corners[0, 1]) * second[2] - (x - corners[0, 2]) * second[1]) / area
        c = ((x - corners[0, 2]) * first[1] - (y - corners[0, 1]) * first[2]) / area
        met = (b >= 0) & (c >= 0) & (b + c < 1)
        z = np.clip(np.ceil(corners[0, 0] + b * first[0] + c * second[0]), 0, shape[0]).astype(int)
        np.add.at(steps, (z[met], y[met], x[met]), np.sign(area))
    return np.abs(np.cumsum(steps, axis=0)[:-1])


def enclosed(vertices: npt.NDArray[np.floating], faces: npt.NDArray[np.integer]) -> tuple[float, Array]:
    """Return the volume that closed surfaces enclose, and its centre z, y, x: sums over tetrahedra from the origin.

    It is above 0 where faces run counter-clockwise as seen from outside.
    """
    corners = np.asarray(vertices, dtype=float)[faces][..., ::-1]  # x, y, z
    volumes = np.einsum("ni,ni->n", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    centre = (volumes[:, None] * corners.sum(axis=1) / 4).sum(axis=0) / volumes.sum()
    return float(volumes.sum()), centre[::-1]


def correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
