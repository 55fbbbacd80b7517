"""The ``traverse`` command: volumes along a way through latent space, or of particles in the order of a column."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.analyze import check_finite
from napari_tomodrgn.analysis.columns import columns_known, where_known
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_centres
from napari_tomodrgn.analysis.known import Known
from napari_tomodrgn.analysis.latent_graph import NeighbourGraph, degree_that_joins, neighbour_graph
from napari_tomodrgn.analysis.latent_paths import LatentPath, along_component, through
from napari_tomodrgn.analysis.traverse_options import POINTS, TraverseOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.particles.particle_table import read_particle_table
from napari_tomodrgn.reconstruction.volumes import (
    latent_columns,
    listed_particles,
    read_latent_table,
    rows_of_particles,
    volumes_folder,
)
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

log = logging.getLogger("napari_tomodrgn")

NO_PARTICLE = -1


@dataclass(frozen=True)
class Traversal:
    r"""Latents in order.

    Attributes
    ----------
    run, epoch, latents
        What it goes through: N particles.
    name
        Of the set of volumes.
    title
        The way in words.
    z
        (n, \|z\|) float32.
    share
        (n,) where on the way each lies, from 0 to 1.
    rows
        (n,) int64: the particle whose latent it is, -1 where it is no particle's.
    nearest, distance
        (n,) the particle with the nearest latent, and how far that is.
    values
        (n,) of the column that orders them, ``None`` for a way.
    facts
        What else is to be said, as JSON holds it.
    """

    run: Run
    epoch: int
    latents: Latents
    name: str
    title: str
    z: npt.NDArray[np.float32]
    share: npt.NDArray[np.float64]
    rows: npt.NDArray[np.int64]
    nearest: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def index(self) -> pd.DataFrame:
        """Return what each latent is, a row each: share, particle or blank, the nearest particle, its latent."""
        own = [("", "") if row == NO_PARTICLE else self.latents.ids[row] for row in self.rows]
        near = [self.latents.ids[row] for row in self.nearest]
        columns: dict[str, Any] = {
            "tomogram": [tomogram for tomogram, _ in own],
            "particle": [name for _, name in own],
            "label": "",
            "share": self.share.round(6),
            "nearest_tomogram": [tomogram for tomogram, _ in near],
            "nearest_particle": [name for _, name in near],
            "nearest_distance": self.distance.round(6),
        }
        if self.values is not None:
            columns["value"] = self.values
        return pd.DataFrame(columns).join(latent_columns(self.z))

    def document(self) -> dict[str, Any]:
        """Return the way as values that JSON holds."""
        return {
            "format": 1,
            "run": str(self.run.path.absolute()),
            "epoch": self.epoch,
            "way": self.title,
            "volumes": len(self.z),
            **self.facts,
        }


def traverse(options: TraverseOptions) -> Traversal:
    """Return the latents that a way goes through, or of particles in order.

    Raises
    ------
    InputError
        Where the run has no such latents, a particle, class or column is not there, or no way leads along neighbours.
    """
    run = Run.open(options.run)
    latents = run.latents(options.epoch)
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    check_finite(latents, run.path)
    if options.volumes:
        run.checkpoint(epoch)
    if options.order_by is not None:
        return _ordered(options, run, epoch, latents)
    if options.way == "pc":
        return _along_component(options, run, epoch, latents)
    if options.latents is not None:
        corners = read_latent_table(options.latents, run.latent_dim)
        path = LatentPath(corners, f"straight through the latents of {options.latents.name}")
        return _of_path(path, options, run, epoch, latents, {"latents": str(options.latents)}, direct=True)
    anchors = _anchors(options, run, epoch, latents)
    facts: dict[str, Any] = {"anchors": [latents.ids[row] for row in anchors]}
    if options.way == "direct":
        path = through(latents.z_mean, anchors, f"straight {_past(anchors, latents)}")
        return _of_path(path, options, run, epoch, latents, facts, direct=True)
    return _along_graph(anchors, options, run, epoch, latents, facts)


def output_folder(traversal: Traversal, options: TraverseOptions) -> Path:
    """Return where a traversal is written."""
    return options.outdir or volumes_folder(traversal.run, traversal.epoch, options.name or traversal.name)


def nearest_particles(
    z: npt.NDArray[np.floating],  # (n, z)
    latents: npt.NDArray[np.floating],  # (N, z)
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return which particle (n,) has the nearest latent, and how far (n,) it is."""
    from sklearn.neighbors import NearestNeighbors

    rows = NearestNeighbors(n_neighbors=1).fit(latents).kneighbors(z, return_distance=False)[:, 0].astype(np.int64)
    return rows, np.linalg.norm(latents[rows].astype(np.float64) - z, axis=1)


