"""The engine on a GPU at the paper's settings: step time, kernels, memory, fraction of peak, and volumes.

Settings of the paper's benchmarks (Powell and Davis 2023, Tables 1 to 4): 41 tilts of 3 e/Å², boxes of 64, 128 and
256 px of one particle (6.55, 3.275, 1.6375 Å/px), decoder 256x3, alone and with 128 latent dimensions behind
concatenated tilts, with and without the dose mask, one particle a step; and several, to see what that costs. Times are
medians of steps that the host waits for: recorded once and repeated, as the trainer does, and as they come. Kernels are
those of one step as it comes, counted by the profiler, bytes those that its operations read and write when each goes
through memory by itself, and waits are the places in it where the host waits for the GPU. The rate of a large product
in the same precision, measured in the same run, stands for the peak. The baseline is the plain step of
`baseline_step.py` on the same device: float32, every coordinate, one particle. `--device cpu` runs the same path
without a GPU; `--profile FILE` writes where the time of a step goes. Prints one JSON object.
"""

import argparse
import json
import statistics
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from baseline_step import BETA, BaselineStep, random_tilts
from measuring import Work, machine, seconds
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.model.architecture import Architecture
from napari_tomodrgn.model.decoder_gradient import backward_pass, forward_pass, fuse
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.reconstruction.decode import VolumeDecoder
from napari_tomodrgn.training.device import Compute, choose_compute
from napari_tomodrgn.training.graphs import StepGraphs, cuda_recorder
from napari_tomodrgn.training.objective import train_on_batch
from napari_tomodrgn.training.points import BatchImages, Weighting

PIXEL_SIZES = {64: 6.55, 128: 3.275, 256: 1.6375}
TILTS = 41


def synchronised(work: Work, device: torch.device) -> Work:
    """Return work that is over when the device is done with it."""

    def done() -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return done


def peak_rate(compute: Compute, size: int) -> float:
    """Return the rate of a (size, size) product in 1e9 operations a second."""
    left, right = (torch.randn(size, size, device=compute.device).to(compute.dtype) for _ in range(2))
    work = synchronised(lambda: torch.mm(left, right), compute.device)
    seconds(work, 3)
    return 2 * size**3 / statistics.median(seconds(work) for _ in range(9)) / 1e9


class Step:
    """Training steps on noise, images and parameters resident on the device."""

    def __init__(
        self, compute: Compute, box: int, latent_dim: int, *, masked: bool, particles: int, recorded: bool = False
    ) -> None:
        points = lattice(box)
        self.model = VAE(Architecture(box, latent_dim, "concatenate", TILTS)).to(compute.device)
        tilts = random_tilts(particles * TILTS, PIXEL_SIZES[box])
        self.weighting, self.compute = Weighting(dose_mask=masked), compute
        self.kept = self.weighting.kept(tilts, points)
        pairs = torch.randn(len(tilts), 2, points.pairs).to(compute.device)
        counts = torch.full((particles,), TILTS)
        self.images = BatchImages(tilts.to(compute.device), pairs, counts, self.kept)
        self.lattice, self.scaler = points.to(compute.device), compute.scaler()
        self.graphs = StepGraphs(cuda_recorder()) if recorded else None
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=2e-4, weight_decay=0.0, fused=True)

    def __call__(self) -> None:
        """Take one step."""
        self.optimiser.zero_grad(set_to_none=True)
        noise = torch.Generator().manual_seed(0)
        train_on_batch(
            self.model,
            self.images,
            self.lattice,
            weighting=self.weighting,
            beta=BETA,
            noise=noise,
            compute=self.compute,
            scaler=self.scaler,
            gradient=self.graphs,
        )
        self.scaler.step(self.optimiser)
        self.scaler.update()

    @property
    def gflop(self) -> float:
        """Operations of the decoder in a step, in units of 1e9."""
        decoder = self.model.decoder
        per_point = decoder.mlp.multiplications - decoder.latent_dim * decoder.mlp.first.out_features
        return 6 * per_point * int(self.kept.sum()) / 1e9


def kernels_of(work: Work, device: torch.device) -> int:
    """Return how many kernels (on a CPU: operations) a step launches."""
    activity = ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU
    with profile(activities=[activity]) as found:
        work()
    events = found.events() or []
    return sum(1 for event in events if device.type == "cpu" or event.device_type == torch.autograd.DeviceType.CUDA)


class BytesMoved(TorchDispatchMode):
    """Counts the bytes of the tensors that operations read and write; views move none."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count its tensors."""
        result = function(*args, **(kwargs or {}))
        read = [part for part in tree_leaves((args, kwargs)) if isinstance(part, torch.Tensor)]
        written = [part for part in tree_leaves(result) if isinstance(part, torch.Tensor)]
        places = {part.untyped_storage().data_ptr() for part in read}
        is_view = not function._schema.is_mutable and all(
            part.untyped_storage().data_ptr() in places for part in written
        )
        if not is_view:
            self.bytes += sum(part.numel() * part.element_size() for part in (*read, *written))
        return result


def bytes_of(work: Work) -> int:
    """Return how many bytes the operations of a step read and write."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # else a CPU's share of the work is done in threads that are not counted
    with BytesMoved() as found:
        work()
    torch.set_num_threads(threads)
    return found.bytes


def waits_of(work: Work, device: torch.device) -> int | None:
    """Return how often a step's host waits for the GPU."""
    if device.type != "cuda":
        return None
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            work()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for each in found:
        sys.stderr.write(f"{each.filename}:{each.lineno}: {each.message}\n")
    return len(found)


