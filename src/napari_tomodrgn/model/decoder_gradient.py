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
from napari_tomodrgn.model.dense import (
    activate_,
    adds_in_one_pass,
    affine,
    affine_plus,
    column_sums,
    through_activation_,
    transposed_product,
)

ACTIVATION = "relu"
MULTIPLE = 8  # of columns: what a GPU multiplies matrices of bf16 by


@dataclass(frozen=True)
class DecoderWeights:
    """The decoder's weights, cast to the precision of the products; biases stay float32.

    ``layers`` has a pair of weight (outputs, inputs) and bias (outputs,) a layer; the first one's weight is that of
    the features, without the latent's columns. A hidden layer adds to what enters it. Where that takes passes of its
    own over the activations, as on a GPU, weights are ``folded``: W + 1, which adds in the product. In bf16 that rounds
    the diagonal to 1/128, which makes about the error that rounding the other weights makes.
    """

    layers: list[tuple[Tensor, Tensor]]
    vectors: Tensor
    dtype: torch.dtype
    folded: bool

    @classmethod
    def of(cls, decoder: Decoder, dtype: torch.dtype = torch.float32) -> "DecoderWeights":
        """Cast the weights of a decoder."""
        folded = not adds_in_one_pass(decoder.vectors.device, dtype)
        one = float(folded) * torch.eye(decoder.mlp.first.out_features, device=decoder.vectors.device)
        (first, first_bias), *hidden, last = decoder_parameters(decoder)
        layers = [(first[:, : decoder.features], first_bias)]
        layers += [(weight.detach() + one, bias) for weight, bias in hidden]
        layers.append(last)
        cast = [(weight.detach().to(dtype).contiguous(), bias.detach()) for weight, bias in layers]
        return cls(cast, decoder.vectors, dtype, folded)


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
        found = forward_pass(
            k3, weights.vectors, weights.layers, latent_input, owner, weights.dtype, folded=weights.folded
        )
        self._features, self.activations, self.sign, self.real, self.imaginary = found

    def backward(self, real: Tensor, imaginary: Tensor, sums: GradientSums, latent_sums: Tensor | None) -> None:
        """Add the gradient to ``sums``, given that of real and imaginary part (n,).

        ``latent_sums`` (B, width) gains that of the latent input.
        """
        gradient = torch.stack([real, imaginary * self.sign], dim=1).to(self._weights.dtype)
        below = [self._features, *self.activations]
        found = backward_pass(gradient, below, self._weights.layers, folded=self._weights.folded)
        for (weight_sum, bias_sum), (weight_gradient, bias_gradient) in zip(sums.parts, found, strict=True):
            weight_sum += weight_gradient[:, : weight_sum.shape[1]]
            bias_sum += bias_gradient
        if latent_sums is None:
            return
        first, rows = found[0]
        if self._owner is None:
            latent_sums[0] += rows
        else:
            begin = self._weights.layers[0][0].shape[1]
            latent_sums += first[:, begin : begin + len(latent_sums)].T


@Fusing
def forward_pass(
    k3: Tensor,  # (n, 3) cycles/px
    vectors: Tensor,
    layers: list[tuple[Tensor, Tensor]],
    latent_input: Tensor | None,  # (B, width)
    owner: Tensor | None,  # (n,)
    dtype: torch.dtype,
    *,
    folded: bool,
) -> tuple[Tensor, list[Tensor], Tensor, Tensor, Tensor]:
    """Return what enters the first layer, what leaves each but the last, the sign of each point, real and imaginary.

    Where points are of several particles, whose each one is, is told to the first layer by features that are 0 or 1,
    and what the latents add are the weights of these: the product that gives the weights' gradient sums theirs, too.
    """
    points, sign = half_space(k3)
    first, bias = layers[0]
    if latent_input is None or owner is None:
        found = features_at(points, vectors, dtype)
        bias = bias if latent_input is None else bias + latent_input[0]
    else:
        idle = -len(latent_input) % MULTIPLE
        found = features_at(points, vectors, dtype, owner, len(latent_input) + idle)
        rows = torch.nn.functional.pad(latent_input.to(dtype), (0, 0, 0, idle))
        first = torch.cat([first, rows.T], dim=1)
    values = affine(found, first, bias, ACTIVATION)
    activations = [values]
    for weight, bias in layers[1:-1]:
        values = through_hidden(values, weight, bias, folded=folded)
        activations.append(values)
    outputs = affine(values, *layers[-1], "none").float()
    return found, activations, sign, outputs[:, 0], outputs[:, 1] * sign


@Fusing
def backward_pass(
    gradient: Tensor,  # (n, 2) of the outputs
    below: list[Tensor],  # what enters each layer
    layers: list[tuple[Tensor, Tensor]],
    *,
    folded: bool,
) -> list[tuple[Tensor, Tensor]]:
    """Return the gradients of weight and bias of every layer."""
    found: list[tuple[Tensor, Tensor]] = []
    for number in range(len(layers) - 1, -1, -1):
        found.insert(0, (transposed_product(gradient, below[number]), column_sums(gradient)))
        if number == 0:
            break
        weight, adds = layers[number][0], number < len(layers) - 1 and not folded
        gradient = affine_plus(gradient, weight.T, None, gradient) if adds else gradient @ weight
        gradient = through_activation_(gradient, below[number], ACTIVATION)
    return found


def through_hidden(values: Tensor, weight: Tensor, bias: Tensor, *, folded: bool) -> Tensor:
    """Return what leaves a hidden layer (n, width), for what enters it."""
    if folded:
        return affine(values, weight, bias, ACTIVATION)
    return activate_(affine_plus(values, weight, bias, values), ACTIVATION)


def fuse(on: bool) -> None:
    """Let PyTorch compile both passes, or run them as they are."""
    forward_pass.switch(on)
    backward_pass.switch(on)


def after_first_layer(values: Tensor, weights: DecoderWeights) -> Tensor:
    """Return the outputs (n, 2), float32, for what left the first layer (n, width); nothing is remembered."""
    for weight, bias in weights.layers[1:-1]:
        values = through_hidden(values, weight, bias, folded=weights.folded)
    return affine(values, *weights.layers[-1], "none").float()


def features(points: Tensor, weights: DecoderWeights) -> Tensor:
    """Return (n, 2 F), [sin f·k, cos f·k], of points (n, 3), at the precision of the products."""
    return features_at(points, weights.vectors, weights.dtype)


def features_at(
    points: Tensor, vectors: Tensor, dtype: torch.dtype, owner: Tensor | None = None, particles: int = 0
) -> Tensor:
    """Return the features as :func:`features` does, and behind them whether a particle is the ``owner`` (n,).

    Phases reach hundreds of radians and are float32 always.
    """
    phase = points @ vectors.T
    count = phase.shape[1]
    result = torch.empty(len(points), 2 * count + particles, dtype=dtype, device=points.device)
    torch.sin(phase, out=result[:, :count])
    torch.cos(phase, out=result[:, count : 2 * count])
    if owner is not None:
        result[:, 2 * count :] = owner[:, None] == torch.arange(particles, device=points.device)
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
