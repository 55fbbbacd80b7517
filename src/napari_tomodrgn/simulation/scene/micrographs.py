"""Tilt images cut from projections of whole scenes."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.simulation.formation import ImageFormation
from napari_tomodrgn.simulation.placement import matrices
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.scene.objects import DrawnObject, particle_density
from napari_tomodrgn.simulation.tilt_scheme import tilt_rotations
from napari_tomodrgn.simulation.transfer import Transfer

_STRUCTURAL, _SHOT = 8, 9  # streams of random numbers, beside those of plan, scene and tomograms

FloatArray = npt.NDArray[np.float64]


class SceneFormation:
    """Forms one micrograph a tilt of each tomogram, and cuts the picks' images from them.

    Projecting is linear, so a micrograph is the sum of projections of what is in the tomogram. Images are cut with as
    much again about them, so that the CTF of a pick's own height doesn't wrap around, moved by the rest of a pixel, and
    trimmed. Overlapping boxes share signal and noise. The noise levels are those of particles alone.

    Parameters
    ----------
    volumes
        (S, D, D, D), axes z, y, x, protein positive: of the states, or of the steps of a motion.
    plan
        What to simulate, with a scene.
    """

    def __init__(self, volumes: npt.NDArray[np.floating], plan: Plan) -> None:
        assert plan.scene is not None
        self.plan, self.scene = plan, plan.scene
        self.box = int(volumes.shape[-1])
        self.noise = ImageFormation(volumes, plan).noise
        flat = [_without_background(each) for each in volumes]
        self._projectors = [Projector(each) for each in flat]
        self._means = [float(each.sum()) / self.box**2 for each in flat]  # which a projector leaves out
        self._density = particle_density(volumes)
        self._series = tilt_rotations(plan.tilts)
        self._cut = Transfer(plan.options, plan.forward_model, 2 * self.box)
        self._whole = Transfer(plan.options, plan.forward_model, self._size())

    def particles(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the images (T or fewer, D, D) of every pick, as they are written."""
        for tomogram in range(len(self.plan.tomograms)):
            yield from self.images(tomogram)

    def images(self, tomogram: int) -> npt.NDArray[np.float32]:
        """Return the images (n, T or fewer, D, D) of a tomogram's picks."""
        rows = np.flatnonzero(self.plan.tomogram == tomogram)
        tilts = np.flatnonzero(self.plan.nuisance.shown[tomogram]).tolist()
        objects = [each.drawn(self.plan.options.pixel_size, 2) for each in self.scene.objects[tomogram]]
        images = np.empty((len(rows), len(tilts), self.box, self.box), dtype=np.float32)
        for number, tilt in enumerate(tilts):
            micrograph = self._damped(self._projection(tomogram, tilt, objects), tomogram, tilt)
            images[:, number] = self._picked(micrograph, rows, tilt).numpy()
        return images

    def projection(self, tomogram: int, tilt: int) -> npt.NDArray[np.float32]:
        """Return what a tomogram looks like at a tilt (its number in the plan), before dose, noise and microscope.

        The middle of the tomogram lies on the middle pixel of this square (y, x), which has a margin about it.
        """
        objects = [each.drawn(self.plan.options.pixel_size, 2) for each in self.scene.objects[tomogram]]
        return self._projection(tomogram, tilt, objects)

    def micrograph(self, tomogram: int, tilt: int) -> npt.NDArray[np.float32]:
        """Return the same with dose, noise, cos(tilt) and the CTF of the tomogram's middle."""
        damped = self._damped(self.projection(tomogram, tilt), tomogram, tilt)
        defocus = torch.tensor([self.plan.tilt_defocus[tomogram, tilt]], dtype=torch.float32)
        seen = self._whole.detected(torch.from_numpy(damped)[None], self._cosine(tilt), defocus)[0].numpy()
        return seen + self._random(_SHOT, tomogram, tilt, self.noise.shot)

    def _projection(self, tomogram: int, tilt: int, objects: list[DrawnObject]) -> npt.NDArray[np.float32]:
        size = self._whole.size
        canvas = np.zeros((size, size), dtype=np.float32)
        rows = np.flatnonzero((self.plan.tomogram == tomogram) & self.scene.has_particle)
        place = self._place(self.scene.position[rows], tomogram, tilt)
        nearest = np.round(place).astype(int)
        rotation = self._series[tilt] @ matrices(self.scene.angles[rows])
        for image, (x, y) in zip(
            self._particle_images(rows, rotation, place - nearest), (nearest - self.box // 2).tolist(), strict=True
        ):
            canvas[y : y + self.box, x : x + self.box] += image
        for each, drawn in zip(self.scene.objects[tomogram], objects, strict=True):
            (centre,) = self._place(each.position[None], tomogram, tilt)
            drawn.add_to(canvas, centre[::-1], self._density)
        return canvas

    def _particle_images(
        self, rows: npt.NDArray[np.int64], rotation: FloatArray, shift: FloatArray
    ) -> npt.NDArray[np.float32]:
        """Return projections (n, D, D) of the picks' particles, 0 where there is nothing."""
        images = np.zeros((len(rows), self.box, self.box), dtype=np.float32)
        shares = [self.plan.maps_of(int(row)) for row in rows]
        for number in {number for each in shares for number, _ in each}:
            chosen = [at for at, each in enumerate(shares) if number in dict(each)]
            share = np.array([dict(shares[at])[number] for at in chosen], dtype=np.float32)[:, None, None]
            turned, moved = (torch.from_numpy(values[chosen]).float() for values in (rotation, shift))
            drawn = self._projectors[number].images(turned, lattice(self.box), moved).numpy()
            images[chosen] += share * (drawn + np.float32(self._means[number]))
        return images

    def _damped(self, projection: npt.NDArray[np.float32], tomogram: int, tilt: int) -> npt.NDArray[np.float32]:
        """Return a projection after its dose, with structural noise."""
        dose = torch.tensor([self.plan.dose[tomogram, tilt]], dtype=torch.float32)
        damped: npt.NDArray[np.float32] = self._whole.damped(torch.from_numpy(projection)[None], dose)[0].numpy()
        return damped + self._random(_STRUCTURAL, tomogram, tilt, self.noise.structural)

    def _picked(self, micrograph: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], tilt: int) -> Tensor:
        """Return the images (n, D, D) of a tomogram's picks at one tilt, as the extraction program writes them."""
        plan = self.plan
        tomogram = int(plan.tomogram[rows[0]])
        shot = self._random(_SHOT, tomogram, tilt, self.noise.shot)
        centre = self._place(plan.position[rows], tomogram, tilt) - plan.displacement[rows, tilt]
        nearest = np.round(centre).astype(int)
        cuts = [_about(x, y, self.box) for x, y in nearest.tolist()]
        defocus = torch.from_numpy(plan.defocus[rows, tilt]).float()
        specimen, noise = (torch.from_numpy(np.stack([each[cut] for cut in cuts])) for each in (micrograph, shot))
        seen = self._cut.detected(self._faded(specimen), self._cosine(tilt), defocus) + noise
        dose = torch.tensor([plan.dose[tomogram, tilt]], dtype=torch.float32)
        moved = torch.from_numpy(nearest - centre).float()
        written = self._cut.extracted(seen, dose, self._cosine(tilt), defocus, moved)
        middle = slice(self.box // 2, 3 * self.box // 2)
        return written[:, middle, middle]

    def _faded(self, cuts: Tensor) -> Tensor:
        """Return cut-outs (n, 2D, 2D) that fade to their mean in the outermost D/4 pixels: edges would ring."""
        inward = torch.minimum(torch.arange(2 * self.box), torch.arange(2 * self.box).flip(0)) + 0.5
        profile = 0.5 - 0.5 * torch.cos(torch.pi * (inward / (self.box / 4)).clamp(max=1))
        mean = cuts.mean(dim=(-2, -1), keepdim=True)
        return mean + (cuts - mean) * profile[:, None] * profile[None, :]

    def _place(self, positions: FloatArray, tomogram: int, tilt: int) -> FloatArray:
        """Return where positions (n, 3) in Å lie in a micrograph (n, 2), x, y in px."""
        middle = np.array(self.plan.tomograms[tomogram].size) / 2
        turned = (positions - middle) @ self._series[tilt][:2].T
        return np.asarray(turned / self.plan.options.pixel_size + self._whole.size // 2)

    def _size(self) -> int:
        """Return the pixels of a micrograph's side, even: no cut-out about any place leaves it."""
        reach = max(np.hypot(each.size[0], each.size[2]) for each in self.plan.tomograms) / 2
        shift = float(np.abs(self.plan.displacement).max())
        return 2 * int(next_fast_len(int(np.ceil(reach / self.plan.options.pixel_size + shift)) + self.box + 2))

    def _random(self, stream: int, tomogram: int, tilt: int, deviation: float) -> npt.NDArray[np.float32]:
        """Return noise of a micrograph's size that depends on seed, tomogram and when it was taken alone."""
        size = self._whole.size
        if deviation == 0:
            return np.zeros((size, size), dtype=np.float32)
        acquired = int(self.plan.acquired[tilt])
        generator = np.random.default_rng([self.plan.options.seed, stream, tomogram, acquired])
        factor = np.float32(deviation * self.plan.nuisance.noise_factor[tomogram])
        return generator.standard_normal((size, size), dtype=np.float32) * factor

    def _cosine(self, tilt: int) -> Tensor:
        return torch.from_numpy(self.plan.tilt_cosine[[tilt]]).float()


def _about(x: int, y: int, half: int) -> tuple[slice, slice]:
    """Return the part (y, x) of a micrograph that is a box of ``2 half`` pixels about a place."""
    return slice(y - half, y + half), slice(x - half, x + half)


def _without_background(volume: npt.NDArray[np.floating]) -> Tensor:
    """Return a map (D, D, D) that is about 0 outside the sphere in its box, or a box would show in the micrograph."""
    values = torch.from_numpy(np.array(volume, dtype=np.float32))
    steps = torch.arange(len(values)) - len(values) // 2
    squared = steps[:, None, None] ** 2 + steps[None, :, None] ** 2 + steps[None, None, :] ** 2
    return values - values[squared > (len(values) // 2) ** 2].mean()
