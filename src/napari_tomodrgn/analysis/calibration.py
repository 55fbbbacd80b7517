"""The ``calibrate`` command: whether posterior widths are as wide as latents of half the tilts disagree.

A posterior of width v (a variance, 1 being the prior's) is held to know 1/v - 1 of precision from the images, and its
mean is that share of what the images say. So from image noise alone the mean scatters with v (1 - v), and the means
from two halves of a particle's tilt images, which share no noise, differ by the sum of both. What they differ by in
truth, over that, is the square of the factor that widths are wrong by.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from napari_tomodrgn.analysis.calibrate_options import CalibrateOptions
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.run_evidence import require_images
from napari_tomodrgn.analysis.scoring.class_maps import tilt_halves
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, refuse_existing
from napari_tomodrgn.model.free_latents import FreeLatents
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.batches import Rows
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.embed import recorded_options
from napari_tomodrgn.training.inference import FITTING_STEPS, Images, fitted_latents, infer_latents
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.store import DirectImages

Array = npt.NDArray[np.float64]
Halves = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]

CALIBRATED = (0.8, 1.25)  # factors that are as good as 1
FEWEST, MOST_PARTICLES = 3, 5000  # of two, widths and disagreements always go together, or never
REPLICATES = 1000
LEVEL = 0.01


@dataclass(frozen=True)
class Calibration:
    """How posterior widths compare with how far latents of half the tilts disagree.

    Attributes
    ----------
    factor, low, high
        What widths (standard deviations) have to be multiplied by, with its 95 % interval over particles.
    by_dimension
        (|z|,) the same of each dimension.
    rank_correlation, p
        Over particles, of the disagreement expected with that found: whether widths tell who is uncertain.
    expected, found
        (N,) squared distance of the means of both halves, over all dimensions: by the widths, and in truth.
    """

    factor: float
    low: float
    high: float
    by_dimension: Array
    rank_correlation: float
    p: float
    expected: Array
    found: Array

    @property
    def particles(self) -> int:
        """How many were asked."""
        return len(self.found)

    @property
    def calibrated(self) -> bool:
        """Whether widths may be taken as they are."""
        return CALIBRATED[0] <= self.factor <= CALIBRATED[1]

    @property
    def tells_particles_apart(self) -> bool:
        """Whether particles that are said to be uncertain are."""
        return self.rank_correlation > 0 and self.p <= LEVEL

    @property
    def verdict(self) -> str:
        """In words."""
        first = "calibrated" if self.calibrated else "not calibrated"
        scale = f"{first}: latents of half the tilts disagree {self.factor:.2g} times as much as widths say"
        if self.tells_particles_apart:
            return f"{scale}; they tell which particles are uncertain (rank correlation {self.rank_correlation:.2f})"
        return f"{scale}; they do not tell which particles are uncertain (rank correlation {self.rank_correlation:.2f})"

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        with atomic_open(path) as stream:
            json.dump(self.document(), stream, indent=1, allow_nan=False)

    def document(self) -> dict[str, Any]:
        """Return it as values that JSON holds."""
        return {
            "format": 1,
            "verdict": self.verdict,
            "calibrated": self.calibrated,
            "tells_particles_apart": self.tells_particles_apart,
            "factor": self.factor,
            "interval": [self.low, self.high],
            "factor_by_dimension": [float(each) if np.isfinite(each) else None for each in self.by_dimension],
            "rank_correlation": self.rank_correlation,
            "p": self.p,
            "particles": self.particles,
        }


def calibration_of(
    means: Halves,
    log_variances: Halves,
    seed: int = 0,
) -> Calibration:
    r"""Compare the posteriors (N, \|z\|) that two halves of the tilt images give of each particle's latent.

    A width of the prior's, or wider, expects no disagreement: such dimensions say nothing of the images.
    """
    found = (means[0].astype(np.float64) - means[1]) ** 2
    widths = [np.exp(each.astype(np.float64)) for each in log_variances]
    expected = sum((np.maximum(each * (1 - each), 0) for each in widths), np.zeros_like(found))
    with np.errstate(divide="ignore", invalid="ignore"):
        by_dimension = np.sqrt(found.sum(axis=0) / expected.sum(axis=0))
    own, held = found.sum(axis=1), expected.sum(axis=1)
    drawn = np.random.default_rng([seed, 51]).integers(0, len(own), (REPLICATES, len(own)))
    factors = np.sqrt(own[drawn].sum(axis=1) / np.maximum(held[drawn].sum(axis=1), 1e-300))
    factor = float(np.sqrt(own.sum() / max(held.sum(), 1e-300)))
    low, high = (float(each) for each in np.quantile(factors, (0.025, 0.975)))
    flat = np.ptp(own) == 0 or np.ptp(held) == 0
    rank, p = (0.0, 1.0) if flat else (float(each) for each in spearmanr(held, own))
    return Calibration(factor, low, high, by_dimension, rank, p, held, own)


def calibrate(options: CalibrateOptions) -> tuple[Path, Calibration]:
    """Compare the posterior widths of a run with what half the tilts say; writes nothing.

    Returns where it is to be written, and the calibration.

    Raises
    ------
    InputError
        Where the run has no latents, its images are not there, its encoder takes no half of the tilts, or the
        calibration exists.
    """
    run = Run.open(options.run)
    if not run.latent_dim:
        raise InputError(f"{run.path}: is a decoder alone (--latent-dim 0), so there are no latents to calibrate")
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    path = AnalysisFolder(run.path, epoch).calibration
    refuse_existing(path, options.overwrite)
    particle_set = run.particle_set(options.datadir)
    require_images(particle_set)
    return path, calibration_of(*half_posteriors(run, epoch, particle_set, options), seed=options.seed)


def half_posteriors(
    run: Run, epoch: int, particle_set: ParticleSet, options: CalibrateOptions
) -> tuple[Halves, Halves]:
    r"""Return means and log-variances, (N, \|z\|) from either half of the tilts, of at most 5000 particles.

    Raises
    ------
    InputError
        Where the encoder takes a fixed number of tilts, or fewer than three particles have two of them.
    """
    compute = choose_compute(options.device, "off")
    trained = load_model(run, epoch, compute.device)
    recorded = recorded_options(run, trained)
    model = trained.model
    if model.architecture.tilts:
        raise InputError(
            f"{run.path}: its encoder concatenates {model.architecture.tilts} tilt images, so it can't be shown half "
            "of them; calibrate a run with another --pooling, such as mean"
        )
    if isinstance(model.encoder, FreeLatents) and not recorded.base_beta:
        raise InputError(f"{run.path}: was trained with --beta 0, so its latents have no width that could be checked")
    source = DirectImages(particle_set, window=recorded.window, standard_deviation=trained.standard_deviation)
    weighting, middle = Weighting.of(recorded), recorded.dose_middle
    images = Images.on(compute.device, particle_set, source, weighting, dose_middle=middle)
    half = tilt_halves(particle_set)
    rows = np.flatnonzero(particle_set.tilts_per_particle > 1)
    if len(rows) < FEWEST:
        raise InputError(
            f"{run.path}: {len(rows)} of its particles {'has' if len(rows) == 1 else 'have'} two tilt images or more, "
            f"and a calibration needs {FEWEST} such particles; calibrate a run on more particles"
        )
    if len(rows) > MOST_PARTICLES:
        drawn = np.random.default_rng([options.seed, 52]).choice(rows, MOST_PARTICLES, replace=False)
        rows = np.sort(drawn)
    edges = list(pairwise(particle_set.first_tilt.tolist()))

    def asked(number: int) -> list[Rows]:
        return [edges[row][0] + np.flatnonzero(half[slice(*edges[row])] == number) for row in rows.tolist()]

    def inferred(own: Sequence[Rows]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        if not isinstance(model.encoder, FreeLatents):
            return infer_latents(model, images, [[each] for each in own])
        start = np.zeros((len(own), run.latent_dim), np.float32)
        return fitted_latents(model, images, own, start, recorded.base_beta, compute, FITTING_STEPS)

    first, second = inferred(asked(0)), inferred(asked(1))
    return (first[0], second[0]), (first[1], second[1])
