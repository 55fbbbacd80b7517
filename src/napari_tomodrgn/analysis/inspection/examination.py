"""What all checks share: the data set, the evidence taken from it, and predictions that more than one of them needs."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.inspection.check import Check, compare
from napari_tomodrgn.analysis.inspection.evidence import Evidence, Slices, slices
from napari_tomodrgn.analysis.inspection.explanations import Explanation, best_by, explain
from napari_tomodrgn.analysis.inspection.prediction import Hypothesis, Prediction, hypothesis, predict
from napari_tomodrgn.particles.geometry import euler_matrices
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.reconstruction.backproject import Backprojection, backproject


class Examination:
    """A data set under examination.

    Attributes
    ----------
    particle_set
        All of it.
    evidence
        The images looked at.
    seed
        Of the sample, and of the halves of its particles.
    """

    def __init__(self, particle_set: ParticleSet, evidence: Evidence, seed: int = 0) -> None:
        self.particle_set = particle_set
        self.evidence = evidence
        self.seed = seed

    @cached_property
    def backprojection(self) -> Backprojection:
        """A map of the images looked at, in the frame of the poses, and that of both halves of several particles."""
        return backproject(self.evidence.particle_set, half_sets=self.can_compare, seed=self.seed, progress=False)

    @cached_property
    def slices(self) -> tuple[Slices, Slices]:
        """Where the images lie in 3D, at the set's own poses."""
        return slices(self.evidence)

    @cached_property
    def stated(self) -> Hypothesis:
        """The set's forward model as it stands."""
        return hypothesis(self.evidence)

    @cached_property
    def as_stated(self) -> Prediction:
        """What the set's forward model achieves."""
        return self.predict(self.stated)

    @property
    def can_compare(self) -> bool:
        """Whether both halves of the particles have images."""
        return bool(len(np.unique(self.evidence.half)) == 2)

    def predict(self, given: Hypothesis) -> Prediction:
        """Predict the images at the set's poses under a hypothesis."""
        return predict(self.evidence, self.slices, given)

    @cached_property
    def explanations(self) -> dict[Explanation, npt.NDArray[np.float64]]:
        """Scores (N,) of the stated explanation of the images and of those that compete with it."""
        return explain(self.evidence, self.heights, lambda given: self.predict(given).score)

    def compare(self, fact: str, stated: Any, *, wrong: str) -> Check:
        """Return the check of one fact, each alternative in the explanation that suits it best."""
        scores = best_by(self.explanations, fact)
        return compare(fact, scores, stated, wrong=wrong, as_stated=self.as_stated.score)

    @cached_property
    def tilt_rotations(self) -> npt.NDArray[np.float64] | None:
        """(n, 3, 3) tomogram into image frame, of the images looked at; ``None`` where orientations are unknown."""
        particles = self.evidence.particle_set.particles
        angles = particles[["rot", "tilt", "psi"]].to_numpy(np.float64)
        if not np.isfinite(angles).all():
            return None
        own = euler_matrices(*angles.T)[self.evidence.particle]
        rotation = self.evidence.tilts.rotation.numpy().astype(np.float64)
        tilt: npt.NDArray[np.float64] = np.einsum("nij,nkj->nik", rotation, own)
        return tilt

    @cached_property
    def heights(self) -> npt.NDArray[np.float64] | None:
        """(n,) Å along the beam from the tomogram's centre; ``None`` where positions or orientations are unknown.

        Where a tomogram's size is unknown, the middle of its particles stands for its centre.
        """
        table = self.evidence.particle_set.tilt_images
        if "height" in table and np.isfinite(table["height"]).all():
            height: npt.NDArray[np.float64] = table["height"].to_numpy(np.float64)
            return height
        particles = self.evidence.particle_set.particles
        position = particles[["x", "y", "z"]].to_numpy(np.float64)
        if self.tilt_rotations is None or not np.isfinite(position).all():
            return None
        every = self.particle_set.particles
        low, high = (every.groupby("tomogram")[["x", "y", "z"]].agg(kind) for kind in ("min", "max"))
        centre = ((low + high) / 2).loc[particles["tomogram"]].to_numpy(np.float64)
        sizes = self.particle_set.tomograms.set_index("name")[["size_x", "size_y", "size_z"]]
        known = sizes.reindex(particles["tomogram"]).to_numpy(np.float64) / 2
        centre = np.where(np.isfinite(known), known, centre)
        offset = (position - centre)[self.evidence.particle]
        height = np.einsum("nj,nj->n", self.tilt_rotations[:, 2], offset)
        return height
