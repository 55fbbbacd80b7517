"""Where a run goes on from: its newest state, or an epoch that was asked for."""

import logging
from pathlib import Path
from typing import Any

from torch import Tensor

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import newest_checkpoint
from napari_tomodrgn.training.focus import mask_fingerprint
from napari_tomodrgn.training.options import TrainOptions

log = logging.getLogger("napari_tomodrgn")


def state_to_restore(run: Run, epoch: int | None) -> Path | None:
    """Return the checkpoint of an epoch (default: the newest state), ``None`` where none was written yet.

    Raises
    ------
    InputError
        Where the epoch has no checkpoint, or what was made from later epochs would no longer belong to the run.
    """
    if epoch is None:
        return newest_checkpoint(run.path)
    path = run.checkpoint(epoch)
    for made in ("analysis", "volumes"):
        for folder in sorted((run.path / made).glob("epoch-*")):
            if folder.name > f"epoch-{epoch:04d}":
                raise InputError(
                    f"{folder}: was made from an epoch after {epoch}, which --resume-epoch {epoch} would train anew; "
                    "move it elsewhere, or begin another run"
                )
    return path


def is_done(run: Run, options: TrainOptions, state: dict[str, Any] | None) -> bool:
    """Return whether a run that is to go on from a state is finished, and say so and what would go on."""
    if run.status != "finished" or options.resume_epoch is not None:
        return False
    if state is None or state["epoch"] != options.epochs:
        return False
    log.info(
        "%s: has finished all %d epochs, so nothing is left to do; an --epochs above %d goes on",
        run.path,
        options.epochs,
        options.epochs,
    )
    return True


def check_same_mask(run: Run, mask: Tensor | None) -> None:
    """Raise where a run was begun with another mask than ``mask`` to look within, whatever the file is called."""
    if run.document["data"].get("focus_mask") != mask_fingerprint(mask):
        raise InputError(
            f"{run.path}: was begun with another --focus-mask, or with none; give the same mask, or begin another run"
        )


def forget_after(run: Run, epoch: int) -> None:
    """Remove the states and latents of later epochs from a run that goes on from this one."""
    (run.path / layout.CHOSEN_LATENTS).unlink(missing_ok=True)
    run.update(chosen_epoch=None)
    layout.stopped_path(run.path).unlink(missing_ok=True)
    for later in layout.latent_epochs(run.path):
        if later > epoch:
            layout.latents_path(run.path, later).unlink()
    # the newest first: cut off here, the run goes on from a later epoch than asked for, but from a whole one
    for later in sorted(layout.checkpoint_epochs(run.path), reverse=True):
        if later > epoch:
            layout.checkpoint_path(run.path, later).unlink()
