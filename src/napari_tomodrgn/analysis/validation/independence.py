"""Whether tilt images that had no part in finding a difference find it again.

Latents that are nothing but noise still fall into classes, and the images of a class then agree on what made them fall
there: its noise. So a small model is learned anew from three quarters of every particle's tilt images and has to
predict the last quarter: along the direction in which the chosen particles differ from the others, what the first
images say of a particle has to agree with what the last ones say.

The direction is the only thing that knows of all images, by which particles are chosen. What that may do is bounded:
the correlation is held against the largest one of any direction when the last quarters are dealt out to other particles
of the same tomograms (the first canonical correlation).

A particle's tilt images have its pose in common. From one side more is seen of what it has than from another, so that
particles which are all alike but unlike the mean volume would agree on how much that is: both parts are measured from
the mean of the particles that are compared. And whatever a model of few dimensions gets wrong shows from some sides
more than from others: what tomogram and viewing directions tell of either part is taken out of both, before they are
compared and after every dealing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.model.linear_encoder import LinearEncoder
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.batches import Rows, Split
from napari_tomodrgn.training.inference import Images, linear_posteriors
from napari_tomodrgn.training.linear_fit import fit_linear_encoder

EVERY = 4  # of so many tilt images, one is kept aside
DIMENSIONS = 8  # of the small model at most
MOST_PARTICLES = 20_000
FEWEST_TILTS = 2
VIEW_DEGREE = 4

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Independence:
    """How images that were kept aside agree with the others on a difference.

    Attributes
    ----------
    correlation
        Over particles, of what both say along the difference.
    p
        Share of random dealings in which some direction reaches that.
    null
        (P,) what the best direction reaches in each.
    """

    correlation: float
    p: float
    null: Array


@dataclass(frozen=True)
class Part:
    """What some of their tilt images say of n particles.

    Attributes
    ----------
    product
        (n, q) products of the model's components with the images, less the mean volume's part, by the noise's variance.
    information
        (n, q, q) the same of components with components: information @ z is the product to be expected of a latent z.
    """

    product: Array
    information: Array

    def about_mean(self, used: npt.NDArray[np.bool_]) -> Array:
        """Return (m, q) the products of m particles, less what the latent is expected to give that suits them best."""
        product, information = self.product[used], self.information[used]
        mean = np.linalg.lstsq(information.sum(axis=0), product.sum(axis=0), rcond=None)[0]
        return np.asarray(product - information @ mean)


@dataclass(frozen=True)
class Parts:
    """What two parts of their tilt images say of n particles in a model of q dimensions; knows of no selection.

    Attributes
    ----------
    ids
        The n particles.
    learned, aside
        By the images that the model was learned from, and by those kept aside.
    prior
        (q,) inverse variances of latents.
    view
        (n, 15) from which sides the particle was seen, as :func:`views` says it.
    """

    ids: tuple[ParticleId, ...]
    learned: Part
    aside: Part
    prior: Array
    view: Array

    def save(self, path: Path, **made_with: int) -> None:
        """Write them as npz beside what they were made with."""
        with atomic_open(path, "wb") as stream:
            np.savez(
                stream,
                allow_pickle=False,
                particle_tomogram=np.array([tomogram for tomogram, _ in self.ids], dtype=np.str_),
                particle_name=np.array([name for _, name in self.ids], dtype=np.str_),
                learned_product=self.learned.product,
                learned_information=self.learned.information,
                aside_product=self.aside.product,
                aside_information=self.aside.information,
                prior=self.prior,
                view=self.view,
                **{name: np.int64(value) for name, value in made_with.items()},
            )

    @classmethod
    def load(cls, path: Path, **made_with: int) -> "Parts | None":
        """Read them; ``None`` where there are none, or none that were made so."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                if any(int(stored[name]) != value for name, value in made_with.items()):
                    return None
                names = (stored[name].tolist() for name in ("particle_tomogram", "particle_name"))
                learned, aside = (
                    Part(stored[f"{name}_product"], stored[f"{name}_information"]) for name in ("learned", "aside")
                )
                parts = cls(tuple(zip(*names, strict=True)), learned, aside, stored["prior"], stored["view"])
        except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError):
            return None
        rows = [each for part in (learned, aside) for each in (part.product, part.information)]
        return parts if {len(each) for each in (*rows, parts.view)} == {len(parts.ids)} else None


def kept_aside(particle_set: ParticleSet) -> tuple[list[Rows], list[Rows]]:
    """Return the tilt images of each particle to learn from, and those kept aside: every fourth by dose, one or more.

    Particles with a single image have none on either side.
    """
    first, dose = particle_set.first_tilt, particle_set.tilt_images["dose"].to_numpy()
    learned, aside = [], []
    for begin, end in pairwise(first.tolist()):
        rows = begin + np.argsort(dose[begin:end], kind="stable")
        if len(rows) < FEWEST_TILTS:
            rows = rows[:0]
        held = rows[1::EVERY]
        aside.append(np.sort(held))
        learned.append(np.setdiff1d(rows, held))
    return learned, aside


