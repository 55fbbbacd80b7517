"""Devices and precisions: what is not there is refused by option."""

import pytest
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.training.device import choose_compute


def test_auto_takes_what_is_there() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_compute("auto", "off").device.type == expected


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_an_absent_device_is_refused(device: str) -> None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[device]
    if there:
        assert choose_compute(device, "off").device.type == device
    else:
        with pytest.raises(InputError, match=f"--device {device}: is not available .*choose from .*cpu"):
            choose_compute(device, "off")


def test_half_precision_needs_a_gpu() -> None:
    with pytest.raises(InputError, match="--amp fp16: is not supported on --device cpu"):
        choose_compute("cpu", "fp16")


def test_reduced_precision_of_a_cpu() -> None:
    compute = choose_compute("cpu", "bf16")
    assert compute.dtype == torch.bfloat16
    assert not compute.scaler().is_enabled()