def baseline_ms(device: torch.device, box: int, latent_dim: int, repeats: int) -> float:
    """Return the time of a plain step on one particle, in milliseconds."""
    tilts, points = random_tilts(TILTS, PIXEL_SIZES[box]).to(device), lattice(box)
    model = VAE(Architecture(box, latent_dim, "concatenate", TILTS)).to(device)
    pairs = torch.randn(TILTS, 2, points.pairs).to(device)
    work = synchronised(BaselineStep(model, tilts, pairs, torch.tensor([TILTS]), points.to(device)), device)
    seconds(work, 3)
    return statistics.median(seconds(work) for _ in range(repeats)) * 1e3


def written_profile(path: Path, compute: Compute, box: int, particles: int) -> None:
    """Append a table of the operations of ten steps to a file, those that take longest on the device first."""
    step = Step(compute, box, 128, masked=False, particles=particles)
    for _ in range(3):
        step()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if compute.device.type == "cuda" else [])]
    with profile(activities=activities) as found:
        for _ in range(10):
            step()
        if compute.device.type == "cuda":
            torch.cuda.synchronize()
    averages = found.key_averages()
    by = "self_cuda_time_total" if compute.device.type == "cuda" else "self_cpu_time_total"
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"box {box}, {particles} particles, ten steps\n")
        stream.write(averages.table(sort_by=by, row_limit=40, max_name_column_width=80) + "\n")
        stream.write(averages.table(sort_by="self_cpu_time_total", row_limit=30, max_name_column_width=60) + "\n")


def measured(
    compute: Compute, box: int, latent_dim: int, *, masked: bool, particles: int, peak: float, repeats: int
) -> dict[str, Any]:
    """Return what a step of one setting takes."""
    if compute.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    step = Step(compute, box, latent_dim, masked=masked, particles=particles)
    work = synchronised(step, compute.device)
    seconds(work, 3)
    taken = plain = statistics.median(seconds(work) for _ in range(repeats))
    if compute.device.type == "cuda":
        recorded = Step(compute, box, latent_dim, masked=masked, particles=particles, recorded=True)
        repeated = synchronised(recorded, compute.device)
        seconds(repeated, 3)
        taken = statistics.median(seconds(repeated) for _ in range(repeats))
        assert recorded.graphs is not None
        assert recorded.graphs.works
    return {
        "box": box,
        "latent_dim": latent_dim,
        "dose_mask": masked,
        "particles": particles,
        "coordinates_per_particle": 2 * int(step.kept.sum()) // particles,
        "ms": taken * 1e3,
        "ms_not_recorded": plain * 1e3,
        "particles_per_second": particles / taken,
        "gflop": step.gflop,
        "fraction_of_peak": step.gflop / taken / peak,
        "kernels": kernels_of(work, compute.device),
        "waits": waits_of(step, compute.device),
        "gigabytes": None if forward_pass.fused or box > 64 else bytes_of(work) / 1e9,
        "peak_memory_gb": torch.cuda.max_memory_allocated() / 1e9 if compute.device.type == "cuda" else None,
    }


def volumes(compute: Compute, box: int, repeats: int) -> dict[str, float]:
    """Return the time of a volume, decoded with seven others."""
    decoder = VAE(Architecture(box, 128, "mean")).decoder.to(compute.device)
    z = np.random.default_rng(0).standard_normal((8, 128)).astype(np.float32)
    volume_decoder = VolumeDecoder(decoder, standard_deviation=1.0, compute=compute)
    work = synchronised(lambda: volume_decoder.volumes(z), compute.device)
    seconds(work)
    return {"box": box, "ms_per_volume": statistics.median(seconds(work) for _ in range(repeats)) / 8 * 1e3}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--boxes", type=int, nargs="+", default=[64, 128, 256], choices=list(PIXEL_SIZES))
    parser.add_argument("--particles", type=int, nargs="+", default=[1, 16], help="particles a step")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--compile", action="store_true", help="with the decoder's passes compiled")
    parser.add_argument("--profile", type=Path, help="write where a step's time goes to this file")
    given = parser.parse_args()
    fuse(given.compile)
    compute = choose_compute(given.device, "auto")
    peak = peak_rate(compute, 8192 if compute.device.type == "cuda" else 1024)
    steps = [
        measured(compute, box, latent_dim, masked=masked, particles=particles, peak=peak, repeats=given.repeats)
        for box in given.boxes
        for latent_dim in (0, 128)
        for masked in (False, True)
        for particles in given.particles
    ]
    if given.profile is not None:
        for particles in given.particles:
            written_profile(given.profile, compute, given.boxes[0], particles)
    device = torch.cuda.get_device_name() if compute.device.type == "cuda" else machine()["cpu"]
    result = {
        "device": device,
        "precision": compute.amp,
        "compiled": forward_pass.fused and backward_pass.fused,
        "peak_gflop_per_second": peak,
        "steps": steps,
        "baseline": [
            {"box": box, "latent_dim": 128, "ms": baseline_ms(compute.device, box, 128, given.repeats)}
            for box in given.boxes
        ],
        "volumes": [volumes(compute, box, given.repeats) for box in given.boxes],
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
