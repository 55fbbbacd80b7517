"""Local refinement of a placed model: the correlation of its density with the map, in real space."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.fitting.placement import Placement
from napari_tomodrgn.imaging.atom_density import SIGMA, atom_density
from napari_tomodrgn.particles.atoms import Atoms
from napari_tomodrgn.particles.maps import Map

FINEST = 10.0  # Å: a rigid fit needs no more, however small the pixels are
SAMPLES_PER_RESOLUTION = 2.0
AROUND = 0.02  # of the largest density: below that a place is not looked at
MOST_POINTS = 30_000
STEP_DEGREES, STEP_PIXELS = 2.0, 0.3
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ModelDensity:
    """The density of a model about its centre, on a grid of its own.

    Attributes
    ----------
    density
        Even box, the centre of mass on voxel D/2.
    centre
        (3,) x, y, z in Å: the centre of mass of the model as it was read.
    resolution
        Å.
    """

    density: Map
    centre: Floats
    resolution: float


def model_density(atoms: Atoms, resolution: float, pixel_size: float) -> ModelDensity:
    """Return the density of a model at a resolution, in a box that holds it in any orientation."""
    centre = atoms.centre_of_mass
    reach = float(np.linalg.norm(atoms.position - centre, axis=1).max()) + 2 * resolution
    box = 2 * int(np.ceil(reach / pixel_size))
    moved = replace(atoms, position=atoms.position - centre + box // 2 * pixel_size)
    return ModelDensity(Map(atom_density(moved, box, pixel_size, resolution), pixel_size), centre, resolution)


class Correlation:
    """The correlation of a model's density with a map, wherever it is put.

    It is taken over the places where the model's density is more than next to nothing, blurred edge included, so that
    density that the model has nothing to say about plays no part.
    """

    def __init__(self, model: ModelDensity, target: Map) -> None:
        self.pixel_size = target.pixel_size
        values = model.density.values
        places = np.argwhere(values > AROUND * values.max())
        if len(places) > MOST_POINTS:
            places = places[np.random.default_rng(0).choice(len(places), MOST_POINTS, replace=False)]
        expected = values[tuple(places.T)].astype(np.float64)
        self._expected = (expected - expected.mean()) / np.linalg.norm(expected - expected.mean())
        self._points = (places[:, ::-1] - model.density.box // 2) * model.density.pixel_size  # x, y, z about its centre
        self._pivot = target.box // 2
        blur = SIGMA * model.resolution / target.pixel_size
        # maps end at their own resolution: only what is finer than the model's is taken away
        smooth = gaussian_filter(target.values, blur) if model.resolution > 2.5 * target.pixel_size else target.values
        self._target = spline_filter(smooth.astype(np.float64), order=3)

    def at(self, rotation: Floats, centre: Floats) -> float:
        """Return the correlation with the model turned, its centre of mass (3,) x, y, z in Å from voxel D/2."""
        voxels = (self._points @ rotation.T + centre) / self.pixel_size + self._pivot
        found = map_coordinates(self._target, voxels[:, ::-1].T, order=3, prefilter=False)
        found = found - found.mean()
        length = float(np.linalg.norm(found))
        return float(self._expected @ found) / length if length > 0 else 0.0


def refined(correlation: Correlation, model: ModelDensity, placement: Placement) -> tuple[Placement, float]:
    """Return the placement of highest correlation near another, and that correlation."""
    first = placement.rotation @ model.centre + placement.shift

    def placed(parameters: Floats) -> tuple[Floats, Floats]:
        turn = Rotation.from_rotvec(parameters[:3] * STEP_DEGREES, degrees=True).as_matrix()
        return turn @ placement.rotation, first + parameters[3:] * STEP_PIXELS * correlation.pixel_size

    def lost(parameters: Floats) -> float:
        return -correlation.at(*placed(parameters))

    start = np.concatenate([np.zeros((1, 6)), np.eye(6)])
    found = minimize(
        lost,
        np.zeros(6),
        method="Nelder-Mead",
        options={"initial_simplex": start, "maxfev": 400, "xatol": 0.01, "fatol": 1e-6},
    )
    rotation, centre = placed(found.x)
    return Placement(rotation, centre - rotation @ model.centre, placement.hand), -float(found.fun)
