"""The ``analyze`` command: embeddings, classes and class volumes of one epoch of a run."""

import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.analysis.clusters import (
    Clusters,
    Method,
    Order,
    cluster,
    dense_clusters,
    refuse_more_classes,
)
from napari_tomodrgn.analysis.column_likeness import columns_by_id, likeness, write_columns, write_likeness
from napari_tomodrgn.analysis.comparison import write_comparison
from napari_tomodrgn.analysis.embeddings import principal_components, umap_embedding
from napari_tomodrgn.analysis.folder import AnalysisFolder, Embedding, write_centres, write_labels
from napari_tomodrgn.analysis.losses import measure_losses
from napari_tomodrgn.analysis.seed_agreement import SeedAgreement, numbers_about, seed_agreements, write_agreements
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_folder, atomic_open, atomic_path, refuse_existing
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.progress import track
from napari_tomodrgn.reconstruction.volumes import SET_FILES, VolumesOptions, write_volumes
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.seeds import LARGEST_SEED

log = logging.getLogger("napari_tomodrgn")

FEW_IN_A_CLASS = 5  # particles on average, below which it is said


class AnalyzeOptions(BaseModel):
    """Options of ``analyze``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    epoch: int | None = Field(None, ge=1, description="Epoch to analyse; default: the run's chosen one.")
    clusters: int = Field(20, ge=1, description="Number of classes, for kmeans and gmm.")
    method: Method = Field(
        "kmeans",
        description="k-means, a Gaussian mixture (gmm), or dense places and what lies in none of them (hdbscan).",
    )
    smallest: int = Field(50, ge=2, description="Fewest particles that make a class, for hdbscan.")
    order: Order = Field(
        "size", description="Number classes from the largest on, or so that neighbours in number lie near in latents."
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of clusters and UMAP.")
    seeds: int = Field(
        0,
        ge=0,
        le=1000,
        description="Find the classes anew from this many other seeds, at half, once and twice as many classes, and "
        "show how alike they come out; 100 of 20,000 particles take minutes.",
    )
    columns: tuple[str, ...] = Field(
        (), description="Columns of the star, as rlnDefocusU, to hold against the latents, one an option."
    )
    umap: bool = Field(True, description="Make a UMAP of the latents.")
    neighbours: int = Field(15, ge=2, description="Neighbours a particle has in UMAP; cut to what the set has.")
    losses: bool = Field(
        False, description="Measure each particle's loss and correlation with its images, which have to be there."
    )
    volumes: bool = Field(True, description="Decode a volume at every class centre.")
    box: int | None = Field(None, gt=0, description="Smaller even box of the volumes, cropped in Fourier space.")
    low_pass: float | None = Field(None, gt=0, description="Remove everything beyond this resolution from volumes, Å.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where to decode; auto takes a GPU where there is one."
    )
    figures: bool = Field(True, description="Draw figures and write report.html.")
    overwrite: bool = Field(False, description="Replace an analysis of the same method and number of classes.")

    @property
    def labelling(self) -> str:
        """The name of the classes in the run, ``METHOD-K``; K is the fewest particles of a class for hdbscan."""
        return f"{self.method}-{self.smallest if self.method == 'hdbscan' else self.clusters}"


@dataclass(frozen=True)
class Analysis:
    """What an analysis found and where it lies; ``volumes`` is ``None`` where none were decoded."""

    folder: AnalysisFolder
    labelling: str
    embedding: Embedding
    clusters: Clusters
    volumes: Path | None


def analyze(options: AnalyzeOptions) -> Analysis:
    """Embed and cluster the latents of an epoch, decode the class centres, and write both into the run.

    The embedding of an epoch is made once and shared by all its labellings. Figures are drawn by
    ``figures.write.write_figures`` from what this writes.

    Raises
    ------
    InputError
        Where the run has no latents or no such epoch, has fewer particles than classes, or was analysed like this
        before.
    """
    run = Run.open(options.run)
    latents = run.latents(options.epoch)
    if options.figures:
        run.metrics()  # damaged ones are said to be so before anything is written
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    folder = AnalysisFolder(run.path, epoch)
    name = options.labelling
    refuse_existing(folder.labels(name), options.overwrite)
    refuse_existing(folder.volumes(name), options.overwrite)
    if options.volumes:
        run.checkpoint(epoch)
    check_finite(latents, run.path)
    if options.method != "hdbscan":
        refuse_more_classes(latents.z_mean, options.clusters)
    if options.volumes:
        from napari_tomodrgn.reconstruction.decode import check_box

        check_box(options.box, int(run.document["data"]["box"]))
    _check_seeds(options)
    columns = columns_by_id(run.particle_set(), options.columns, latents.ids) if options.columns else {}
    if options.losses and (options.overwrite or not folder.losses.is_file()):
        _measure_losses(run, epoch, options.device)
    clusters = _classes(latents.z_mean, options)
    agreements = _agreements(latents.z_mean, clusters, options)
    embedding = _known_embedding(folder, latents, options)
    is_new = embedding is None
    embedding = embedding or _new_embedding(latents, options)
    with ExitStack() as whole:
        whole.callback(_remove_empty, folder.path, folder.volumes(name).parent)
        if is_new:
            embedding.save(whole.enter_context(atomic_path(folder.embedding)))
        _write_further(folder, name, embedding, agreements, columns, whole)
        _write(options, folder, latents, clusters, whole)
    volumes = folder.volumes(name) if options.volumes else None
    count = len(clusters.centres)
    classes = "one class" if count == 1 else f"{count} classes"
    log.info("Analysed %d particles of epoch %d in %s: %s", len(latents), epoch, classes, folder.path)
    _tell_of_few(clusters)
    return Analysis(folder, name, embedding, clusters, volumes)


def _tell_of_few(clusters: Clusters) -> None:
    """Warn where classes were asked for that have few particles each."""
    count, particles = len(clusters.centres), int(clusters.sizes.sum())
    if count > 1 and particles < FEW_IN_A_CLASS * count:
        log.warning(
            "%d classes of %d particles: the smallest has %d and half of them %d or fewer, too few to tell a class "
            "from chance; --clusters gives fewer",
            count,
            particles,
            int(clusters.sizes.min()),
            int(np.median(clusters.sizes)),
        )


def _write(
    options: AnalyzeOptions, folder: AnalysisFolder, latents: Latents, clusters: Clusters, whole: ExitStack
) -> None:
    """Write a labelling and its class volumes under temporary names, which ``whole`` turns into theirs at its end.

    Whatever fails before leaves all as it was. The labels that are replaced go first and the new ones come last, as a
    stack ends from its top: where there are labels, the analysis is whole.
    """
    name = options.labelling
    write_labels(whole.enter_context(atomic_path(folder.labels(name))), latents.ids, clusters.labels)
    settings = {**_settings(options, clusters), "epoch": folder.epoch}
    with atomic_open(whole.enter_context(atomic_path(folder.settings(name)))) as stream:
        json.dump(settings, stream, indent=1)
    centres = whole.enter_context(atomic_path(folder.centres(name)))
    ids = [latents.ids[row] for row in clusters.nearest]
    write_centres(centres, ids, clusters.sizes, latents.z_mean[clusters.nearest])
    if options.volumes:
        target = atomic_folder(folder.volumes(name), overwrite=options.overwrite, replaces=SET_FILES)
        _class_volumes(options, folder.epoch, centres, whole.enter_context(target))
    folder.labels(name).unlink(missing_ok=True)
    if not options.volumes:
        _remove_volumes(folder.volumes(name))


def _classes(z: npt.NDArray[np.floating], options: AnalyzeOptions) -> Clusters:
    if options.method == "hdbscan":
        return dense_clusters(z, options.smallest, order=options.order)
    return cluster(z, options.clusters, method=options.method, seed=options.seed, order=options.order)


def _check_seeds(options: AnalyzeOptions) -> None:
    if options.seeds == 1:
        raise InputError("--seeds is 1; give two or more, which can be compared with one another")
    if options.seeds and options.method == "hdbscan":
        raise InputError("--seeds: HDBSCAN has no seed, so it always finds the same; take --method kmeans or gmm")


def _agreements(z: npt.NDArray[np.floating], clusters: Clusters, options: AnalyzeOptions) -> list[SeedAgreement]:
    """Return how alike the classes of other seeds are, for each number of classes; none where none were asked for."""
    if not options.seeds or options.method == "hdbscan":
        return []
    total = options.seeds * len(numbers_about(options.clusters, len(z)))
    steps = seed_agreements(
        z, clusters.labels, options.clusters, options.seeds, method=options.method, seed=options.seed
    )
    found = (step for step in track(steps, "clustering again", total=total, unit="clusterings"))
    return [step for step in found if step is not None]


def _settings(options: AnalyzeOptions, clusters: Clusters) -> dict[str, Any]:
    """Return how a labelling was made: what its method took, and what HDBSCAN found."""
    left_out = {"run", "overwrite", "losses", *(() if options.method == "hdbscan" else ("smallest",))}
    settings = options.model_dump(mode="json", exclude=left_out)
    if options.method == "hdbscan":
        settings |= {"clusters": len(clusters.centres) - (clusters.noise is not None), "noise": clusters.noise}
    return settings


def _write_further(
    folder: AnalysisFolder,
    name: str,
    embedding: Embedding,
    agreements: list[SeedAgreement],
    columns: dict[str, npt.NDArray[np.float64]],
    whole: ExitStack,
) -> None:
    """Write what was asked for besides, and remove what was found with classes that are replaced."""
    for path, found in (
        (folder.seeds(name), agreements),
        (folder.columns(name), columns),
        (folder.column_correlations(name), columns),
    ):
        if not found:
            path.unlink(missing_ok=True)
    if agreements:
        write_agreements(whole.enter_context(atomic_path(folder.seeds(name))), agreements)
    if columns:
        tomograms = [tomogram for tomogram, _ in embedding.ids]
        alike = [likeness(column, values, embedding.pca, tomograms) for column, values in columns.items()]
        write_columns(whole.enter_context(atomic_path(folder.columns(name))), embedding.ids, columns)
        write_likeness(whole.enter_context(atomic_path(folder.column_correlations(name))), alike)


def _measure_losses(run: Run, epoch: int, device: str) -> None:
    particle_set = run.particle_set()
    shares = measure_losses(run, epoch, particle_set, device)
    for _ in track(shares, "measuring losses", unit="parts"):
        pass


def _remove_empty(*epochs: Path) -> None:
    """Remove the folders of an epoch, and those of all epochs, where they are empty as the analysis failed."""
    for path in (*epochs, *(epoch.parent for epoch in epochs)):
        with suppress(OSError):  # there is something in it, or no folder
            path.rmdir()


def check_finite(latents: Latents, run: Path) -> None:
    """Raise one sentence where a run's latents are not all finite."""
    bad = np.flatnonzero(~np.isfinite(latents.z_mean).all(axis=1))
    if len(bad):
        tomogram, name = latents.ids[int(bad[0])]
        raise InputError(
            f"{run}: {len(bad)} of its latents are not finite, first that of particle {name} of tomogram {tomogram}; "
            "analyse an earlier epoch, or train again with a lower --learning-rate"
        )


