"""Ways through latent space, to be gone along: between two latents, along a principal component, through particles."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.embeddings import principal_components

ENDS = (2.0, 98.0)  # percentiles of the particles that a way along a component spans

Latents = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LatentPath:
    r"""A way through latent space: corners (n, \|z\|) that straight lines join, and what it is called."""

    corners: Latents
    name: str

    @cached_property
    def lengths(self) -> npt.NDArray[np.float64]:
        """How long (n,) the way is from its beginning to each corner."""
        steps = np.linalg.norm(np.diff(self.corners.astype(np.float64), axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """At what share (n,) of the way's length each corner lies; all 0 where it has none."""
        return self.lengths / (self.lengths[-1] or 1.0)

    def at(self, share: float) -> Latents:
        r"""Return the latent (\|z\|,) at a share of the way's length, 0 at its beginning and 1 at its end."""
        if self.lengths[-1] == 0:
            first: Latents = self.corners[0]
            return first
        along = np.clip(share, 0, 1) * self.lengths[-1]
        corners = self.corners.astype(np.float64)
        return np.array([np.interp(along, self.lengths, column) for column in corners.T], dtype=np.float32)

    def sampled(self, points: int) -> Latents:
        r"""Return latents (points, \|z\|) at even distances along the way, both ends among them."""
        return np.stack([self.at(share) for share in np.linspace(0, 1, points)])


def between(one: npt.ArrayLike, other: npt.ArrayLike, name: str) -> LatentPath:
    """Return the straight way between two latents."""
    return LatentPath(np.stack([np.asarray(one), np.asarray(other)]).astype(np.float32), name)


def along_component(latents: npt.ArrayLike, number: int, ends: tuple[float, float] = ENDS) -> LatentPath:
    """Return the way along a principal component (from 1) of latents (N, z), through their mean.

    It spans what the particles' coordinates do between two percentiles.
    """
    values = np.asarray(latents, dtype=np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    found = principal_components(values, number)
    low, high = np.percentile(found.coordinates[:, number - 1], ends)
    direction = found.directions[number - 1]
    mean = values.mean(axis=0)
    return between(mean + low * direction, mean + high * direction, f"PC {number}")


def through(latents: npt.ArrayLike, rows: npt.ArrayLike, name: str) -> LatentPath:
    """Return the way through the latents (N, z) of some particles, in their order."""
    corners = np.asarray(latents, dtype=np.float32)[np.asarray(rows, dtype=np.int64)]
    return LatentPath(corners[np.isfinite(corners).all(axis=1)], name)