def views(particle_set: ParticleSet) -> Array:
    """Return (N, 15) the means over a particle's tilt images of the monomials of degree 4 in the viewing direction.

    They span what varies over the sphere as spherical harmonics of degree 0, 2 and 4 do; odd ones can't be told, as a
    projection seen from behind is the same.
    """
    direction = particle_set.rotations[:, 2].astype(np.float64)  # of the beam, in the frame of the volume
    owner = particle_set.tilt_images["particle"].to_numpy()
    count = np.maximum(np.bincount(owner, minlength=len(particle_set)), 1)
    columns = [
        np.bincount(owner, np.prod(direction[:, axes], axis=1), len(particle_set)) / count
        for axes in map(list, combinations_with_replacement(range(3), VIEW_DEGREE))
    ]
    return np.stack(columns, axis=1)


def learn_parts(
    particle_set: ParticleSet, images: Images, dimensions: int, seed: int, stop: StopRequest | None = None
) -> Parts:
    """Learn a small linear model from most tilt images and ask both parts of them.

    Raises
    ------
    InputError
        Where no particle has two tilt images.
    InterruptedWorkError
        Where a stop was asked for.
    """
    learned, aside = kept_aside(particle_set)
    usable = np.flatnonzero([len(rows) > 0 for rows in aside])
    if not len(usable):
        raise InputError(
            f"{particle_set.source.path}: its particles have one tilt image each, so none can be kept aside; "
            "train with --held-out-by particle and look at the volumes"
        )
    if len(usable) > MOST_PARTICLES:
        drawn = np.random.default_rng([seed, 8]).choice(usable, MOST_PARTICLES, replace=False)
        usable = np.sort(drawn)
    encoder = LinearEncoder(particle_set.box, min(dimensions, DIMENSIONS))
    nothing = tuple(rows[:0] for rows in learned)
    fit_linear_encoder(encoder, images, Split(tuple(learned), nothing, usable), seed, stop)
    prior = encoder.prior_deviation.double().numpy() ** -2

    def part(rows: list[Rows]) -> Part:
        found = linear_posteriors(encoder, images, [rows[row] for row in usable])
        # a posterior's inverse covariance is information + prior, its mean the covariance times the products
        precision = np.linalg.inv(found.covariance.double().numpy())
        product = np.einsum("nij,nj->ni", precision, found.mean.double().numpy())
        return Part(product, precision - np.diag(prior))

    ids = tuple(particle_set.ids[row] for row in usable)
    return Parts(ids, part(learned), part(aside), prior, views(particle_set)[usable])


def independence(
    parts: Parts,
    chosen: Collection[ParticleId],
    others: Collection[ParticleId],
    *,
    permutations: int,
    seed: int,
) -> Independence | None:
    """Return how both parts agree on what tells chosen particles from others; ``None`` where too few can be asked."""
    inside, outside = (np.array([each in which for each in parts.ids]) for which in (set(chosen), set(others)))
    used = inside | outside
    own = inside[used]
    if own.sum() < 2 or (~own).sum() < 2:
        return None
    tomograms = np.array([tomogram for tomogram, _ in parts.ids], dtype=np.str_)[used]
    group = np.unique(tomograms, return_inverse=True)[1]
    view = _orthonormal(_centred(parts.view[used], group))
    if len(own) <= 2 * len(parts.prior) + 2 + view.shape[1] + len(np.unique(group)):
        return None
    precision = parts.learned.information[used] + np.diag(parts.prior)
    latent = np.linalg.solve(precision, parts.learned.about_mean(used)[..., None])[..., 0]
    score = parts.aside.about_mean(used)
    latent, score = (_without(_centred(each, group), view) for each in (latent, score))
    shift = latent[own].mean(axis=0) - latent[~own].mean(axis=0)
    told = latent @ np.linalg.lstsq(latent.T @ latent, shift, rcond=None)[0]
    found = _correlation(told, score @ shift)
    first = _orthonormal(latent)
    generator = np.random.default_rng([seed, 9])
    null = np.empty(permutations)
    order = np.argsort(group, kind="stable")
    for number in range(permutations):
        dealt = np.empty(len(group), dtype=np.int64)
        dealt[order] = np.lexsort((generator.random(len(group)), group))
        second = _orthonormal(_without(score[dealt], view))
        null[number] = np.linalg.svd(first.T @ second, compute_uv=False)[0]
    p = (1 + np.count_nonzero(null >= found)) / (1 + permutations)
    return Independence(found, float(p), null)


def _centred(values: Array, group: npt.NDArray[np.int64]) -> Array:
    count = np.bincount(group)[:, None]
    mean = np.stack([np.bincount(group, column) for column in values.T], axis=1) / count
    return np.asarray(values - mean[group])


def _without(values: Array, known: Array) -> Array:
    """Return what is left of the columns of values (n, q) once orthonormal columns (n, k) have said what they can."""
    return np.asarray(values - known @ (known.T @ values))


def _orthonormal(values: Array) -> Array:
    left, singular, _ = np.linalg.svd(values, full_matrices=False)
    return np.asarray(left[:, singular > 1e-10 * max(float(singular[0]), 1e-300)])


def _correlation(a: Array, b: Array) -> float:
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else 0.0