def _known_embedding(folder: AnalysisFolder, latents: Latents, options: AnalyzeOptions) -> Embedding | None:
    """Return the embedding that the epoch has, ``None`` where it has none that will do."""
    if not folder.embedding.is_file() or options.overwrite:
        return None
    known = Embedding.load(folder.embedding)
    if known.ids != latents.ids or (known.umap is None and options.umap):
        return None
    log.info("Keeping the embedding that the epoch has (%s); --overwrite makes it anew", folder.embedding)
    return known


def _new_embedding(latents: Latents, options: AnalyzeOptions) -> Embedding:
    components = principal_components(latents.z_mean)
    umap = None
    if options.umap:
        log.info("Making the UMAP (the first one of a process takes about half a minute)")
        umap = umap_embedding(latents.z_mean, seed=options.seed, neighbours=options.neighbours)
    return Embedding(latents.ids, components.coordinates, umap, components.explained_variance)


def _class_volumes(options: AnalyzeOptions, epoch: int, centres: Path, folder: Path) -> None:
    """Decode the class centres into a folder and compare every pair of them."""
    write_volumes(
        VolumesOptions(
            run=options.run,
            epoch=epoch,
            particles=centres,
            outdir=folder,
            box=options.box,
            low_pass=options.low_pass,
            device=options.device,
            overwrite=True,
        )
    )
    maps = [read_map(path) for path in _volume_files(folder)]
    write_comparison(folder, [each.values for each in maps], maps[0].pixel_size, options.low_pass)


def _remove_volumes(folder: Path) -> None:
    """Remove class volumes that belong to no labelling: its own is being replaced by one without."""
    for pattern in SET_FILES:
        for path in folder.glob(pattern):
            path.unlink()
    with suppress(OSError):  # there is something else in it, or no folder
        folder.rmdir()


def _volume_files(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("vol_*.mrc"))
