"""Where the work is done, and at which precision."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from napari_tomodrgn.errors import InputError


@dataclass(frozen=True)
class Compute:
    """A device and a precision; ``amp`` is ``off``, ``bf16`` or ``fp16``."""

    device: torch.device
    amp: str

    @property
    def dtype(self) -> torch.dtype:
        """The type that matrices are multiplied in."""
        return {"off": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.amp]

    def scaler(self) -> torch.amp.GradScaler:
        """Return a gradient scaler, which does nothing unless the precision is fp16."""
        return torch.amp.GradScaler(self.device.type, enabled=self.amp == "fp16")


def choose_compute(device: str, amp: str) -> Compute:
    """Return the device and precision that the options ask for.

    Raises
    ------
    InputError
        Where the device is not available, or has no such precision.
    """
    chosen = _choose_device(device)
    return Compute(chosen, _choose_precision(chosen, amp))


def _choose_device(device: str) -> torch.device:
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if not there[device]:
        found = ", ".join(kind for kind in there if there[kind])
        raise InputError(
            f"--device {device}: is not available to PyTorch {torch.__version__} here; choose from {found}"
        )
    return torch.device(device)


def _choose_precision(device: torch.device, amp: str) -> str:
    if device.type == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        if amp == "auto":
            return "bf16" if bf16 else "fp16"
        if amp == "bf16" and not bf16:
            raise InputError(f"--amp bf16: {torch.cuda.get_device_name()} has none; use --amp fp16 or off")
        return amp
    if amp == "auto":
        return "bf16" if device.type == "cpu" and cpu_has_bf16() else "off"
    if amp == "fp16" or (amp == "bf16" and device.type == "mps"):
        raise InputError(f"--amp {amp}: is not supported on --device {device.type}; use --amp auto or off")
    return amp


@lru_cache(maxsize=1)
def cpu_has_bf16() -> bool:
    """Return whether the CPU has units that multiply bf16 (AMX, AVX512-BF16); without, bf16 is slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return " amx_bf16" in flags or " avx512_bf16" in flags
