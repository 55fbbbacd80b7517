"""A map on another grid: of another box and pixel size, about the same middle."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


def resample(
    values: FloatArray,  # (D, D, D)
    pixel_size: float,
    box: int,
    new_pixel_size: float,
) -> npt.NDArray[np.float64]:
    """Return a map (d, d, d) on voxels of another size (Å): the wave that the voxels stand for, at the new places.

    Voxel D/2 becomes voxel d/2. Waves that the new voxels can't hold (beyond their Nyquist, along each axis) are left
    out first. Outside of the old box there is the mean of its faces.
    """
    size = len(values)
    if (box, new_pixel_size) == (size, pixel_size):
        return values.astype(np.float64)
    old = (np.arange(size) - size // 2) * pixel_size
    new = (np.arange(box) - box // 2) * new_pixel_size
    faces = [values.take(face, axis) for axis in range(3) for face in (0, -1)]
    outside = float(np.mean(faces))
    waves = _waves(old, new, pixel_size, new_pixel_size)
    result = values.astype(np.float64) - outside
    for _ in range(3):  # each turn takes the first axis and puts the new one last
        result = np.tensordot(result, waves, axes=(0, 1))
    within = (new >= old[0] - pixel_size / 2) & (new <= old[-1] + pixel_size / 2)
    result *= within[:, None, None] * within[:, None] * within
    return np.asarray(result + outside)


def _waves(old: FloatArray, new: FloatArray, pixel_size: float, new_pixel_size: float) -> npt.NDArray[np.float64]:
    """Return the matrix (d, D) that takes values at ``old`` places to the sum of their Fourier series at ``new`` ones.

    Of the wave at Nyquist only the half is kept that the old voxels know, its cosine about their middle.
    """
    size = len(old)
    length = size * pixel_size
    order = np.arange(size // 2 + 1)
    weight = np.where((order == 0) | (order == size // 2), 1.0, 2.0) / size
    weight[order / length > 0.5 / new_pixel_size * (1 + 1e-9)] = 0
    phase = 2 * np.pi * order / length
    nyquist = order == size // 2
    cosines = np.cos(phase[:, None] * new) * weight[:, None]
    sines = np.where(nyquist[:, None], 0.0, np.sin(phase[:, None] * new)) * weight[:, None]
    return np.asarray(cosines.T @ np.cos(phase[:, None] * old) + sines.T @ np.sin(phase[:, None] * old))
