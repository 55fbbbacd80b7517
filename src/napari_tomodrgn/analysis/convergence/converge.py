"""The ``converge`` command: a run from epoch to epoch, and the epoch to take."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_tomodrgn.analysis.analyze import check_finite
from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.analysis.convergence.followed import Followed, Latent, follow
from napari_tomodrgn.analysis.convergence.latent_changes import LatentChange, drawn, latent_changes
from napari_tomodrgn.analysis.convergence.options import ConvergeOptions
from napari_tomodrgn.analysis.convergence.recommendation import (
    Recommendation,
    Signal,
    loss_signal,
    recommend,
    rise_after_lowest,
    tail_signal,
)
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.progress import track
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

DOCUMENT, TABLE, FOLLOWED, CURVES = "convergence.json", "convergence.csv", "followed.csv", "fsc.csv"
OWN_FILES = (DOCUMENT, TABLE, FOLLOWED, CURVES, "epoch-*.mrc", "curves.*", "latents.*", "volumes.*", "resolution.*")
METRICS = ("reconstruction", "held_out_reconstruction", "kld")


@dataclass(frozen=True)
class Convergence:
    """What was found of a run.

    Attributes
    ----------
    run, options
        Of which, and how.
    table
        One row an epoch: losses, latents, volumes; columns as in convergence.csv.
    followed
        Particles that stand for classes; ``None`` where no volumes were decoded.
    labels
        (N,) int64, the classes of the particles drawn, at the last epoch; ``None`` for a decoder alone.
    signals
        What the recommendation rests on.
    recommendation
        The epoch to take.
    notes
        What could not be looked at, and why.
    """

    run: Run
    options: ConvergeOptions
    table: pd.DataFrame
    followed: Followed | None
    labels: np.ndarray[Any, np.dtype[np.int64]] | None
    signals: tuple[Signal, ...]
    recommendation: Recommendation
    notes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return what was found as values that JSON holds, null for what was not measured."""
        options = self.options.model_dump(mode="json", exclude={"figures", "overwrite", "device"})
        followed = None
        if self.followed is not None:
            followed = {
                "epochs": list(self.followed.epochs),
                "particles": [each.particle for each in self.followed.latents],
                "masked": self.followed.masked,
                "pixel_size": self.followed.pixel_size,
            }
        return {
            "format": 1,
            "run": str(self.run.path.absolute()),
            "recommended_epoch": self.recommendation.epoch,
            "settled": self.recommendation.settled,
            "reasons": list(self.recommendation.reasons),
            "signals": [asdict(signal) for signal in self.signals],
            "notes": list(self.notes),
            "settings": options,
            "followed": followed,
            "epochs": [
                {name: _plain(value) for name, value in row.items()} for row in self.table.to_dict(orient="records")
            ],
        }


def converge(options: ConvergeOptions, keep: Path | None = None) -> Convergence:
    """Look at losses, latents and volumes from epoch to epoch; ``keep`` is a folder for the volumes.

    Raises
    ------
    InputError
        Where the run has one epoch, no latents, or nothing to decode with, or a file of it can't be read.
    """
    run = Run.open(options.run)
    metrics = run.metrics()
    with_latents = layout.latent_epochs(run.path) if run.latent_dim else []
    _check(run, metrics, with_latents)
    notes: list[str] = []
    changes: list[LatentChange] = []
    labels, latents = None, None
    if run.latent_dim:
        read = _latents(run, with_latents)
        changes = list(track(latent_changes(read, options), "Comparing latents", total=len(with_latents) - 1))
        latents, labels = _representatives(run, with_latents, options)
    followed = None
    decodable = [epoch for epoch in run.epochs if not run.latent_dim or epoch in with_latents]
    if options.volumes:
        if not decodable:
            raise InputError(f"{run.path}: has no checkpoint of an epoch with latents to decode; add --no-volumes")
        volumes_of = latents or (Latent(None, 0, None),)
        followed = follow(run, decodable, volumes_of, options, keep if options.keep_volumes else None)
        if len(decodable) == 1:
            notes.append(f"only epoch {decodable[0]} has a checkpoint, so volumes could not be compared between epochs")
    table = _table(run, metrics, changes, followed)
    signals = _signals(run, table, options, notes)
    candidates = decodable or with_latents
    recommendation = recommend(signals, held_out_tilts(run, table), options.loss_tolerance, candidates)
    return Convergence(run, options, table, followed, labels, tuple(signals), recommendation, tuple(notes))


