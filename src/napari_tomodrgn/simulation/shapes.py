"""A built-in macromolecular complex, so that a demo and a test need no file."""

import numpy as np
import numpy.typing as npt

STATES = 4
DIAMETER = 250.0  # Å, where the box leaves room for it
LARGEST_SHARE, SMALLEST_SHARE = 0.66, 0.50  # of the box, for any pixel size
BALL_SIGMA = 0.075  # of the complex's radius
CUT_OFF, EDGE = 0.44, 0.04  # cycles/px: nothing lies beyond their sum

# Lobes in units of the radius: centre x y z, half-axes x y z, number of balls. Lying on a screw about z, they have no
# mirror plane. The core is in every state; each later state lacks one more of the parts, a tenth of the mass each.
_CORE = (
    ((0.05, -0.05, -0.15), (0.55, 0.42, 0.36), 34),
    ((-0.40, 0.10, 0.20), (0.28, 0.36, 0.30), 16),
    ((0.10, 0.40, 0.35), (0.34, 0.24, 0.22), 11),
    ((0.42, -0.28, 0.22), (0.20, 0.24, 0.34), 9),
)
_PARTS = (
    ((-0.05, 0.00, 0.78), (0.22, 0.16, 0.20), 10),
    ((0.72, 0.32, -0.12), (0.16, 0.24, 0.18), 10),
    ((-0.42, -0.58, -0.42), (0.24, 0.16, 0.18), 10),
)


def four_state_complex(box: int, pixel_size: float) -> npt.NDArray[np.float32]:
    """Return a chiral, asymmetric complex in four states of assembly, (4, D, D, D), axes z, y, x.

    State 0 is whole, and each further state lacks one more part of a tenth of the mass. The complex is
    250 Å across where that is between 50 and 66 % of the box, and scaled to those limits elsewhere. It is made of
    Gaussian balls of equal mass, its density is never far below 0, and it is band-limited below 0.48 cycles/px.

    Parameters
    ----------
    box
        D, even, px.
    pixel_size
        Å.
    """
    diameter = np.clip(DIAMETER, SMALLEST_SHARE * box * pixel_size, LARGEST_SHARE * box * pixel_size)
    radius = diameter / pixel_size / 2
    core = sum(_lobe(number, box, radius) for number in range(len(_CORE)))
    parts = [_lobe(len(_CORE) + number, box, radius) for number in range(len(_PARTS))]
    states = [core + sum(parts[: STATES - 1 - state]) for state in range(STATES)]
    return band_limit(np.stack(states)).astype(np.float32)


def band_limit(volumes: npt.NDArray[np.floating], share: float = 1.0) -> npt.NDArray[np.floating]:
    """Return volumes (..., D, D, D) with a cosine edge to zero from 0.44 to 0.48 cycles/px, or a share of those."""
    box = volumes.shape[-1]
    steps, half = np.fft.fftfreq(box), np.fft.rfftfreq(box)
    radius = np.sqrt(steps[:, None, None] ** 2 + steps[None, :, None] ** 2 + half[None, None, :] ** 2)
    keep = 0.5 + 0.5 * np.cos(np.pi * np.clip((radius / share - CUT_OFF) / EDGE, 0, 1))
    axes = (-3, -2, -1)
    return np.fft.irfftn(np.fft.rfftn(volumes, axes=axes) * keep, s=(box,) * 3, axes=axes)


def _lobe(number: int, box: int, radius: float) -> npt.NDArray[np.float64]:
    """Return (D, D, D): the balls of one lobe, which are the same ones in every box."""
    centre, axes, count = (*_CORE, *_PARTS)[number]
    balls = _spread_balls(np.array(axes), count, np.random.default_rng([2718, number])) + np.array(centre)
    sigma = max(BALL_SIGMA * radius, 0.9)
    steps = np.arange(box) - box // 2
    x, y, z = (np.exp(-((steps[None, :] - radius * balls[:, [axis]]) ** 2) / (2 * sigma**2)) for axis in range(3))
    height = (BALL_SIGMA * radius / sigma) ** 3  # the mass stays where small boxes need wider balls
    density: npt.NDArray[np.float64] = height * np.einsum("nz,ny,nx->zyx", z, y, x)
    return density


def _spread_balls(axes: npt.NDArray[np.float64], count: int, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return (count, 3) points in an ellipsoid that keep apart: each is the farthest of 30 random ones."""
    points = np.zeros((0, 3))
    while len(points) < count:
        candidates = generator.uniform(-1, 1, (60, 3))
        candidates = (candidates[np.linalg.norm(candidates, axis=1) < 1] * axes)[:30]
        distance = np.linalg.norm(candidates[:, None] - points[None], axis=2).min(axis=1, initial=np.inf)
        points = np.vstack([points, candidates[np.argmax(distance)]])
    return points
