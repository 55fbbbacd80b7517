"""Occupancies beside a published table, models fitted from anywhere, and how long both take.

``python benchmarks/occupancy.py DATA`` with the folder that holds ``50S`` and ``warptools_insitu`` prints a table and
writes the sections ``occupancy`` and ``fit`` of ``results/analysis.json``, leaving the others as they are.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation
from scipy.stats import spearmanr

from measuring import machine
from napari_tomodrgn.analysis.fitting.fit import ModelFit, fit
from napari_tomodrgn.analysis.fitting.options import FitOptions
from napari_tomodrgn.analysis.occupancy.masks import Frame, model_regions
from napari_tomodrgn.analysis.occupancy.measure import Measure
from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.particles.atoms import Atoms, model_files, read_atoms, without_waters
from napari_tomodrgn.particles.maps import flip_hand, write_map
from napari_tomodrgn.simulation.density import atoms_density

RESULTS = Path(__file__).with_name("results") / "analysis.json"
NOT_QUIET = "other work shared the machine; to be measured again on a quiet one"
VARIANTS: dict[str, dict[str, Any]] = {
    "default: 2 pixels, 95 % enclosed, one unit for all volumes": {},
    "each volume divided by its own whole": {"normalise": "volume"},
    "each part divided by what the whole model has in its mask": {"expected": "model"},
    "masks enclose 80 %": {"enclosed": 0.8},
    "masks enclose 90 %": {"enclosed": 0.9},
    "masks enclose 98 %": {"enclosed": 0.98},
    "model at 8 Å": {"resolution": 8.0},
    "model at 10 Å": {"resolution": 10.0},
    "model at 16 Å": {"resolution": 16.0},
    "model at 20 Å": {"resolution": 20.0},
}
BOX, PIXEL_SIZE, NOISE, FARTHEST = 36, 12.0, 0.3, 40.0  # px, Å, of the map's standard deviation, Å on each axis


def rank_correlations(data: Path, options: dict[str, Any]) -> dict[str, float]:
    """Return the medians over volumes and over chains of the rank correlation with the published table."""
    model = data / "50S"
    asked = OccupancyOptions(run=model, model=(model,), parts=("prots1",), outdir=model / "unused", **options)
    found = occupancy(asked).occupancy
    table = pd.read_csv(model / "occupancies_expected.csv", header=[0, 1], index_col=0)
    rows = [int(name.removesuffix(".mrc").rpartition("_")[2]) for name in found.index["volume"]]
    columns = [("prots1", name.rpartition(":")[2].lower()) for name in found.parts]
    expected = table.loc[rows, columns].to_numpy()
    of_volumes = [spearmanr(a, b).statistic for a, b in zip(found.values, expected, strict=True)]
    of_chains = [spearmanr(a, b).statistic for a, b in zip(found.values.T, expected.T, strict=True)]
    return {
        "spearman_volume": round(float(np.median(of_volumes)), 4),
        "spearman_chain": round(float(np.median(of_chains)), 4),
        "lowest_volume": round(float(min(of_volumes)), 4),
        "lowest_chain": round(float(min(of_chains)), 4),
    }


def left_out(data: Path, box: int, pixel_size: float) -> dict[str, float]:
    """Return what each of 26 proteins has where it alone was left out, and where it is there.

    In units of what it has in the whole model. Maps are made of the atoms, with a tenth of noise.
    """
    atoms = without_waters(read_atoms(model_files([data / "50S"])))
    centre = np.full(3, box // 2 * pixel_size)
    regions, whole = model_regions(atoms, Frame(box, pixel_size), parts=("prots1",))
    complete = atoms_density(atoms, box, pixel_size, centre)
    generator = np.random.default_rng(0)
    volumes = []
    for region in regions:
        row = [":".join(part) for part in atoms.parts].index(region.name)
        values = complete - atoms_density(atoms, box, pixel_size, centre, atoms.part == row)
        noise = generator.normal(0, 0.1 * complete.std(), complete.shape)
        volumes.append((values + noise).astype(np.float32))
    measured = Measure(regions, Frame(box, pixel_size), whole).of(volumes)
    found = measured.ratio / measured.whole.mean() / np.array([region.whole for region in regions])
    gone = np.eye(len(regions), dtype=bool)
    told = [
        row < np.delete(column, place).min()
        for place, (row, column) in enumerate(zip(found[gone], found.T, strict=True))
    ]
    return {
        "pixel_size": pixel_size,
        "gone_median": round(float(np.median(found[gone])), 3),
        "gone_most": round(float(found[gone].max()), 3),
        "there_least": round(float(found[~gone].min()), 3),
        "there_median": round(float(np.median(found[~gone])), 3),
        "told_apart": round(float(np.mean(told)), 3),
    }


def seconds_of_thousand(data: Path) -> float:
    """Return the seconds that 26 chains take in 1,000 volumes of 64³ in memory, masks made already."""
    atoms = without_waters(read_atoms(model_files([data / "50S"])))
    frame = Frame(64, 6.55)
    regions, whole = model_regions(atoms, frame, parts=("prots1",))
    measure = Measure(regions, frame, whole)
    generator = np.random.default_rng(0)
    volumes = generator.standard_normal((1000, 64, 64, 64), dtype=np.float32)
    began = time.perf_counter()
    measure.of(volumes)
    return time.perf_counter() - began


def counted(atoms: Atoms, turn: npt.NDArray[np.float64], centre: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return a map of atoms turned about their mean, counted on a grid five times finer and blurred."""
    positions = (atoms.position - atoms.position.mean(axis=0)) @ turn.T + centre
    edges = (np.arange(5 * BOX + 1) - 0.5) * PIXEL_SIZE / 5
    counts, _ = np.histogramdd(positions[:, ::-1], bins=[edges] * 3)
    return gaussian_filter(counts, 2.5)[::5, ::5, ::5].astype(np.float32)


