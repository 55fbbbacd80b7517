"""Matrix products of the decoder, with what follows them done in the same pass where the processor's library can.

On a CPU oneDNN multiplies, if PyTorch has it: it adds the bias and applies the ReLU while the result is in registers,
and it is fast on every vendor's processors, which MKL, behind ``torch.mm``, is not. Elsewhere these are plain products.
"""

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=4)
def has_onednn(dtype: torch.dtype) -> bool:
    """Return whether PyTorch offers oneDNN's fused linear layers here, for this type: bf16 needs AVX-512."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    try:
        one = torch.ones(1, 1, dtype=dtype)
        return bool(torch.ops.mkldnn._linear_pointwise(one, one, one[0], "relu", [], "") == 2)
    except (AttributeError, RuntimeError):
        return False


@lru_cache(maxsize=1)
def mkl_is_fast() -> bool:
    """Return whether ``torch.mm`` uses all of this CPU's vector units in float32."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            return "GenuineIntel" in stream.read(4096)
    except OSError:
        return True


def _on_onednn(values: Tensor) -> bool:
    return values.device.type == "cpu" and has_onednn(values.dtype)


def affine(values: Tensor, weight: Tensor, bias: Tensor, activation: str) -> Tensor:
    """Return (n, outputs) for values (n, inputs), weight (outputs, inputs), bias (outputs,) float32.

    ``activation`` is applied to it: ``relu``, ``tanh`` or ``none``.
    """
    if _on_onednn(values):
        result: Tensor = torch.ops.mkldnn._linear_pointwise(values, weight, bias, activation, [], "")
        return result
    if activation == "relu" and values.device.type == "cuda":
        return torch._addmm_activation(bias.to(values.dtype), values, weight.T)  # in one kernel
    return activate_(torch.addmm(bias.to(values.dtype), values, weight.T), activation)


def affine_plus(values: Tensor, weight: Tensor, bias: Tensor | None, other: Tensor) -> Tensor:
    """Return values @ weightᵀ + bias + other, of shape (n, outputs)."""
    if _on_onednn(values):
        bias = None if bias is None else bias.to(values.dtype)  # here it has to be of the others' type
        result: Tensor = torch.ops.mkldnn._linear_pointwise.binary(values, other, weight, bias, "add")
        return result
    result = torch.addmm(other, values, weight.T)
    return result if bias is None else result.add_(bias)


def adds_in_one_pass(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether :func:`affine_plus` is one pass over its operands: by oneDNN, that is, and not on a GPU."""
    return device.type == "cpu" and has_onednn(dtype)


def column_sums(values: Tensor) -> Tensor:
    """Return the sums (a,) over the rows of (n, a), added up in float32, whatever the type."""
    if values.device.type == "cuda":
        return (values.new_ones(1, len(values)) @ values)[0]  # several times as fast as a reduction there
    return values.sum(0)


def transposed_product(left: Tensor, right: Tensor) -> Tensor:
    """Return leftᵀ @ right, (a, b), for (n, a) and (n, b)."""
    if left.dtype == torch.float32 and _on_onednn(left) and not mkl_is_fast():
        result: Tensor = torch.ops.mkldnn._linear_pointwise(left.T, right.T, None, "none", [], "")
        return result
    return left.T @ right


def activate_(values: Tensor, activation: str) -> Tensor:
    """Apply an activation in place."""
    if activation == "relu":
        return values.relu_()
    return values.tanh_() if activation == "tanh" else values


def through_activation_(gradient: Tensor, activated: Tensor, activation: str) -> Tensor:
    """Return the gradient of what went into an activation, from that of what came out of it, in place."""
    if activation == "relu":
        return torch.ops.aten.threshold_backward.grad_input(gradient, activated, 0, grad_input=gradient)  # type: ignore[no-any-return]
    return gradient.mul_(1 - activated * activated)
