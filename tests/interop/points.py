"""A run whose decoder is known exactly: three clusters of points, of which latents switch two on and off.

The decoder's features are the waves of the points themselves, so it says their Fourier transform without an error. What
its volumes are is worked out here by numpy's FFT, and where they lie by scipy, without the program's code.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

BOX, PIXEL_SIZE = 32, 12.0
CENTRES = ((4, 4, -6), (-6, 5, 2), (2, -6, 5))  # z, y, x in px from voxel D/2; chiral together
PER_CLUSTER = BOX // 2
SPREADS = (1.6, 1.2, 0.8)  # px, and so their sizes
GATES = {0: (1.0, 1.0), 1: (1.0, 0.0), 2: (0.0, 1.0)}  # the latent of each class: which of the last two are there
_OFF = 10.0

Array = npt.NDArray[np.float64]


def points() -> tuple[npt.NDArray[np.int64], Array]:
    """Return whole-numbered positions (48, 3) z, y, x from voxel D/2, 16 a cluster, and their weights."""
    generator = np.random.default_rng(5)
    places, weights = [], []
    for centre, spread in zip(CENTRES, SPREADS, strict=True):
        off = np.rint(generator.normal(0, spread, (PER_CLUSTER, 3))).astype(np.int64)
        places.append(np.array(centre) + off)
        weights.append(np.full(PER_CLUSTER, spread))
    return np.concatenate(places), np.concatenate(weights)


def volume(label: int) -> Array:
    """Return the volume (D, D, D) of a class: what Fourier coefficients up to Nyquist show of its points."""
    values = np.zeros((BOX,) * 3)
    places, weights = points()
    there = np.repeat([1.0, *GATES[label]], PER_CLUSTER)
    np.add.at(values, tuple((places + BOX // 2).T), weights * there)
    spectrum = np.fft.fftn(values)
    steps = np.fft.fftfreq(BOX)
    radius = np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2)
    return np.fft.ifftn(np.where((radius > 0) & (radius <= 0.5), spectrum, 0)).real


def put_by_scipy(
    values: Array, position: Array, angles: Array, shape: tuple[int, ...], voxel: float, order: int = 3
) -> Array:
    """Return a tomogram (Z, Y, X) with a map of pixels of 12 Å at its place in it.

    Positions are Å from the centre of the first voxel; RELION's matrix, scipy's intrinsic ZYZ rotation transposed, maps
    vectors of the map about its voxel D/2 into the tomogram.
    """
    to_map = Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix()[::-1, ::-1]  # z, y, x
    reach = np.sqrt(3) / 2 * BOX * PIXEL_SIZE
    begin = np.maximum(np.floor((position - reach) / voxel).astype(int), 0)
    end = np.minimum(np.ceil((position + reach) / voxel).astype(int) + 1, shape)
    offset = BOX // 2 + to_map @ (begin * voxel - position) / PIXEL_SIZE
    result = np.zeros(shape)
    result[tuple(slice(*ends) for ends in zip(begin, end, strict=True))] = ndimage.affine_transform(
        values, to_map * voxel / PIXEL_SIZE, offset=offset, output_shape=tuple(end - begin), order=order
    )
    return result


@dataclass(frozen=True)
class KnownRun:
    """A run, its particles as they were planted (tomogram, particle, label, z y x in Å, rot tilt psi), and the data."""

    run: Run
    truth: pd.DataFrame
    star: Path

    def of(self, tomogram: str) -> pd.DataFrame:
        """Return the particles of a tomogram."""
        return self.truth[self.truth["tomogram"] == tomogram]


def known_run(folder: Path, dialect: Any = "warptools") -> KnownRun:
    """Write simulated particles in two tomograms, and a run whose decoder and latents are as above."""
    star = simulate(
        SimulateOptions(
            outdir=folder / "data", dialect=dialect, particles=9, tomograms=2, tilts=3, noise=False, shift=1.5, box=BOX,
            pixel_size=PIXEL_SIZE, thickness=400.0, tomogram=True, tomogram_pixel_size=18.0,
        )
    )  # fmt: skip
    series = folder / "data" / "volume_series.star"
    options = TrainOptions(
        particles=star, outdir=folder / "run", latent_dim=2, pooling="none", epochs=1, decoder=f"{2 * 48 + 3}x1",
        device="cpu", amp="off", volume_series=series if series.exists() else None,
    )  # fmt: skip
    run = train(options)
    truth = pd.read_csv(folder / "data" / "truth.csv", dtype={"tomogram": str, "particle": str})
    ids = run.latents().ids
    truth["tomogram"], truth["particle"] = zip(*ids, strict=True)  # in the order in which they were written
    truth["label"] = np.arange(len(truth)) % 3
    _know(run, truth["label"].to_numpy())
    return KnownRun(Run.open(run.path), truth, star)


def _know(run: Run, label: npt.NDArray[np.int64]) -> None:
    """Put the known decoder and latents in the place of those learned; rows of latents lie in another order."""
    state = torch.load(run.checkpoint(), weights_only=True)
    for name, value in decoder(run.standard_deviation).items():
        assert state["model"][f"decoder.{name}"].shape == value.shape
        state["model"][f"decoder.{name}"] = value
    torch.save(state, run.checkpoint())
    mean = np.array([GATES[each] for each in label], dtype=np.float32)
    order = np.random.default_rng(1).permutation(len(label))
    ids = [run.latents().ids[row] for row in order]
    known = Latents(tuple(ids), mean[order], np.zeros_like(mean), np.full(len(ids), "train"))
    known.save(layout.latents_path(run.path, 1))
    known.save(run.path / layout.CHOSEN_LATENTS)


def decoder(standard_deviation: float) -> dict[str, torch.Tensor]:
    """Return the weights: ReLU(cos f·k + 1), ReLU(sin f·k + 1) and ReLU(1) of what is there, and 0 of what is not."""
    places, weights = points()
    count = len(places)
    cluster = np.arange(count) // PER_CLUSTER
    width = 2 * count + 3
    first, bias = np.zeros((width, 2 * count + 2)), np.ones(width)
    for row in range(count):
        first[row, count + row] = first[count + row, row] = 1.0  # cosines, then sines: features are the other way round
    for unit, own in enumerate([*cluster, *cluster, 0, 1, 2]):
        if own:
            first[unit, 2 * count + own - 1] = _OFF
            bias[unit] -= _OFF
    last = np.zeros((2, width))
    last[0, :count], last[1, count : 2 * count] = weights, -weights  # F = sum of w (cos - i sin)
    for own in range(3):
        total = weights[cluster == own].sum()
        last[0, 2 * count + own], last[1, 2 * count + own] = -total, total
    arrays = {
        "vectors": 2 * np.pi * places[:, ::-1],
        "latent_scale": np.ones(2),
        "mlp.first.weight": first,
        "mlp.first.bias": bias,
        "mlp.hidden.0.weight": np.zeros((width, width)),
        "mlp.hidden.0.bias": np.zeros(width),
        "mlp.last.weight": last / standard_deviation,
        "mlp.last.bias": np.zeros(2),
    }
    return {name: torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32)) for name, value in arrays.items()}


def correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
