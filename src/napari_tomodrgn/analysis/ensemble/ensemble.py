"""The ``ensemble`` command: every particle's volume, its voxels' components, its class and its likeness to a map."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.analyze import check_finite
from napari_tomodrgn.analysis.clusters import Clusters, cluster, refuse_more_classes
from napari_tomodrgn.analysis.comparison import common_mask
from napari_tomodrgn.analysis.embeddings import umap_embedding
from napari_tomodrgn.analysis.ensemble.options import EnsembleOptions
from napari_tomodrgn.analysis.ensemble.voxels import VoxelComponents, correlations, keep_voxels, voxel_components
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.reference import reference_map
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.reconstruction.decoding import RunDecoding
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

TABLE, DOCUMENT, MEAN, MASK = "ensemble.csv", "ensemble.json", "mean.mrc", "mask.mrc"
OWN_FILES = (TABLE, DOCUMENT, MEAN, MASK, "pc_*.mrc", "ensemble.png", "ensemble.svg")
SCRATCH = "voxels.part"
MASKED_BY = 50  # volumes that the mask is made around
ROOM = 1.05  # free space that is asked for, by that needed

Mask = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Ensemble:
    """What was found of the volumes of N particles.

    Attributes
    ----------
    options, folder, latents
        How, of which run and epoch, and of which particles.
    components
        Principal components of the voxels within the mask.
    mask, masked_by
        (d, d, d), and where it is from, in words.
    clusters
        Classes of the components' coordinates.
    cc, reference
        (N,) correlation of each volume with the reference, and what that is.
    umap
        (N, 2), ``None`` where it was left out.
    pixel_size
        Å.
    """

    options: EnsembleOptions
    folder: AnalysisFolder
    latents: Latents
    components: VoxelComponents
    mask: Mask
    masked_by: str
    clusters: Clusters
    cc: npt.NDArray[np.float64]
    reference: str
    umap: npt.NDArray[np.float32] | None
    pixel_size: float

    def table(self) -> pd.DataFrame:
        """Return one row a particle: components, UMAP, correlation."""
        columns: dict[str, Any] = {
            "tomogram": [tomogram for tomogram, _ in self.latents.ids],
            "particle": [name for _, name in self.latents.ids],
        }
        columns |= {f"PC_{number}": own for number, own in enumerate(self.components.coordinates.T, 1)}
        if self.umap is not None:
            columns |= {f"UMAP_{number}": own for number, own in enumerate(self.umap.T, 1)}
        return pd.DataFrame({**columns, "CC": self.cc})

    def volume(self, voxels: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return voxels (M,) in their box (d, d, d), 0 outside the mask."""
        box = np.zeros(self.mask.size, np.float32)
        box[np.flatnonzero(self.mask)] = voxels
        return box.reshape(self.mask.shape)

    def document(self) -> dict[str, Any]:
        """Return what was found as values that JSON holds."""
        return {
            "format": 1,
            "run": str(self.options.run.absolute()),
            "epoch": self.folder.epoch,
            "particles": len(self.latents),
            "classes": self.options.labelling,
            "sizes": self.clusters.sizes.tolist(),
            "box": len(self.mask),
            "pixel_size": self.pixel_size,
            "voxels": int(np.count_nonzero(self.mask)),
            "mask": self.masked_by,
            "explained_variance": self.components.explained_variance.tolist(),
            "reference": self.reference,
            "cc": {"median": float(np.median(self.cc)), "least": float(self.cc.min()), "most": float(self.cc.max())},
            "settings": self.options.model_dump(
                mode="json", exclude={"figures", "overwrite", "device", "run", "epoch"}
            ),
        }


