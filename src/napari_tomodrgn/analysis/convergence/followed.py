"""Particles that stand for classes, followed: their volumes at every epoch whose decoder was kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.comparison import THRESHOLD, common_mask
from napari_tomodrgn.analysis.convergence.options import ConvergeOptions
from napari_tomodrgn.analysis.reference import reference_map
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.progress import track
from napari_tomodrgn.reconstruction.decoding import RunDecoding
from napari_tomodrgn.reconstruction.fsc import correlation, fsc, resolution_at
from napari_tomodrgn.runs.run import Run

Volumes = list[npt.NDArray[np.float32]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Latent:
    r"""Whose volume is followed: a particle with its class, and its latent (\|z\|,) at each epoch.

    A decoder alone has one volume, of no particle: ``particle`` and ``z`` are ``None``.
    """

    particle: ParticleId | None
    label: int
    z: dict[int, npt.NDArray[np.float32]] | None


@dataclass(frozen=True)
class Followed:
    """R volumes at E epochs.

    Attributes
    ----------
    latents, epochs
        Whose, and when.
    change
        (E, R) correlation with the same particle's volume at the epoch before; NaN at the first.
    difference_change
        (E, R) the same of what tells the volume from the mean of all followed; NaN where one alone is followed.
    resolution
        (E, R) where the FSC with the volume at the epoch before falls below 0.5, Å.
    reference, reference_resolution
        (E, R) correlation with the reference, and where the FSC with it falls below 0.5, Å; NaN where none was given.
    curves, reference_curves
        (E, D/2 + 1) FSC with the epoch before and with the reference, the median of the R; shell s is at s/(D pixel
        size) 1/Å; NaN where there is none.
    slices
        (E, R, D, D) float32, central, along z.
    pixel_size
        Å.
    masked
        Whether all of it is within a soft mask around what the last volumes show.
    """

    latents: tuple[Latent, ...]
    epochs: tuple[int, ...]
    change: Floats
    difference_change: Floats
    resolution: Floats
    reference: Floats
    reference_resolution: Floats
    curves: Floats
    reference_curves: Floats
    slices: npt.NDArray[np.float32]
    pixel_size: float
    masked: bool

    def table(self) -> pd.DataFrame:
        """Return one row an epoch and volume."""
        rows = []
        for i, epoch in enumerate(self.epochs):
            for j, latent in enumerate(self.latents):
                tomogram, name = latent.particle or ("", "")
                rows.append(
                    {
                        "epoch": epoch,
                        "tomogram": tomogram,
                        "particle": name,
                        "label": latent.label,
                        "volume_cc": self.change[i, j],
                        "difference_cc": self.difference_change[i, j],
                        "resolution": self.resolution[i, j],
                        "reference_cc": self.reference[i, j],
                        "reference_resolution": self.reference_resolution[i, j],
                    }
                )
        return pd.DataFrame(rows)

    def curves_table(self) -> pd.DataFrame:
        """Return the FSC of epochs, one row a shell from 1, index ``frequency`` in 1/Å.

        A column ``N`` is of epoch N with the one before it, ``reference-N`` with the reference; those that are not
        known are left out.
        """
        shells = self.curves.shape[1]
        frequency = pd.Index(np.arange(1, shells) / (2 * (shells - 1) * self.pixel_size), name="frequency")
        columns = {str(epoch): curve[1:] for epoch, curve in zip(self.epochs, self.curves, strict=True)}
        with_truth = zip(self.epochs, self.reference_curves, strict=True)
        columns |= {f"reference-{epoch}": curve[1:] for epoch, curve in with_truth}
        return pd.DataFrame(columns, index=frequency).dropna(axis="columns", how="all")


def follow(
    run: Run, epochs: Sequence[int], latents: Sequence[Latent], options: ConvergeOptions, keep: Path | None
) -> Followed:
    """Decode volumes epoch by epoch and compare each with the one before, and with a reference where there is one.

    With ``keep`` they are written into that folder.

    Raises
    ------
    InputError
        Where a checkpoint can't be read, the box doesn't fit, or the reference is of another extent.
    """
    last, pixel_size = _decoded(run, epochs[-1], latents, options)
    mask = common_mask(last)
    truth = None if options.reference is None else reference_map(options.reference, len(last[0]), pixel_size)
    shape = len(epochs), len(latents)
    change, difference, resolution, to_truth, truth_resolution = (np.full(shape, np.nan) for _ in range(5))
    curves, truth_curves = np.full((2, *shape, len(last[0]) // 2 + 1), np.nan)
    slices = np.empty((*shape, *last[0].shape[1:]), np.float32)
    before: Volumes | None = None
    for i, epoch in enumerate(track(epochs, "Following volumes", unit="epochs")):
        volumes = last if epoch == epochs[-1] else _decoded(run, epoch, latents, options)[0]
        for j, volume in enumerate(volumes):
            slices[i, j] = volume[len(volume) // 2]
            if before is not None:
                change[i, j] = correlation(before[j], volume, mask)
                curves[i, j] = fsc(before[j], volume, mask)
                resolution[i, j] = resolution_at(curves[i, j], THRESHOLD, pixel_size)
                if len(volumes) > 1:
                    one, other = (each[j] - np.mean(each, axis=0) for each in (before, volumes))
                    difference[i, j] = correlation(one, other, mask)
            if truth is not None:
                to_truth[i, j] = correlation(truth, volume, mask)
                truth_curves[i, j] = fsc(truth, volume, mask)
                truth_resolution[i, j] = resolution_at(truth_curves[i, j], THRESHOLD, pixel_size)
            if keep is not None:
                write_map(keep / f"epoch-{epoch:04d}_{j:02d}.mrc", volume, pixel_size)
        before = volumes
    return Followed(
        tuple(latents), tuple(epochs), change, difference, resolution, to_truth, truth_resolution,
        np.median(curves, axis=1), np.median(truth_curves, axis=1), slices, pixel_size, mask is not None,
    )  # fmt: skip


def _decoded(run: Run, epoch: int, latents: Sequence[Latent], options: ConvergeOptions) -> tuple[Volumes, float]:
    """Return the volumes of latents at an epoch, and their pixel size in Å."""
    # early differences drown in half precision's rounding
    decoding = RunDecoding(run, epoch, box=options.box, device=options.device, amp="off")
    z = None if latents[0].z is None else np.stack([each.z[epoch] for each in latents if each.z is not None])
    return list(decoding.volumes(z)), decoding.pixel_size
