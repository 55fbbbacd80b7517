"""The decoder's perceptron at many points, with forward and backward written out.

Nearly all the time of training is spent here. Written out, activations are changed in place, the latent is added
to each particle's own slice, its gradient is a sum over that slice, and reduced-precision weights are cast once.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from napari_tomodrgn.model.mlp import ResidualMLP


class _ResidualPoints(torch.autograd.Function):
    """(inputs, latent input, counts, weights and biases) → outputs."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, latent_input: Tensor | None, counts: list[int], *layers: Tensor) -> Tensor:
        weights, biases = layers[0::2], layers[1::2]
        values = torch.addmm(biases[0], inputs, weights[0].T)
        if latent_input is not None:
            for part, row in zip(torch.split(values, counts), latent_input, strict=True):
                part += row
        activations = [values.relu_()]
        for weight, bias in zip(weights[1:-1], biases[1:-1], strict=True):
            values = torch.addmm(bias, values, weight.T)
            activations.append(values.add_(activations[-1]).relu_())
        ctx.counts, ctx.with_latent = counts, latent_input is not None
        ctx.save_for_backward(inputs, *weights, *activations)
        return torch.addmm(biases[-1], values, weights[-1].T)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, *saved = ctx.saved_tensors
        layers = (len(saved) + 1) // 2
        weights, activations = saved[:layers], saved[layers:]
        result: list[Tensor] = []
        below = [inputs, *activations]
        for number in range(layers - 1, -1, -1):
            skip = 0 < number < layers - 1
            result[:0] = [gradient.T @ below[number], gradient.sum(0)]
            if number == 0:
                break
            gradient = torch.addmm(gradient, gradient, weights[number]) if skip else gradient @ weights[number]
            gradient = torch.ops.aten.threshold_backward(gradient, below[number], 0)
        latent = None
        if ctx.with_latent:
            latent = torch.stack([part.sum(0) for part in torch.split(gradient, ctx.counts)])
        return None, latent, None, *result


def residual_mlp_at_points(
    mlp: ResidualMLP,
    inputs: Tensor,  # (n, F), without gradient
    latent_input: Tensor | None,  # (B, width), added to the first layer of each particle's points
    counts: list[int],  # B numbers of points, n in all
    features: int,
) -> Tensor:
    """Return (n, outputs): the perceptron whose first layer sees ``inputs`` through its first ``features`` columns."""
    layers: list[Tensor] = [mlp.first.weight[:, :features], mlp.first.bias]
    for layer in (*mlp.hidden, mlp.last):
        layers += [layer.weight, layer.bias]
    device = inputs.device.type
    if torch.is_autocast_enabled(device):
        kind = torch.get_autocast_dtype(device)
        inputs, layers = inputs.to(kind), [each.to(kind) for each in layers]
        latent_input = None if latent_input is None else latent_input.to(kind)
    result: Tensor = _ResidualPoints.apply(inputs, latent_input, counts, *layers)  # type: ignore[no-untyped-call]
    return result