# the ways


def _along_component(options: TraverseOptions, run: Run, epoch: int, latents: Latents) -> Traversal:
    most = min(len(latents), run.latent_dim)
    if options.component > most:
        raise InputError(
            f"--component {options.component}: {len(latents)} latents of {run.latent_dim} dimensions have {most} "
            "principal components; ask for one of them"
        )
    if not np.ptp(latents.z_mean, axis=0).any():
        what = "one particle" if len(latents) == 1 else f"{len(latents)} particles with one and the same latent"
        raise InputError(
            f"{run.path}: has {what} at epoch {epoch}, so no way leads anywhere; take another epoch or run"
        )
    path = along_component(latents.z_mean, options.component, (options.low, options.high))
    titled = LatentPath(path.corners, f"{path.name}, percentiles {options.low:g} to {options.high:g}")
    facts = {"component": options.component, "percentiles": [options.low, options.high]}
    return _of_path(titled, options, run, epoch, latents, facts, direct=False)


def _of_path(
    path: LatentPath,
    options: TraverseOptions,
    run: Run,
    epoch: int,
    latents: Latents,
    facts: dict[str, Any],
    *,
    direct: bool,
) -> Traversal:
    """Return the places at even distances along a way of straight lines."""
    _refuse_no_way(path)
    points = options.points or POINTS
    z = path.sampled(points)
    nearest, distance = nearest_particles(z, latents.z_mean)
    return Traversal(
        run=run,
        epoch=epoch,
        latents=latents,
        name="direct" if direct else f"pc-{options.component}",
        title=path.name,
        z=z,
        share=np.linspace(0, 1, points),
        rows=np.where(distance == 0, nearest, NO_PARTICLE),
        nearest=nearest,
        distance=distance,
        facts={**facts, "length": float(path.lengths[-1])},
    )


def _refuse_no_way(path: LatentPath) -> None:
    if path.lengths[-1] == 0:
        raise InputError(f"{path.name}: begins and ends at one latent; choose others")


def _along_graph(
    anchors: Sequence[int], options: TraverseOptions, run: Run, epoch: int, latents: Latents, facts: dict[str, Any]
) -> Traversal:
    """Return the particles on the shortest way along neighbours, or places at even distances along it."""
    graph = neighbour_graph(latents.z_mean, options.neighbours, options.average_degree)
    way = [anchors[0]]
    for start, end in pairwise(anchors):
        part = graph.shortest(start, end)
        if part is None:
            raise _apart(graph, start, end, options, run, latents)
        way += part[1:]
    path = through(latents.z_mean, way, f"by neighbours {_past(anchors, latents)}")
    _refuse_no_way(path)
    facts |= {
        "neighbours": options.neighbours,
        "average_degree": graph.average_degree,
        "longest_edge": graph.longest,
        "pieces": int(graph.pieces.max()) + 1,
        "particles": [latents.ids[row] for row in way],
    }
    if options.points is not None:
        sampled = _of_path(path, options, run, epoch, latents, facts, direct=True)
        return replace(sampled, name="graph")
    rows = np.array(way, dtype=np.int64)
    z, nowhere = latents.z_mean[rows], np.zeros(len(rows))
    facts["length"] = float(path.lengths[-1])
    return Traversal(run, epoch, latents, "graph", path.name, z, path.shares, rows, rows, nowhere, facts=facts)


def _apart(
    graph: NeighbourGraph, start: int, end: int, options: TraverseOptions, run: Run, latents: Latents
) -> InputError:
    """Return what to say of two particles that no neighbours join, and what would join them."""
    (one, first), (other, last) = latents.ids[start], latents.ids[end]
    whole = neighbour_graph(latents.z_mean, options.neighbours, None)
    degree = degree_that_joins(whole, start, end)
    advice = "more --neighbours" if degree is None else f"--average-degree {np.ceil(10 * degree) / 10:g}"
    return InputError(
        f"{run.path}: no neighbours lead from particle {first} of tomogram {one} to particle {last} of tomogram "
        f"{other}: with edges up to {graph.longest:.4g} the graph is in {int(graph.pieces.max()) + 1} pieces; "
        f"longer edges join them with {advice}, or choose other particles"
    )


