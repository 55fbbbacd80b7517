"""The whole state of a training as one file of tensors and plain values."""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from types import UnionType
from typing import Any

import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.model.architecture import Architecture
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run

FORMAT = 1
STATE: dict[str, type | UnionType] = {
    "architecture": dict, "model": dict, "optimizer": dict, "scaler": dict, "rng": torch.Tensor, "beta": dict,
    "prior": dict | None, "epoch": int, "position": int, "sums": dict, "history": list,
    "standard_deviation": int | float, "pixel_size": int | float, "forward_model": dict,
}  # fmt: skip


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state; the file is whole or absent, and a full disk leaves earlier ones as they are."""
    memory = io.BytesIO()
    torch.save({"format": FORMAT, **state}, memory)
    with atomic_open(path, "wb") as stream:
        stream.write(memory.getbuffer())


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a state written by :func:`save_checkpoint`, whole enough to go on training from.

    Raises
    ------
    InputError
        Where the file is missing, damaged, or of a newer format.
    """
    state = _read(path, device)
    model = _model_of(state, path)
    try:  # as Trainer.restore takes them up
        torch.optim.AdamW(model.shared_parameters).load_state_dict(state["optimizer"])
        torch.Generator().set_state(state["rng"].cpu())
    except (RuntimeError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: is damaged, its optimizer or random numbers can't be taken up ({_reason(error)}); use one of "
            "another epoch"
        ) from error
    return state


def _read(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a state of this format with all its parts."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such checkpoint") from error
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: is not a readable checkpoint ({reason}); use one of another epoch") from error
    if not isinstance(state, dict) or not isinstance(state.get("format"), int) or "architecture" not in state:
        raise InputError(f"{path}: is not a checkpoint of napari-tomodrgn; give one from a run's checkpoints folder")
    if state["format"] > FORMAT:
        raise InputError(
            f"{path}: has format {state['format']}, this version reads up to {FORMAT}; update napari-tomodrgn"
        )
    for name, kind in STATE.items():
        if name not in state or not isinstance(state[name], kind):
            raise InputError(f"{path}: is damaged, it has no valid {name!r}; use one of another epoch")
    return state


def _model_of(state: dict[str, Any], path: Path) -> VAE:
    """Return the model of a state, on the CPU."""
    try:
        model = VAE(Architecture.from_dict(state["architecture"]))
        model.load_state_dict(state["model"])
    except (RuntimeError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: its weights and its network do not belong together ({_reason(error)}); use one of another epoch, "
            "or the version that trained it"
        ) from error
    return model


def _reason(error: Exception) -> str:
    return shorten(str(error), 200, placeholder=" …")


@dataclass(frozen=True)
class TrainedModel:
    """A model as it was at the end of an epoch, and what is needed to use it.

    ``corrections`` are those of its particles, as ``Corrections.restore`` takes them, where they were fitted.
    """

    model: VAE
    epoch: int
    standard_deviation: float
    pixel_size: float
    box: int
    corrections: dict[str, torch.Tensor] | None = None  # of its particles, as ``Corrections.state`` gives them


def load_model(run: Run, epoch: int | None = None, device: torch.device | str = "cpu") -> TrainedModel:
    """Return the model of a run at the end of an epoch (default: the chosen one), ready for inference.

    Raises
    ------
    InputError
        Where the run has no such checkpoint, or it can't be read.
    """
    path = run.checkpoint(epoch)
    state = _read(path, device)
    model = _model_of(state, path).to(device)
    return TrainedModel(
        model.eval(),
        state["epoch"],
        state["standard_deviation"],
        state["pixel_size"],
        model.architecture.box,
        state.get("corrections"),
    )


def newest_checkpoint(run: Path) -> Path | None:
    """Return the checkpoint that a run goes on from: of its last finished epoch, or later, where it was stopped."""
    epochs = layout.checkpoint_epochs(run)
    last = layout.checkpoint_path(run, epochs[-1]) if epochs else None
    stopped = layout.stopped_path(run)
    if stopped.is_file():
        state = _read(stopped)
        if state["epoch"] >= (epochs[-1] if epochs else 0):
            return stopped
    return last
