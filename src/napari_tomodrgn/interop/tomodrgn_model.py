"""tomoDRGN's weights as a model of this program that gives the same volumes.

There, a network is asked at k and at -k, and says (re, im) of either independently; the volume is that of the Hartley
values H(k) = re - im. Here a network is asked at one of each pair and says F(k), and the other is its conjugate. So the
network is taken twice, once as it is and once with the sine features negated, which is the same network at -k; what
both say is joined by the last layer: Re F(k) = (H(k) + H(-k)) / 2, Im F(k) = (H(-k) - H(k)) / 2. The layers are block
diagonal, twice as wide, and the volume is exactly that of the network taken over.

What encoder A says of a tilt image goes through a ReLU before it is joined, which ours does not. A hidden layer more
does it: ReLU(W h + h) with W + 1 in the place of the last layer, and an identity after it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.interop.tomodrgn_files import Config
from napari_tomodrgn.model.architecture import Layers
from napari_tomodrgn.model.mlp import ResidualMLP

_LAYER = r"\.main\.(\d+)(?:\.linear)?\.weight"
POOLINGS = ("concatenate", "max")  # of a mean it matters where the ReLU is, a median takes another of the middle two


@dataclass(frozen=True)
class Perceptron:
    """``Linear → ReLU → n × [Linear + skip → ReLU] → Linear``: weight and bias of each layer."""

    layers: tuple[tuple[Tensor, Tensor], ...]

    @property
    def shape(self) -> Layers:
        """Width and number of the hidden layers."""
        return Layers(len(self.layers[0][1]), len(self.layers) - 2)

    @property
    def inputs(self) -> int:
        """Length of what goes in."""
        return int(self.layers[0][0].shape[1])

    @property
    def outputs(self) -> int:
        """Length of what comes out."""
        return len(self.layers[-1][1])

    @classmethod
    def of(cls, weights: dict[str, Any], name: str, path: Path) -> "Perceptron":
        """Take a perceptron out of a state dict.

        Raises
        ------
        InputError
            Where it is not there, or its layers do not follow one another.
        """
        found = [(int(match[1]), key) for key in weights if (match := re.fullmatch(re.escape(name) + _LAYER, str(key)))]
        layers = []
        for _, key in sorted(found):
            weight, bias = weights[key], weights.get(key.removesuffix("weight") + "bias")
            if not (isinstance(weight, Tensor) and isinstance(bias, Tensor)):
                raise InputError(f"{path}: has no valid bias beside {key}; give the weights of tomoDRGN's train_vae")
            layers.append((weight.float().clone(), bias.float().clone()))
        widths = [len(bias) for _, bias in layers[:-1]]
        follow = all(
            weight.shape == (len(bias), before) for (weight, bias), before in zip(layers[1:], widths, strict=True)
        )
        if len(layers) < 2 or not follow or len(set(widths)) != 1 or layers[0][0].ndim != 2:
            raise InputError(f"{path}: has no {name} of layers that follow one another; only plain networks are read")
        if not all(torch.isfinite(each).all() for layer in layers for each in layer):
            raise InputError(f"{path}: has weights of {name} that are not finite; import an earlier epoch")
        return cls(tuple(layers))

    def into(self, target: ResidualMLP) -> None:
        """Give a perceptron of the same shape these weights."""
        with torch.no_grad():
            own = (target.first, *target.hidden, target.last)
            for layer, (weight, bias) in zip(own, self.layers, strict=True):
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)


@dataclass(frozen=True)
class TakenOver:
    """A model of tomoDRGN in the terms of this program.

    Attributes
    ----------
    vectors
        (3 D/2, 3) frequencies of the decoder's features.
    decoder
        Of twice the width that it had.
    encoder_a, encoder_b
        ``None`` where the encoder is of a kind that is unknown here, or looks at other pixels.
    why
        In a few words, why there is no encoder.
    """

    vectors: Tensor
    decoder: Perceptron
    encoder_a: Perceptron | None
    encoder_b: Perceptron | None
    why: str = ""

    @classmethod
    def of(cls, weights: dict[str, Any], config: Config, path: Path) -> "TakenOver":
        """Take over the weights of an epoch.

        Raises
        ------
        InputError
            Where the decoder is of a kind that is unknown here, or is not whole.
        """
        box, latent_dim = config.box, latent_dimension(config)
        encoding = config.get("model_args", "pe_type", str, "none")
        activation = config.get("model_args", "activation", str, "relu")
        if encoding != "gaussian" or activation != "relu":
            raise InputError(
                f"{config.path}: the decoder has {encoding} features and {activation} units; only gaussian features "
                "and relu units can be taken over"
            )
        vectors = weights.get("decoder.freqs")
        if not isinstance(vectors, Tensor) or vectors.shape != (3 * (box // 2), 3) or not torch.isfinite(vectors).all():
            raise InputError(f"{path}: has no valid decoder.freqs for a box of {box} px; give weights of that box")
        decoder = Perceptron.of(weights, "decoder.decoder", path)
        if (decoder.inputs, decoder.outputs) != (2 * len(vectors) + latent_dim, 2):
            raise InputError(
                f"{path}: has a decoder from {decoder.inputs} to {decoder.outputs} numbers; expected "
                f"{2 * len(vectors) + latent_dim} to 2 for a box of {box} px and {latent_dim} latent dimensions"
            )
        both = at_both(decoder, len(vectors))
        why, columns = _encoder_trouble(config), None
        if not why:
            columns, why = _columns(config)
        if why or columns is None:
            return cls(vectors.float().clone(), both, None, None, why)
        encoder_a, encoder_b = (Perceptron.of(weights, f"encoder.encoder_{part}", path) for part in "ab")
        tilts = config.get("model_args", "ntilts", int) if pooling(config) == "concatenate" else 1
        if encoder_b.inputs != tilts * encoder_a.outputs or encoder_b.outputs != 2 * latent_dim:
            raise InputError(
                f"{path}: has an encoder B from {encoder_b.inputs} to {encoder_b.outputs} numbers, which does not "
                "follow its encoder A; copy the run again"
            )
        encoder_a = rectified(_reordered(encoder_a, columns, path))
        return cls(vectors.float().clone(), both, encoder_a, encoder_b)


def latent_dimension(config: Config) -> int:
    """Return |z|."""
    return int(config.get("model_args", "zdim", int))


def pooling(config: Config) -> str:
    """Return how tilt images are joined."""
    return str(config.get("model_args", "pooling_function", str, "concatenate"))


def at_both(decoder: Perceptron, vectors: int) -> Perceptron:
    """Return the network that says F(k) of what a network says at k and at -k; ``vectors`` sines come first."""
    (weight, bias), *hidden, (last, last_bias) = decoder.layers
    mirrored = weight.clone()
    mirrored[:, :vectors] *= -1
    first = torch.cat([weight, mirrored]), torch.cat([bias, bias])
    between = [(_twice(own), torch.cat([shift, shift])) for own, shift in hidden]
    half = (last[0] - last[1]) / 2  # of a Hartley value
    joined = torch.stack([torch.cat([half, half]), torch.cat([-half, half])])
    constant = torch.stack([last_bias[0] - last_bias[1], torch.zeros(())])
    return Perceptron((first, *between, (joined, constant)))


def _twice(weight: Tensor) -> Tensor:
    """Return a block-diagonal matrix of a matrix and itself."""
    none = torch.zeros_like(weight)
    return torch.cat([torch.cat([weight, none], dim=1), torch.cat([none, weight], dim=1)])


def rectified(perceptron: Perceptron) -> Perceptron:
    """Return a perceptron whose output goes through a ReLU: of one hidden layer more, and as wide as its output."""
    (weight, bias), *rest, (last, last_bias) = perceptron.layers
    outputs, width = last.shape
    wide = max(outputs, width)

    def padded(values: Tensor, *size: int) -> Tensor:
        result = torch.zeros(size)
        result[tuple(slice(length) for length in values.shape)] = values
        return result

    first = padded(weight, wide, weight.shape[1]), padded(bias, wide)
    between = [(padded(own, wide, wide), padded(shift, wide)) for own, shift in rest]
    rectifying = padded(last, wide, wide) - torch.eye(wide), padded(last_bias, wide)
    return Perceptron((first, *between, rectifying, (torch.eye(wide)[:outputs], torch.zeros(outputs))))


def _encoder_trouble(config: Config) -> str:
    if pooling(config) not in POOLINGS:
        return f"its pooling is {pooling(config)}"
    if config.get("model_args", "layer_norm", bool, False):
        return "it has layer norms"
    return ""


def _columns(config: Config) -> tuple[Tensor | None, str]:
    """Return for each of our Hartley values (2 P,) the column of the encoder that takes it, -1 where none does."""
    import numpy as np

    points = lattice(config.box)
    seen = config.get("model_args", "enc_mask", np.ndarray, None)
    if seen is None or seen.size != (config.box + 1) ** 2 or seen.dtype != bool:
        return None, "it looks at other pixels"
    column = torch.full((seen.size,), -1, dtype=torch.int64)
    flat = torch.from_numpy(np.flatnonzero(seen))
    column[flat] = torch.arange(len(flat))
    ours = torch.cat([points.plus, points.minus])
    if int((column[ours] >= 0).sum()) < len(flat):
        return None, "it looks at pixels beyond the circle"
    return column[ours], ""


def _reordered(encoder: Perceptron, columns: Tensor, path: Path) -> Perceptron:
    """Return an encoder that takes our Hartley values: all at k, then all at -k, by |k|."""
    (weight, bias), *rest = encoder.layers
    if weight.shape[1] != int(columns.max()) + 1:
        raise InputError(
            f"{path}: has an encoder of {weight.shape[1]} pixels, and {int(columns.max()) + 1} by its settings; copy "
            "the run again"
        )
    taken = torch.where(columns >= 0, weight[:, columns.clamp(min=0)], 0.0)
    return Perceptron(((taken, bias), *rest))
