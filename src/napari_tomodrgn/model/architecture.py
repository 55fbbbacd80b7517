"""The numbers that fix a network's shape, as they are written in run.json and in every checkpoint."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from napari_tomodrgn.errors import InputError

Pooling = Literal["concatenate", "mean", "max", "median", "attention", "linear", "none"]
PositionalEncoding = Literal["gaussian", "geom_ft", "geom_full", "geom_lowf", "geom_nohighf", "linear"]


class Layers(NamedTuple):
    """Width and number of the hidden (residual) layers of a perceptron."""

    width: int
    hidden: int

    @classmethod
    def parse(cls, text: str, option: str) -> "Layers":
        """Read the paper's notation, nodes x hidden layers, e.g. ``256x3``."""
        match = re.fullmatch(r"\s*(\d+)\s*[x×X]\s*(\d+)\s*", text)
        if match is None or int(match[1]) < 1:
            raise InputError(f"{option} is {text!r}; expected nodes x hidden layers, for example 256x3")
        return cls(int(match[1]), int(match[2]))


DEFAULT_LAYERS = Layers(256, 3)


@dataclass(frozen=True)
class Architecture:
    """The shape of a model.

    Attributes
    ----------
    box
        D, even, px.
    latent_dim
        |z|; 0 is a homogeneous model: a decoder alone.
    tilts
        How many tilt images a particle has in the encoder where the pooling concatenates them, else 0.
    encoder_a, encoder_a_out, encoder_b, decoder
        Hidden layers of the perceptrons, and the length of what encoder A says about one tilt image.
    feature_sigma, seed
        Spread of the Gaussian features in units of half the box, and the seed of features and initial weights.
    particles
        How many particles have latents of their own where there is no encoder (pooling ``none``), else 0.
    """

    box: int
    latent_dim: int
    pooling: Pooling = "concatenate"
    tilts: int = 0
    encoder_a: Layers = DEFAULT_LAYERS
    encoder_a_out: int = 128
    encoder_b: Layers = DEFAULT_LAYERS
    decoder: Layers = DEFAULT_LAYERS
    positional_encoding: PositionalEncoding = "gaussian"
    feature_sigma: float = 0.5
    seed: int = 0
    particles: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and checkpoints."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Architecture":
        """Read what :meth:`as_dict` returned."""
        layers = {name: Layers(*values[name]) for name in ("encoder_a", "encoder_b", "decoder")}
        return cls(**{**values, **layers})
