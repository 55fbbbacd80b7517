"""The decoder at many points, forward and backward written out.

Nearly all the time of training is spent here. Written out, activations are changed in place, weights are cast once a
step, a particle's latent is part of the first layer's bias, and gradients are summed in float32 whatever the
precision of the products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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
        points, self.sign = half_space(k3)
        owner = None if latent_input is None else owner
        self._weights, self._owner = weights, owner
        self._features = features(points, weights)
        first, bias = weights.layers[0]
        if owner is None:
            bias = bias if latent_input is None else bias + latent_input[0]
            values = affine(self._features, first, bias, ACTIVATION)
        else:
            assert latent_input is not None
            rows = latent_input.to(weights.dtype)[owner]
            values = activate_(affine_plus(self._features, first, bias, rows), ACTIVATION)
        self.activations = [values]
        for weight, bias in weights.layers[1:-1]:
            values = activate_(affine_plus(values, weight, bias, values), ACTIVATION)
            self.activations.append(values)
        outputs = affine(values, *weights.layers[-1], "none").float()
        self.real, self.imaginary = outputs[:, 0], outputs[:, 1] * self.sign

    def backward(self, real: Tensor, imaginary: Tensor, sums: GradientSums, latent_sums: Tensor | None) -> None:
        """Add the gradient to ``sums``, given that of real and imaginary part (n,).

        ``latent_sums`` (B, width) gains that of the latent input.
        """
        gradient = torch.stack([real, imaginary * self.sign], dim=1).to(self._weights.dtype)
        below = [self._features, *self.activations]
        layers = len(self._weights.layers)
        for number in range(layers - 1, -1, -1):
            weight_sum, bias_sum = sums.parts[number]
            weight_sum += transposed_product(gradient, below[number])
            rows = gradient.sum(0)  # added up in float32, whatever the type
            bias_sum += rows
            if number == 0:
                break
            weight = self._weights.layers[number][0]
            skip = number < layers - 1
            gradient = affine_plus(gradient, weight.T, None, gradient) if skip else gradient @ weight
            gradient = through_activation_(gradient, below[number], ACTIVATION)
        if latent_sums is None:
            return
        if self._owner is None:
            latent_sums[0] += rows
        else:
            latent_sums.index_add_(0, self._owner, gradient.float())


def after_first_layer(values: Tensor, weights: DecoderWeights) -> Tensor:
    """Return the outputs (n, 2), float32, for what left the first layer (n, width); nothing is remembered."""
    for weight, bias in weights.layers[1:-1]:
        values = activate_(affine_plus(values, weight, bias, values), ACTIVATION)
    return affine(values, *weights.layers[-1], "none").float()


def features(points: Tensor, weights: DecoderWeights) -> Tensor:
    """Return (n, 2 F), [sin f·k, cos f·k], of points (n, 3), at the precision of the products.

    The phases reach hundreds of radians and are computed in float32 always.
    """
    phase = points @ weights.vectors.T
    count = phase.shape[1]
    result = torch.empty(len(points), 2 * count, dtype=weights.dtype, device=points.device)
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