def write_convergence(found: Convergence, folder: Path) -> None:
    """Write convergence.json, convergence.csv, followed.csv and fsc.csv into a folder that is there."""
    with atomic_open(folder / DOCUMENT) as stream:
        json.dump(found.document(), stream, indent=1, allow_nan=False)
    with atomic_open(folder / TABLE) as stream:
        found.table.to_csv(stream, index=False, lineterminator="\n", float_format="%.6g")
    if found.followed is not None:
        with atomic_open(folder / FOLLOWED) as stream:
            found.followed.table().to_csv(stream, index=False, lineterminator="\n", float_format="%.6g")
        with atomic_open(folder / CURVES) as stream:
            found.followed.curves_table().to_csv(stream, lineterminator="\n", float_format="%.6g")


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _check(run: Run, metrics: pd.DataFrame, with_latents: list[int]) -> None:
    """Raise where there is nothing to compare."""
    epochs = sorted({*metrics["epoch"].astype(int), *with_latents, *run.epochs})
    if len(epochs) < 2:
        found = "has finished no epoch yet" if not epochs else f"has one epoch, {epochs[0]}"
        raise InputError(f"{run.path}: {found}, and convergence is a change from epoch to epoch; train for more epochs")
    if run.latent_dim and not with_latents:
        raise InputError(f"{run.path}: has no latents of any epoch; copy the run's folder {layout.LATENTS}, too")


def _latents(run: Run, epochs: list[int]) -> Iterator[tuple[int, Latents]]:
    """Yield the latents of each epoch, all of the same particles in one order."""
    first: Latents | None = None
    for epoch in epochs:
        latents = run.latents(epoch)
        check_finite(latents, layout.latents_path(run.path, epoch))
        if first is not None and latents.ids != first.ids:
            raise InputError(
                f"{layout.latents_path(run.path, epoch)}: is of other particles than {epochs[0]}'s; copy the run again"
            )
        first = first or latents
        yield epoch, latents


def _representatives(
    run: Run, epochs: list[int], options: ConvergeOptions
) -> tuple[tuple[Latent, ...], np.ndarray[Any, np.dtype[np.int64]]]:
    """Return the particles nearest to the class centres of the last epoch, with their latents at every epoch."""
    last = run.latents(epochs[-1])
    rows = drawn(len(last), options.sample, options.seed)
    classes = cluster(last.z_mean[rows], options.clusters, seed=options.seed)
    nearest = rows[classes.nearest]
    z = {epoch: latents.z_mean[nearest] for epoch, latents in _latents(run, epochs)}
    followed = tuple(
        Latent(last.ids[row], label, {epoch: values[label] for epoch, values in z.items()})
        for label, row in enumerate(nearest)
    )
    return followed, classes.labels


def _table(run: Run, metrics: pd.DataFrame, changes: list[LatentChange], followed: Followed | None) -> pd.DataFrame:
    """Return one row an epoch with everything that is known of it, NaN where it is not."""
    known = metrics.set_index("epoch")
    epochs = {*known.index, *run.epochs, *(change.epoch for change in changes), *(change.before for change in changes)}
    table = pd.DataFrame(index=pd.Index(sorted(int(epoch) for epoch in epochs), name="epoch"))
    table["seconds"] = known["seconds"].cumsum()
    for name in METRICS:
        table[name] = known[name]
    for change in changes:
        for name, value in asdict(change).items():
            if name != "epoch":
                table.loc[change.epoch, _CHANGE_COLUMNS[name]] = value
    if followed is not None:
        for i, epoch in enumerate(followed.epochs):
            for name, values in (
                ("volume_cc", followed.change),
                ("difference_cc", followed.difference_change),
                ("resolution", followed.resolution),
                ("reference_cc", followed.reference),
                ("reference_resolution", followed.reference_resolution),
            ):
                if not np.isnan(values[i]).all():
                    table.loc[epoch, name] = float(np.median(values[i]))
            if np.isfinite(followed.reference[i]).any():
                table.loc[epoch, "reference_cc_most"] = float(followed.reference[i].max())
            if i:
                table.loc[epoch, "volumes_before"] = followed.epochs[i - 1]
                table.loc[epoch, "volume_cc_least"] = float(followed.change[i].min())
    return table.reset_index()