def _ordered(options: TraverseOptions, run: Run, epoch: int, latents: Latents) -> Traversal:
    """Return particles in the order of a column, at even ranks; those without a value are left out."""
    column = str(options.order_by)
    particle_set = run.particle_set()
    where = partial(where_known, run, epoch, particle_set.ids)
    known = Known(particle_set, columns_known(particle_set, run, epoch), where)
    values_of = dict(zip(particle_set.ids, known.numbers(column), strict=True))
    values = np.array([values_of.get(particle, np.nan) for particle in latents.ids])
    among = np.isfinite(values)
    if options.particles is not None:
        chosen = rows_of_particles(listed_particles(options.particles)[0], latents, run.path, options.particles)
        among &= np.isin(np.arange(len(latents)), chosen)
    rows = np.flatnonzero(among)
    if not len(rows):
        raise InputError(f"--order-by {column}: none of the particles has a value of it; choose another column")
    if len(rows) > 1 and not np.ptp(values[rows]):
        raise InputError(
            f"--order-by {column}: is {values[rows[0]]:g} of all {len(rows)} particles, which gives no order; choose "
            "another column"
        )
    rows = rows[np.argsort(values[rows], kind="stable")]
    points = min(options.points or POINTS, len(rows))
    ranks = np.rint(np.linspace(0, len(rows) - 1, points)).astype(np.int64)
    chosen_rows = rows[ranks]
    return Traversal(
        run=run,
        epoch=epoch,
        latents=latents,
        name="by-" + re.sub(r"[^A-Za-z0-9.-]+", "-", column).strip("-"),
        title=f"{points} of {len(rows)} particles by {column}",
        z=latents.z_mean[chosen_rows],
        share=ranks / max(len(rows) - 1, 1),
        rows=chosen_rows,
        nearest=chosen_rows,
        distance=np.zeros(points),
        values=values[chosen_rows],
        facts={"column": column, "particles": len(rows)},
    )


# what lies on the way


def _anchors(options: TraverseOptions, run: Run, epoch: int, latents: Latents) -> list[int]:
    """Return the rows of the particles that the way leads through."""
    if options.classes:
        where, ids = "--classes", _of_classes(options, AnalysisFolder(run.path, epoch))
    elif options.anchors is not None:
        where, ids = str(options.anchors), [particle for particle, _ in read_particle_table(options.anchors)]
    else:
        where, ids = "--through", [_particle(text) for text in options.through]
    if len(ids) < 2:
        raise InputError(f"{where}: a way leads through two particles or more, found {len(ids)}; name more")
    return rows_of_particles(ids, latents, run.path, where)


def _past(anchors: Sequence[int], latents: Latents) -> str:
    """Return from where to where a way leads, in words."""
    first, last = ("/".join(latents.ids[row]) for row in (anchors[0], anchors[-1]))
    more = f" past {len(anchors) - 2} more" if len(anchors) > 2 else ""
    return f"from {first} to {last}{more}"


def _particle(text: str) -> ParticleId:
    """Return the particle of TOMOGRAM/PARTICLE; the particle's own name may have a / in it."""
    tomogram, _, name = text.partition("/")
    return tomogram, name


def _of_classes(options: TraverseOptions, folder: AnalysisFolder) -> list[ParticleId]:
    """Return the particle nearest to the centre of each class asked for."""
    there = [name for name in folder.labellings() if folder.centres(name).is_file()]
    if options.labels is None and len(there) == 1:
        labels = there[0]
    elif options.labels in there:
        labels = str(options.labels)
    else:
        names = ", ".join(there) or "none"
        elsewhere = folder.elsewhere(options.labels)
        raise InputError(
            f"{folder.path}: which classes? Give --labels as one of those there are: {names}"
            + (f"; {elsewhere}" if elsewhere else "")
        )
    centres = read_centres(folder.centres(labels)).set_index("label")
    for label in options.classes:
        if label not in centres.index:
            has = f"0 to {len(centres) - 1}" if len(centres) > 1 else "class 0 only"
            raise InputError(f"--classes: {labels} has no class {label}; it has {has}")
    return [(str(centres.at[label, "tomogram"]), str(centres.at[label, "particle"])) for label in options.classes]
