"""What the benchmarks share: times in turns, the machine's matmul rate, and its name."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from napari_tomodrgn.model.vae import VAE

Work = Callable[[], object]


def seconds(work: Work, repeats: int = 1) -> float:
    """Return the time that one of ``repeats`` calls takes."""
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - began) / repeats


def in_turns(works: Mapping[str, Work], repeats: int, warm_up: int = 1) -> dict[str, float]:
    """Return the median time of each of several works, which take turns, so that all meet the same disturbances."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(warm_up + repeats):
        for name, work in works.items():
            taken = seconds(work)
            if turn >= warm_up:
                times[name].append(taken)
    return {name: statistics.median(each) for name, each in times.items()}


def product(dtype: torch.dtype, rows: int = 8192, width: int = 256) -> tuple[Work, float]:
    """Return a product of (rows, width) by (width, width) by ``torch.mm``, and its operations in units of 1e9."""
    left, right = torch.randn(rows, width).to(dtype), torch.randn(width, width).to(dtype)
    result = torch.empty(rows, width, dtype=dtype)

    def multiply() -> None:
        for _ in range(10):
            torch.mm(left, right, out=result)

    return multiply, 10 * 2 * rows * width * width / 1e9


def matmul_rate(dtype: torch.dtype) -> float:
    """Return the rate of ``torch.mm`` in 1e9 operations a second."""
    multiply, gflop = product(dtype)
    seconds(multiply, 3)
    return gflop / statistics.median(seconds(multiply) for _ in range(9))


def step_gflop(model: VAE, points: int, images: int) -> float:
    """Return the operations of a training step that asks the decoder at ``points`` coordinates, in units of 1e9.

    Two a multiplication, three passes: forward, and backward twice its work.
    """
    decoder = model.decoder
    per_point = decoder.mlp.multiplications - decoder.latent_dim * decoder.mlp.first.out_features
    per_image = model.encoder.encoder_a.multiplications  # type: ignore[union-attr]
    return 6 * (per_point * points + per_image * images) / 1e9


def machine() -> dict[str, object]:
    """Return what the measurements were taken on."""
    return {"cpu": processor(), "threads": torch.get_num_threads(), "torch": torch.__version__}


def processor() -> str:
    """Return the name of the CPU, and its units for bf16, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    units = [flag.upper().replace("_", "-") for flag in ("amx_bf16", "avx512_bf16", "avx2") if flag in flags]
    return f"{name} ({', '.join(units)})" if units else name