_CHANGE_COLUMNS = {
    "before": "latents_before",
    "mean": "shift_mean",
    "median": "shift_median",
    "spread": "latent_spread",
    "relative": "shift_relative",
    "relative_aligned": "shift_relative_aligned",
    "kept": "neighbours_kept",
    "kept_by_chance": "neighbours_kept_by_chance",
    "ari": "ari",
}


def _signals(run: Run, table: pd.DataFrame, options: ConvergeOptions, notes: list[str]) -> list[Signal]:
    """Return what the recommendation rests on, and note what it can't rest on."""
    signals = []
    held_out, trained = held_out_tilts(run, table), _series(table, "reconstruction")
    if held_out:
        signals.append(loss_signal(held_out, options.loss_tolerance, "loss of the tilt images held out"))
    elif trained:
        signals.append(loss_signal(trained, options.loss_tolerance, "loss of the images trained on"))
        notes.append(_without_held_out_tilts(table, options))
    else:
        notes.append("there are no losses of two epochs or more (metrics.csv)")
    shifts = _series(table, "shift_relative", fewest=1)
    if shifts:
        signals.append(tail_signal(shifts, options.shift_tolerance, "latents", "of their spread"))
    for column, tolerance, what in (
        ("volume_cc", options.volume_tolerance, "volumes"),
        ("difference_cc", options.difference_tolerance, "differences between volumes"),
    ):
        found = _series(table, column, fewest=1)
        if found:
            lost = {epoch: 1 - value for epoch, value in found.items()}
            signals.append(tail_signal(lost, tolerance, what, "in correlation"))
    return signals


def held_out_tilts(run: Run, table: pd.DataFrame) -> dict[int, float] | None:
    """Return the loss of tilt images held out of particles that were trained on, by epoch; ``None`` without any.

    Only these say whether a particle's latent and volume explain more of it than its noise. Where whole particles were
    held out, the loss is that of an encoder which never saw them.
    """
    return _series(table, "held_out_reconstruction") if run.settings.get("held_out_by") == "tilt" else None


def _without_held_out_tilts(table: pd.DataFrame, options: ConvergeOptions) -> str:
    held_out = _series(table, "held_out_reconstruction")
    if held_out is None:
        return (
            "nothing was held out, so the loss is that of the images trained on, which falls as well while noise is "
            "learned: nothing here warns of too many epochs (train with --held-out-by tilt --held-out-fraction 0.1)"
        )
    rise = rise_after_lowest(held_out, options.loss_tolerance)
    found = "" if rise is None else f"; it rises by {rise[1]:.2%} after epoch {rise[0]}"
    return (
        "whole particles were held out: their loss says how well the encoder does on particles it has not seen, and "
        f"nothing of the latents of those trained on, so no epoch is chosen by it{found} (--held-out-by tilt says more)"
    )


def _series(table: pd.DataFrame, column: str, fewest: int = 2) -> dict[int, float] | None:
    """Return the values of a column by epoch, NaN left out, ``None`` where too few epochs have one."""
    if column not in table:
        return None
    known = table[table[column].notna()]
    found = dict(zip(known["epoch"].astype(int).tolist(), known[column].astype(float).tolist(), strict=True))
    return found if len(found) >= fewest else None
