"""How a decoder's values change with the latent and with the points: derivatives carried forward through the network.

A particle has a handful of unknowns and thousands of points, so one pass a direction gives the whole Jacobian, where
backward passes would take one a point.
"""

import torch
from torch import Tensor

from napari_tomodrgn.model.decoder import half_space
from napari_tomodrgn.model.decoder_gradient import ACTIVATION, DecodedPoints, DecoderWeights
from napari_tomodrgn.model.dense import affine_plus, through_activation_


def along_latent(weights: DecoderWeights, decoded: DecodedPoints, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives (c, n) of real and imaginary part, given ``directions`` (c, width) of the latent input."""
    count = len(decoded.real)
    rows = directions.to(weights.dtype)[:, None, :].expand(-1, count, -1)
    return _through(weights, decoded, rows)


def along_points(
    weights: DecoderWeights, decoded: DecodedPoints, k3: Tensor, directions: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the derivatives (c, n) of real and imaginary part as points (n, 3) move along ``directions`` (c, n, 3)."""
    points, sign = half_space(k3)
    phase = points @ weights.vectors.T
    # a point that was mirrored moves the other way
    change = (directions * sign[:, None]) @ weights.vectors.T
    features = torch.cat([change * phase.cos(), change * -phase.sin()], dim=2).to(weights.dtype)
    first = weights.layers[0][0]
    rows = (features.flatten(0, 1) @ first.T).view(*features.shape[:2], -1)
    return _through(weights, decoded, rows)


def _through(weights: DecoderWeights, decoded: DecodedPoints, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives (c, n) of the outputs, given those (c, n, width) of what enters the first activation."""
    shape, width = rows.shape[:2], rows.shape[2]
    values = rows.reshape(-1, width).clone()  # changed in place below
    activations = [each.expand(shape[0], -1, -1).reshape(-1, width) for each in decoded.activations]
    values = through_activation_(values, activations[0], ACTIVATION)
    for (weight, _), activated in zip(weights.layers[1:-1], activations[1:], strict=True):
        values = values @ weight.T if weights.folded else affine_plus(values, weight, None, values)
        values = through_activation_(values, activated, ACTIVATION)
    last = weights.layers[-1][0]
    outputs = (values @ last.T).float().view(*shape, 2)
    return outputs[..., 0], outputs[..., 1] * decoded.sign
