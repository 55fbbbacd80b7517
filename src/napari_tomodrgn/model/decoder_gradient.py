"""The decoder at many points, forward and backward written out.

Nearly all the time of training is spent here. Written out, activations are changed in place, weights are cast once a
step, a particle's latent is part of the first layer's bias, and gradients are summed in float32 whatever the
precision of the products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_tomodrgn.model.compiling import Fusing
from napari_tomodrgn.model.decoder import Decoder, half_space
from napari_tomodrgn.model.dense import activate_, affine, affine_plus, through_activation_, transposed_product

ACTIVATION = "relu"


@dataclass(frozen=True)
class DecoderWeights:
    """The decoder's weights, cast to the precision of the products; biases stay float32.

    ``layers`` has a pair of weight (outputs, inputs) and bias (outputs,) a layer; the first one's weight is that of
    the features, without the latent's columns.
    """

    layers: list[tuple[Tensor, Tensor]]
    vectors: Tensor
    dtype: torch.dtype

    @classmethod
    def of(cls, decoder: Decoder, dtype: torch.dtype = torch.float32) -> "DecoderWeights":
        """Cast the weights of a decoder."""
        mlp = decoder.mlp
        layers = [(mlp.first.weight[:, : decoder.features], mlp.first.bias)]
        layers += [(layer.weight, layer.bias) for layer in (*mlp.hidden, mlp.last)]
        cast = [(weight.detach().to(dtype).contiguous(), bias.detach()) for weight, bias in layers]
        return cls(cast, decoder.vectors, dtype)


class GradientSums:
    """The gradient of the decoder's weights, summed over blocks of points in float32: one flat vector, and its parts.

    ``parts`` has a pair of views a layer, shaped like the layer's weight and bias.
    """

    def __init__(self, weights: DecoderWeights) -> None:
        shapes = [each.shape for pair in weights.layers for each in pair]
        self.flat = torch.zeros(sum(shape.numel() for shape in shapes), device=weights.vectors.device)
        split = torch.split(self.flat, [shape.numel() for shape in shapes])
        views = [part.view(shape) for part, shape in zip(split, shapes, strict=True)]
        self.parts = list(zip(views[0::2], views[1::2], strict=True))


class DecodedPoints:
    """What a decoder says at n points, and what its backward pass needs to remember.

    Attributes
    ----------
    real, imaginary
        (n,) float32, of standardised volumes.
    activations
        What leaves each hidden layer, (n, width), at the precision of the products.
    sign
        (n,) -1 where a point was mirrored into the half-space that is decoded, else 1.
    """

    def __init__(self, weights: DecoderWeights, k3: Tensor, latent_input: Tensor | None, owner: Tensor | None) -> None:
        """Decode at points ``k3`` (n, 3), cycles/px.

        ``latent_input`` (B, width) is what the latents add to the first layer; ``owner`` (n,) says whose each point
        is, ``None`` where there is one particle.
        """
        owner = None if latent_input is None else owner
        self._weights, self._owner = weights, owner
        rows = None
        if latent_input is not None:
            rows = latent_input[0] if owner is None else latent_input.to(weights.dtype)[owner]
        found = forward_pass(k3, weights.vectors, weights.layers, rows, weights.dtype)
        self._features, self.activations, self.sign, self.real, self.imaginary = found

    def backward(self, real: Tensor, imaginary: Tensor, sums: GradientSums, latent_sums: Tensor | None) -> None:
        """Add the gradient to ``sums``, given that of real and imaginary part (n,).

        ``latent_sums`` (B, width) gains that of the latent input.
        """
        gradient = torch.stack([real, imaginary * self.sign], dim=1).to(self._weights.dtype)
        found, rows, gradient = backward_pass(gradient, [self._features, *self.activations], self._weights.layers)
        for (weight_sum, bias_sum), (weight_gradient, bias_gradient) in zip(sums.parts, found, strict=True):
            weight_sum += weight_gradient
            bias_sum += bias_gradient
        if latent_sums is None:
            return
        if self._owner is None:
            latent_sums[0] += rows
        else:
            latent_sums.index_add_(0, self._owner, gradient.float())


@Fusing
def forward_pass(
    k3: Tensor,  # (n, 3) cycles/px
    vectors: Tensor,
    layers: list[tuple[Tensor, Tensor]],
    rows: Tensor | None,  # what latents add to the first layer: (width,) of all points, or (n, width)
    dtype: torch.dtype,
) -> tuple[Tensor, list[Tensor], Tensor, Tensor, Tensor]:
    """Return features, what leaves each hidden layer, the sign of each point, and real and imaginary part (n,)."""
    points, sign = half_space(k3)
    found = features_at(points, vectors, dtype)
    first, bias = layers[0]
    if rows is None or rows.ndim == 1:
        values = affine(found, first, bias if rows is None else bias + rows, ACTIVATION)
    else:
        values = activate_(affine_plus(found, first, bias, rows), ACTIVATION)
    activations = [values]
    for weight, bias in layers[1:-1]:
        values = activate_(affine_plus(values, weight, bias, values), ACTIVATION)
        activations.append(values)
    outputs = affine(values, *layers[-1], "none").float()
    return found, activations, sign, outputs[:, 0], outputs[:, 1] * sign


@Fusing
def backward_pass(
    gradient: Tensor,  # (n, 2) of the outputs
    below: list[Tensor],  # what enters each layer
    layers: list[tuple[Tensor, Tensor]],
) -> tuple[list[tuple[Tensor, Tensor]], Tensor, Tensor]:
    """Return the gradients of weight and bias of every layer, and of what entered the first: summed, and (n, width)."""
    found: list[tuple[Tensor, Tensor]] = []
    for number in range(len(layers) - 1, -1, -1):
        rows = gradient.sum(0)  # added up in float32, whatever the type
        found.insert(0, (transposed_product(gradient, below[number]), rows))
        if number == 0:
            break
        weight = layers[number][0]
        skip = number < len(layers) - 1
        gradient = affine_plus(gradient, weight.T, None, gradient) if skip else gradient @ weight
        gradient = through_activation_(gradient, below[number], ACTIVATION)
    return found, rows, gradient


def fuse(on: bool) -> None:
    """Let PyTorch compile both passes, or run them as they are."""
    forward_pass.switch(on)
    backward_pass.switch(on)


def after_first_layer(values: Tensor, weights: DecoderWeights) -> Tensor:
    """Return the outputs (n, 2), float32, for what left the first layer (n, width); nothing is remembered."""
    for weight, bias in weights.layers[1:-1]:
        values = activate_(affine_plus(values, weight, bias, values), ACTIVATION)
    return affine(values, *weights.layers[-1], "none").float()


def features(points: Tensor, weights: DecoderWeights) -> Tensor:
    """Return (n, 2 F), [sin f·k, cos f·k], of points (n, 3), at the precision of the products."""
    return features_at(points, weights.vectors, weights.dtype)


def features_at(points: Tensor, vectors: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the features as :func:`features` does; phases reach hundreds of radians and are float32 always."""
    phase = points @ vectors.T
    count = phase.shape[1]
    result = torch.empty(len(points), 2 * count, dtype=dtype, device=points.device)
    torch.sin(phase, out=result[:, :count])
    torch.cos(phase, out=result[:, count:])
    return result


def decoder_parameters(decoder: Decoder) -> Sequence[tuple[Tensor, Tensor]]:
    """Return the weight and bias of every layer, in the order of :attr:`GradientSums.parts`."""
    mlp = decoder.mlp
    return [(layer.weight, layer.bias) for layer in (mlp.first, *mlp.hidden, mlp.last)]


def leave_gradient(decoder: Decoder, sums: Sequence[GradientSums]) -> None:
    """Leave the gradient that several have summed in the decoder's parameters, beside what is there."""
    total = sums[0]
    for other in sums[1:]:
        total.flat += other.flat
    for (weight, bias), (weight_sum, bias_sum) in zip(decoder_parameters(decoder), total.parts, strict=True):
        if weight.grad is None:
            weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
        assert bias.grad is not None
        weight.grad[:, : weight_sum.shape[1]] += weight_sum
        bias.grad += bias_sum
