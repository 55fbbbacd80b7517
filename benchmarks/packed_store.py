"""Packed images: how large they are, how fast they are made and opened, and the epoch that reads them.

Prints one JSON object: bytes against full float32 Hartley planes, images a second and core of packing beside plain
preprocessing (one image after the other, kept in memory), seconds of opening a packed set (every byte is checked)
beside preprocessing it again, and seconds of an epoch beside plain steps. Medians, in turns.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import mrcfile
import numpy as np
import torch

from baseline_step import BaselineStep, example
from measuring import in_turns, machine, step_gflop
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.preprocess import preprocess
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.epoch_metrics import EpochSums
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.packed import open_packed
from napari_tomodrgn.training.preparation import make_sampler, make_trainer
from napari_tomodrgn.training.store import cores

COLUMNS = (
    "ImageName", "DetectorPixelSize", "DefocusU", "DefocusV", "DefocusAngle", "Voltage", "SphericalAberration",
    "AmplitudeContrast", "PhaseShift", "AngleRot", "AngleTilt", "AnglePsi", "OriginX", "OriginY", "CtfBfactor",
    "CtfScalefactor", "GroupName",
)  # fmt: skip


def write_noise_set(folder: Path, particles: int, tilts: int, box: int, pixel_size: float = 6.0) -> Path:
    """Write a cryosrpnt star and a stack of noise; return the star."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    with mrcfile.new_mmap(folder / "images.mrcs", (particles * tilts, box, box), mrc_mode=2) as stack:
        for particle in range(particles):
            rows = slice(particle * tilts, (particle + 1) * tilts)
            stack.data[rows] = rng.standard_normal((tilts, box, box), dtype=np.float32)
    lines = ["data_", "", "loop_", *(f"_rln{name} #{number}" for number, name in enumerate(COLUMNS, 1))]
    for particle in range(particles):
        for tilt in range(tilts):
            rot, psi = rng.uniform(-180, 180, 2)
            angle, image = np.degrees(np.arccos(rng.uniform(-1, 1))), particle * tilts + tilt + 1
            lines.append(
                f"{image}@images.mrcs {pixel_size} 20000 19000 30 300 2.7 0.1 0 {rot:.3f} {angle:.3f} {psi:.3f} "
                f"0.5 -0.3 {-12 * (tilt + 1)} {0.5 + 0.5 / (1 + tilt):.4f} tomo_{particle:06d}"
            )
    (folder / "particles.star").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "particles.star"


def plain_preprocessing(particle_set: ParticleSet) -> torch.Tensor:
    """Return the pairs of all images, read and transformed one after the other."""
    stacks, points = ImageStacks(particle_set), lattice(particle_set.box)
    shifts = particle_set.tilt_images[["shift_x", "shift_y"]].to_numpy(np.float32) / particle_set.pixel_size
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # images are too small for more
    pairs = [
        preprocess(
            torch.from_numpy(stacks.read([row])),
            torch.from_numpy(shifts[row : row + 1]),
            points,
            contrast=particle_set.forward_model.contrast,
        )
        for row in range(len(particle_set.tilt_images))
    ]
    torch.set_num_threads(threads)
    return torch.cat(pairs)


def building(folder: Path, particles: int, tilts: int, repeats: int) -> dict[str, float]:
    """Return sizes and times of packed images of 64 x 64 px."""
    particle_set = TrainOptions(particles=write_noise_set(folder, particles, tilts, 64), outdir=folder / "run").open()
    images = particles * tilts
    found: dict[str, float] = {"images": images}
    for dtype in ("float16", "float32"):
        path = open_packed(particle_set, folder / dtype, dtype=dtype).path  # type: ignore[arg-type]
        found[f"{dtype}_share_of_planes"] = path.stat().st_size / (images * 65 * 65 * 4)

    def build() -> None:
        shutil.rmtree(folder / "anew", ignore_errors=True)
        open_packed(particle_set, folder / "anew")

    times = in_turns(
        {
            "build": build,
            "open": lambda: open_packed(particle_set, folder / "float16"),
            "plain": lambda: plain_preprocessing(particle_set),
        },
        repeats,
    )
    return {
        **found,
        "build_s": times["build"],
        "open_s": times["open"],
        "plain_s": times["plain"],
        "images_per_second_and_core": images / times["build"] / cores(),
        "build_ratio": times["plain"] / times["build"],
        "open_ratio": times["plain"] / times["open"],
    }


def epoch(folder: Path, particles: int, tilts: int, repeats: int) -> dict[str, float]:
    """Return times of an epoch of the trainer at box 32, and of plain steps on as many particles."""
    options = TrainOptions(
        particles=write_noise_set(folder, particles, tilts, 32),
        outdir=folder / "run",
        latent_dim=8,
        pooling="mean",
        batch_size=8,
        device="cpu",
        dose_mask=False,
    )
    particle_set = options.open()
    sampler, compute = make_sampler(particle_set, options), choose_compute("cpu", "auto")
    images = open_packed(particle_set, folder / "packed")
    (folder / "run").mkdir()
    trainer = make_trainer(options, particle_set, images, sampler, compute, folder / "run", StopRequest())

    def train() -> None:
        trainer.position, trainer.sums = 0, EpochSums()
        trainer._train_epoch()

    model, tilt_images, pairs, counts, points = example(32, particles, tilts)
    plain = BaselineStep(model, tilt_images, pairs, counts, points)
    times = in_turns({"epoch": train, "plain": plain}, repeats)
    gflop = step_gflop(model, particles * tilts * points.pairs, particles * tilts)
    return {
        "particles": particles,
        "tilt_images": particles * tilts,
        "seconds": times["epoch"],
        "baseline_s": times["plain"],
        "ratio": times["plain"] / times["epoch"],
        "gflop": gflop,
        "gflop_per_second": gflop / times["epoch"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=60)
    parser.add_argument("--tilts", type=int, default=41)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "store": building(Path(folder) / "store", given.particles, given.tilts, given.repeats),
            "epoch": epoch(Path(folder) / "epoch", given.particles // 4, given.tilts, given.repeats),
        }
    sys.stdout.write(json.dumps({**result, **machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