def find_ensemble(options: EnsembleOptions, scratch: Path) -> Ensemble:
    """Decode every particle's volume and find components, classes and correlations; ``scratch`` is a folder.

    The voxels within the mask are kept there, N × M × 4 bytes, and removed again; memory holds a batch at a time.

    Raises
    ------
    InputError
        Where the run lacks the epoch, has too few particles, the mask or reference doesn't fit, or the disk is full.
    """
    run = Run.open(options.run)
    latents = run.latents(options.epoch)
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    check_finite(latents, run.path)
    if options.clusters > len(latents):
        refuse_more_classes(latents.z_mean, options.clusters)
    if not np.ptp(latents.z_mean, axis=0).any():
        what = "one particle" if len(latents) == 1 else f"{len(latents)} particles with one and the same latent"
        raise InputError(f"{run.path}: has {what} at epoch {epoch}, so no volume differs; take another epoch or run")
    decoding = RunDecoding(run, epoch, box=options.box, device=options.device, amp=options.amp)
    mask, masked_by = _mask(options, decoding, latents)
    inside = np.flatnonzero(mask)
    weights = mask.ravel()[inside]
    truth = None if options.reference is None else reference_map(options.reference, *decoding.grid).ravel()[inside]
    _check_room(scratch, len(latents) * len(inside) * 4)
    path = scratch / SCRATCH
    try:
        stored = keep_voxels(decoding.volumes(latents.z_mean), inside, len(latents), path)
        components = voxel_components(stored, weights, options.components)
        cc = correlations(stored, components.mean if truth is None else truth, weights)
        del stored
    finally:
        path.unlink(missing_ok=True)
    coordinates = components.coordinates
    return Ensemble(
        options=options,
        folder=AnalysisFolder(run.path, epoch),
        latents=latents,
        components=components,
        mask=mask,
        masked_by=masked_by,
        clusters=cluster(coordinates, options.clusters, seed=options.seed),
        cc=cc,
        reference="the mean of all volumes" if options.reference is None else str(options.reference),
        umap=umap_embedding(coordinates, seed=options.seed, neighbours=options.neighbours) if options.umap else None,
        pixel_size=decoding.pixel_size,
    )


def write_ensemble(found: Ensemble, folder: Path) -> None:
    """Write table, document, mean, mask and components into a folder that is there."""
    with atomic_open(folder / TABLE) as stream:
        found.table().to_csv(stream, index=False, lineterminator="\n", float_format="%.7g")
    with atomic_open(folder / DOCUMENT) as stream:
        json.dump(found.document(), stream, indent=1)
    write_map(folder / MASK, found.mask, found.pixel_size)
    write_map(folder / MEAN, found.volume(found.components.mean), found.pixel_size)
    for number, direction in enumerate(found.components.directions, 1):
        write_map(folder / f"pc_{number:02d}.mrc", found.volume(direction), found.pixel_size)


def _mask(options: EnsembleOptions, decoding: RunDecoding, latents: Latents) -> tuple[Mask, str]:
    """Return the mask (d, d, d), and where it is from: given, around some volumes, or the ball within the box."""
    if options.mask is not None:
        given = np.clip(reference_map(options.mask, *decoding.grid, is_mask=True), 0, 1)
        if not given.any():
            raise InputError(f"{options.mask}: is nowhere above 0, so it masks everything; give another mask")
        return given, str(options.mask)
    count = min(MASKED_BY, len(latents))
    rows = np.random.default_rng(options.seed).choice(len(latents), count, replace=False)
    mask = common_mask(decoding.volumes(latents.z_mean[np.sort(rows)]))
    if mask is not None:
        return mask, f"around what any of {count} volumes shows"
    steps = np.arange(decoding.box) - decoding.box // 2
    ball = steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2 < (decoding.box // 2) ** 2
    return ball.astype(np.float32), "the ball within the box, as no soft mask fits it"


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < ROOM * needed:
        raise InputError(
            f"{folder.parent}: has {free / 1e9:.3g} GB free, and {needed / 1e9:.3g} GB of voxels are to be kept there "
            "for a while; free some, or use a smaller --box or --mask"
        )