def planted_fits(data: Path, seeds: int) -> list[dict[str, Any]]:
    """Fit the 50S in maps of itself, turned and moved at random, in noise, every other one mirrored."""
    atoms = without_waters(read_atoms(model_files([data / "50S"])))
    rows = []
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        turn = Rotation.random(rng=generator).as_matrix()
        centre = BOX // 2 * PIXEL_SIZE + generator.uniform(-FARTHEST, FARTHEST, 3)
        values = counted(atoms, turn, centre)
        values += generator.normal(0, NOISE * values.std(), values.shape).astype(np.float32)
        hand = ("keep", "flip")[seed % 2]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "map.mrc"
            write_map(path, flip_hand(values) if hand == "flip" else values, PIXEL_SIZE)
            began = time.perf_counter()
            found = fit(FitOptions(model=data / "50S", map=path))
        placement = found.chosen.placement
        degrees = np.rad2deg(Rotation.from_matrix(placement.rotation @ turn.T).magnitude())
        off = np.linalg.norm(found.placed().position.mean(axis=0) - centre) / PIXEL_SIZE
        row = {"degrees": float(degrees), "pixels": float(off), "hand_right": placement.hand == hand}
        rows.append({**row, "seconds": time.perf_counter() - began})
        print(f"seed {seed:2d}: {degrees:.2f}°, {off:.3f} px, hand {'right' if row['hand_right'] else 'WRONG'}")
    return rows


def warptools(data: Path) -> ModelFit:
    """Fit the 50S in the reference map of the WarpTools set, which has its hand."""
    (path,) = (data / "warptools_insitu").glob("*_reconstruct.mrc")
    return fit(FitOptions(model=data / "50S", map=path))


def published_alignment(data: Path) -> dict[str, float]:
    """Return how far, root mean square in Å, fits in the 50S volumes put the model from where it was published."""
    far = {}
    for name in ("vol_385", "vol_293", "vol_018"):
        found = fit(FitOptions(model=data / "50S", map=data / "50S" / f"{name}.mrc"))
        off = found.placed().position - found.atoms.position
        far[name] = round(float(np.sqrt((off**2).sum(axis=1).mean())), 2)
    return far


def occupancy_section(data: Path, times: dict[str, Any]) -> dict[str, Any]:
    """Return what is written of occupancies."""
    variants = {name: rank_correlations(data, options) for name, options in VARIANTS.items()}
    for name, each in variants.items():
        print(f"{each['spearman_volume']:.3f} per volume, {each['spearman_chain']:.3f} per chain: {name}")
    default = variants.pop(next(iter(VARIANTS)))
    planted = [left_out(data, box, pixel_size) for box, pixel_size in ((64, 6.55), (32, 13.1))]
    for each in planted:
        print(f"left out {each['gone_median']}, there {each['there_median']} at {each['pixel_size']} Å/px")
    seconds = seconds_of_thousand(data)
    print(f"1,000 volumes x 26 chains at 64³: {seconds:.1f} s")
    return {
        **default,
        "variants": variants,
        "left_out": planted,
        "times": {"seconds_1000_volumes_26_chains": round(seconds, 1), **times},
    }


def fit_section(data: Path, times: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Return what is written of fits."""
    rows = planted_fits(data, seeds)
    keep, flip = warptools(data).hands
    return {
        "degrees": round(max(row["degrees"] for row in rows), 3),
        "pixels": round(max(row["pixels"] for row in rows), 3),
        "hand_right": all(row["hand_right"] for row in rows),
        "what": f"the worst of {seeds} random turns and shifts of the 50S at {PIXEL_SIZE:g} Å/px, every other map "
        "mirrored",
        "median_degrees": round(statistics.median(row["degrees"] for row in rows), 3),
        "median_pixels": round(statistics.median(row["pixels"] for row in rows), 3),
        "warptools_reference": {
            "hand": "keep" if keep.shells > flip.shells else "flip",
            "shells": {"keep": round(keep.shells, 3), "flip": round(flip.shells, 3)},
            "correlation": {"keep": round(keep.correlation, 3), "flip": round(flip.correlation, 3)},
        },
        "angstrom_from_published_alignment": published_alignment(data),
        "times": {"seconds_a_fit": round(statistics.median(row["seconds"] for row in rows), 1), **times},
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=("occupancy", "fit"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--quiet-machine", action="store_true", help="nothing else runs: times may be quoted")
    arguments = parser.parse_args()
    times = {"machine": machine(), **({} if arguments.quiet_machine else {"note": NOT_QUIET})}
    found = {}
    if arguments.only != "fit":
        found["occupancy"] = occupancy_section(arguments.data, times)
    if arguments.only != "occupancy":
        found["fit"] = fit_section(arguments.data, times, arguments.seeds)
    there = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    RESULTS.write_text(json.dumps({**there, **found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
