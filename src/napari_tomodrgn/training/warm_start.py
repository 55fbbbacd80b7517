"""Beginning where another run ended: its weights in place of random ones."""

from collections.abc import Sequence
from pathlib import Path

import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.free_latents import FreeLatents
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import TrainedModel, load_model

PIXEL_SIZE_TOLERANCE = 0.01


def model_to_begin_from(path: Path, architecture: Architecture, pixel_size: float) -> TrainedModel:
    """Return the model of a run's chosen epoch.

    Raises
    ------
    InputError
        Where there is no such run, or its network or images do not fit ``architecture`` and ``pixel_size`` (Å).
    """
    try:
        trained = load_model(Run.open(path))
    except InputError as error:
        raise InputError(f"--init-from {error}") from error
    _check_fit(architecture, trained, path, pixel_size)
    return trained


@torch.no_grad()
def warm_start(
    model: VAE,
    trained: TrainedModel,
    standard_deviation: float,
    latents: Latents | None = None,
    ids: Sequence[ParticleId] = (),
) -> None:
    """Give a model the weights of another.

    Of a decoder alone, what it says of the points is taken over, and what latents add to it stays random. Where
    particles have latents of their own, they begin with what the other model's ``latents`` say of the same particles
    (``ids``), and with 0 where those don't know them. The output is scaled to images divided by
    ``standard_deviation``, so that volumes keep their densities.
    """
    if isinstance(model.encoder, FreeLatents) and latents is not None:
        model.decoder.load_state_dict(trained.model.decoder.state_dict())
        known = dict(zip(latents.ids, range(len(latents)), strict=True))
        rows = [number for number, each in enumerate(ids) if each in known]
        theirs = [known[ids[number]] for number in rows]
        scale = model.decoder.latent_scale.cpu()
        model.encoder.mean[rows] = (torch.from_numpy(latents.z_mean[theirs]) * scale).to(model.device)
        spread = torch.from_numpy(latents.z_logvar[theirs]) + 2 * scale.log()
        model.encoder.log_variance[rows] = spread.to(model.device)
        model.decoder.latent_scale.fill_(1)  # latents are of unit spread here
    elif trained.model.encoder is not None:
        model.load_state_dict(trained.model.state_dict())
    else:
        _take_over(model.decoder, trained.model.decoder)
    for values in (model.decoder.mlp.last.weight, model.decoder.mlp.last.bias):
        values *= trained.standard_deviation / standard_deviation


def _take_over(decoder: Decoder, source: Decoder) -> None:
    """Copy a decoder without a latent into one that may have one."""
    own, theirs = decoder.mlp.state_dict(), source.mlp.state_dict()
    own["first.weight"][:, : decoder.features] = theirs.pop("first.weight")[:, : decoder.features]
    decoder.mlp.load_state_dict({**own, **theirs})
    decoder.vectors.copy_(source.vectors)


def _check_fit(own: Architecture, trained: TrainedModel, path: Path, pixel_size: float) -> None:
    if abs(pixel_size / trained.pixel_size - 1) > PIXEL_SIZE_TOLERANCE:
        raise InputError(
            f"--init-from {path}: was trained on pixels of {trained.pixel_size:.4g} Å, these are of {pixel_size:.4g} "
            "Å; downsample one of the sets, or leave the option out"
        )
    theirs = trained.model.architecture
    names = ["box", "decoder", "positional_encoding"]
    if trained.model.encoder is not None and own.pooling == "none":
        names += ["latent_dim"]
    elif trained.model.encoder is not None:
        names += ["latent_dim", "pooling", "tilts"]
        names += [] if own.pooling == "linear" else ["encoder_a", "encoder_a_out", "encoder_b"]
    for name in names:
        found, wanted = getattr(theirs, name), getattr(own, name)
        if found != wanted:
            raise InputError(
                f"--init-from {path}: its {name.replace('_', ' ')} is {_text(found)} and here it is {_text(wanted)}; "
                "give the same, or leave the option out"
            )


def _text(value: object) -> str:
    return f"{value.width}x{value.hidden}" if isinstance(value, Layers) else str(value)
