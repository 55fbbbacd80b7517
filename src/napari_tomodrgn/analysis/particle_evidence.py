"""What a particle's tilt images say for its volume: images, projections of the volume, and how far they agree."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.imaging.hartley import pairs_to_images
from napari_tomodrgn.imaging.lattice import Lattice, lattice
from napari_tomodrgn.particles.particle_set import ParticleId

Part = Literal["image", "projection", "residual"]
Order = Literal["tilt", "dose"]
FloatArray = npt.NDArray[np.float64]

PARTS: dict[Part, str] = {"image": "image", "projection": "projection × CTF", "residual": "residual"}  # and their names
SPAN = 3.0  # standard deviations of the images on either side of 0 that the greys of pictures reach to


@dataclass(frozen=True)
class ParticleEvidence:
    r"""The n tilt images of a particle beside the volume that a run decodes for it.

    All pairs are standardised Hartley pairs (n, 2, P) float32, as the training compares them: particles are positive,
    images are windowed and centred, projections are multiplied by the CTF and by all else that is in the images.

    Attributes
    ----------
    particle
        Its id.
    box, pixel_size
        px and Å of the images.
    images, projections, mean_projections
        Pairs of the images, and of the volumes of the particle's own latent and of the mean latent.
    weights
        (n, P) loss weights, 0 beyond the dose mask.
    kept
        (n,) how many of the P points of each image count, from the lowest frequency on.
    dose
        (n,) e/Å², as the weights use it.
    tilt, signed
        (n,) degrees; without a sign where the files don't tell it, and ``signed`` is false.
    defocus
        (n,) Å, the mean of both axes.
    loss, mean_loss
        (n,) what the objective says of each image for both volumes: a mean over the points that count.
    trained
        (n,) whether an image was trained on, and not held out.
    latent
        (\|z\|,) the particle's own, from all its images.
    """

    particle: ParticleId
    box: int
    pixel_size: float
    images: Tensor
    projections: Tensor
    mean_projections: Tensor
    weights: Tensor
    kept: npt.NDArray[np.int64]
    dose: FloatArray
    tilt: FloatArray
    signed: bool
    defocus: FloatArray
    loss: FloatArray
    mean_loss: FloatArray
    trained: npt.NDArray[np.bool_]
    latent: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.dose)

    @property
    def share(self) -> FloatArray:
        """(n,) which share of the particle's points are in each image: its loss is the sum of share times loss."""
        return self.kept / max(int(self.kept.sum()), 1)

    @property
    def particle_loss(self) -> float:
        """What the objective says of the particle as a whole, without the latent's own term."""
        return float((self.share * self.loss).sum())

    @cached_property
    def weight(self) -> FloatArray:
        """(n,) mean loss weight of the points that count in each image, 0 where none does."""
        total: FloatArray = self.weights.double().sum(1).numpy()
        return total / np.maximum(self.kept, 1)

    @cached_property
    def correlation(self) -> FloatArray:
        """(n,) weighted correlation of each image with its projection, over the points that count; 0 without power."""
        weight = self.weights.double()[:, None]
        image, projection = self.images.double(), self.projections.double()
        norm = ((weight * image**2).sum((1, 2)) * (weight * projection**2).sum((1, 2))).sqrt()
        product: FloatArray = ((weight * image * projection).sum((1, 2)) / norm.clamp(min=1e-30)).numpy()
        return product

    def order(self, by: Order) -> npt.NDArray[np.int64]:
        """Return the numbers (n,) of the images, from the lowest tilt or dose on."""
        return np.lexsort((self.dose, self.tilt) if by == "tilt" else (self.tilt, self.dose)).astype(np.int64)

    def against(self, by: Order) -> tuple[FloatArray, str]:
        """Return what the images (n,) are plotted against, and its name."""
        if by == "dose":
            return self.dose, "dose (e/Å²)"
        return self.tilt, "tilt (°)" if self.signed else "tilt (°), without sign"

    def pairs(self, part: Part) -> Tensor:
        """Return the pairs (n, 2, P) of the images, of the projections, or of what these leave of the images."""
        if part == "residual":
            return self.images - self.projections
        return self.images if part == "image" else self.projections

    def shown(self, part: Part, *, low_pass: float = 0.0, masked: bool = True) -> Tensor:
        """Return pairs (n, 2, P) without what is finer than ``low_pass`` Å (0: all), or beyond the dose mask."""
        points = lattice(self.box)
        factor = torch.ones(len(self), points.pairs)
        if low_pass:
            factor *= _low_pass(points, self.pixel_size, low_pass)
        if masked:
            factor *= torch.arange(points.pairs) < torch.from_numpy(self.kept)[:, None]
        return self.pairs(part) * factor[:, None]

    def in_real_space(self, part: Part, *, low_pass: float = 0.0, masked: bool = True) -> Tensor:
        """Return images (n, D, D), y and x; see :func:`real_space`."""
        return real_space(self.shown(part, low_pass=low_pass, masked=masked), self.box)


def _low_pass(points: Lattice, pixel_size: float, low_pass: float) -> Tensor:
    """Return what points (P,) are multiplied by: an edge two Fourier shells wide, as volumes have it."""
    beyond = points.k.norm(dim=1) * points.box - points.box * pixel_size / low_pass
    return 0.5 + 0.5 * torch.cos(torch.pi * ((beyond + 1) / 2).clamp(0, 1))


def real_space(pairs: Tensor, box: int) -> Tensor:
    """Return images (..., D, D) of pairs (..., 2, P), in which white noise of Hartley values of 1 has pixels of 1."""
    return pairs_to_images(pairs, lattice(box)) * box


def deviation(pairs: Tensor, box: int) -> float:
    """Return the standard deviation of the pixels, about 0, of the images (n, D, D) that pairs (n, 2, P) stand for."""
    return float(torch.sqrt((pairs.double() ** 2).sum() / (max(len(pairs), 1) * box**2)))
