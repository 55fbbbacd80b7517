"""Real-space tomograms: every particle's map at its place and in its orientation, and what else is in a scene."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_tomodrgn.simulation.placement import matrices
from napari_tomodrgn.simulation.plan import FloatArray, Plan
from napari_tomodrgn.simulation.scene.objects import particle_density
from napari_tomodrgn.simulation.shapes import band_limit

SNR = 0.5  # variance of a map in its box over that of a tomogram's noise, where its noise factor is 1
_STREAM = 6  # of random numbers, beside those of plan and image formation


def tomogram_pixel_size(plan: Plan) -> float:
    """Return Å per voxel: what was asked for, or twice the pixel size of the images."""
    return plan.options.tomogram_pixel_size or round(2 * plan.options.pixel_size, 3)


class TomogramMaker:
    """Draws tomograms, axes z, y, x, without missing wedge or CTF, protein positive.

    Parameters
    ----------
    maps
        (S, D, D, D) that the plan's particles are made of.
    plan
        What to simulate.
    """

    def __init__(self, maps: npt.NDArray[np.float32], plan: Plan) -> None:
        self.plan = plan
        self.voxel = tomogram_pixel_size(plan)
        coarser = min(1.0, plan.options.pixel_size / self.voxel)
        limited = band_limit(maps, coarser)  # nothing finer than the tomogram can hold
        self._deviation = float(np.mean([each.std() for each in limited])) if plan.options.noise else 0.0
        self._density = particle_density(maps)
        self._splines = [ndimage.spline_filter(each, order=3, output=np.float32) for each in limited]

    def draw(self, tomogram: int) -> npt.NDArray[np.float32]:
        """Return one tomogram; voxel (0, 0, 0) is at 0 Å."""
        plan = self.plan
        shape = tuple(int(np.ceil(length / self.voxel - 1e-6)) for length in plan.tomograms[tomogram].size[::-1])
        values = np.zeros(shape, dtype=np.float32)
        if self._deviation:
            deviation = self._deviation / np.sqrt(SNR) * plan.nuisance.noise_factor[tomogram]
            generator = np.random.default_rng([plan.options.seed, _STREAM, tomogram])
            values += generator.standard_normal(shape, dtype=np.float32) * np.float32(deviation)
        for placed in plan.placed(tomogram):
            self._place(values, *placed)
        for each in plan.scene.objects[tomogram] if plan.scene else ():
            each.drawn(self.voxel, 3).add_to(values, each.position[::-1] / self.voxel, self._density)
        return values

    def _place(self, values: npt.NDArray[np.float32], row: int, position: FloatArray, angles: FloatArray) -> None:
        """Add one particle's map: at x lies what is at Aᵀ(x - p) in the map, from its voxel D/2."""
        pixel_size = self.plan.options.pixel_size
        box = self._splines[0].shape[0]
        position = position[::-1]  # z, y, x
        begin = np.ceil((position - box / 2 * pixel_size) / self.voxel).astype(int).clip(0)
        end = np.floor((position + box / 2 * pixel_size) / self.voxel).astype(int) + 1
        end = np.minimum(end, values.shape)
        if (begin >= end).any():
            return
        to_map = matrices(angles).T[::-1, ::-1]
        spline = np.stack([share * self._splines[number] for number, share in self.plan.maps_of(row)]).sum(axis=0)
        values[tuple(slice(*ends) for ends in zip(begin, end, strict=True))] += ndimage.affine_transform(
            spline,
            to_map * (self.voxel / pixel_size),
            offset=box // 2 + to_map @ (begin * self.voxel - position) / pixel_size,
            output_shape=tuple(end - begin),
            order=3,
            prefilter=False,
        )
