"""Occupancies against the published table of the 50S, planted parts, and sums made voxel by voxel."""

import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from napari_tomodrgn.analysis.occupancy.masks import Frame, Region, enclosing, model_regions
from napari_tomodrgn.analysis.occupancy.measure import AT_ONCE, Measure
from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.analysis.occupancy.regions import sphere_region
from napari_tomodrgn.analysis.occupancy.result import Occupancy
from napari_tomodrgn.cli.options import words_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.atom_density import SIGMA, atom_density
from napari_tomodrgn.particles.atoms import read_atoms
from napari_tomodrgn.particles.maps import flip_hand, read_map, write_map
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

FRAME = Frame(32, 5.0)


def blobs(positions: np.ndarray, sigma: float, frame: Frame = FRAME) -> np.ndarray:
    """Gaussians at positions (n, 3) x, y, z in Å, summed atom by atom: the other way to a density. Axes z, y, x."""
    steps = np.arange(frame.box) * frame.pixel_size
    total = np.zeros((frame.box,) * 3)
    for position in positions:
        x, y, z = (np.exp(-((steps - at) ** 2) / (2 * sigma**2)) for at in position)
        total += z[:, None, None] * y[:, None] * x
    return total


@pytest.fixture(scope="module")
def assembly(four_chains: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Maps of the model whole and without each of its chains, in other units and on a background, with some noise."""
    folder = tmp_path_factory.mktemp("assembly")
    generator = np.random.default_rng(0)
    atoms = read_atoms([four_chains])
    for name in (".", "A", "B", "C", "D", "AB"):
        there = [row for row, (_, chain) in enumerate(atoms.parts) if chain not in name]
        values = 7 * blobs(atoms.position[np.isin(atoms.part, there)], sigma=4.0) + 3
        values += generator.normal(0, 0.05 * values.std(), values.shape)
        write_map(folder / f"without_{name}.mrc", values, FRAME.pixel_size)
    return folder


def measured(source: Path, **options: Any) -> Occupancy:
    return occupancy(OccupancyOptions(run=source, outdir=source / "unused", **options)).occupancy


def test_the_50s_ranks_as_in_the_published_table(shared_data: Path) -> None:
    """26 proteins in 12 real volumes: rank correlation per volume and per chain."""
    data = shared_data / "50S"
    found = measured(data, model=(data,), parts=("prots1",))
    table = pd.read_csv(data / "occupancies_expected.csv", header=[0, 1], index_col=0)
    rows = [int(name.removesuffix(".mrc").rpartition("_")[2]) for name in found.index["volume"]]
    columns = [("prots1", name.rpartition(":")[2].lower()) for name in found.parts]
    expected = table.loc[rows, columns].to_numpy()

    of_volumes = [spearmanr(a, b).statistic for a, b in zip(found.values, expected, strict=True)]
    of_chains = [spearmanr(a, b).statistic for a, b in zip(found.values.T, expected.T, strict=True)]

    assert found.values.shape == (12, 26)
    assert np.median(of_volumes) > 0.97
    assert min(of_volumes) > 0.93
    assert np.median(of_chains) > 0.98


def test_a_part_that_was_left_out_is_missed(four_chains: Path, assembly: Path) -> None:
    found = measured(assembly, model=(four_chains,))

    assert found.parts == ("four:A", "four:B", "four:C", "four:D")
    for row, name in zip(found.values, found.index["volume"], strict=True):
        gone = [part[-1] in name.partition("_")[2].removesuffix(".mrc") for part in found.parts]
        assert np.all(row[gone] < 0.25), name
        assert np.all(row[~np.array(gone)] > 0.9), name


def test_the_whole_model_has_what_the_result_says_of_it(four_chains: Path, tmp_path: Path) -> None:
    """Neighbours reach into a mask: in a map of nothing but the model, the numbers are those said to be the model's."""
    values = atom_density(read_atoms([four_chains]), FRAME.box, FRAME.pixel_size, 10.0)
    write_map(tmp_path / "whole.mrc", 0.1 * values, FRAME.pixel_size)

    found = measured(tmp_path, model=(four_chains,))

    np.testing.assert_allclose(found.values[0], found.whole, rtol=0.01)
    assert np.all(found.whole > 1)
    as_in_model = measured(tmp_path, model=(four_chains,), expected="model", sphere=("80,80,80,20",))
    np.testing.assert_allclose(as_in_model.values[0, :4], 1, rtol=0.01)
    np.testing.assert_allclose(as_in_model.whole, [1, 1, 1, 1, np.nan])
    alone = measured(tmp_path, model=(four_chains,), sphere=("80,80,80,20",))
    assert as_in_model.values[0, 4] == alone.values[0, 4]  # a sphere has no model to be divided by


def test_density_of_atoms_is_the_sum_of_gaussians(four_chains: Path) -> None:
    """Apart from how wide an atom itself is: a carbon's scattering adds about 0.6 Å."""
    atoms = read_atoms([four_chains])
    found = atom_density(atoms, FRAME.box, FRAME.pixel_size, 20.0)
    expected = blobs(atoms.position, np.hypot(20 * SIGMA, 0.6))
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9999
    assert np.corrcoef(found[::-1].ravel(), expected.ravel())[0, 1] < 0.9


def test_a_mask_encloses_the_share_asked_for() -> None:
    density = np.random.default_rng(0).exponential(size=(8, 8, 8)).astype(np.float32)
    mask = enclosing(density, 0.6)
    assert density[mask].sum() / density.sum() == pytest.approx(0.6, abs=0.01)
    assert density[mask].min() > density[~mask].max()


def test_volumes_in_blocks_are_measured_as_one_by_one() -> None:
    generator = np.random.default_rng(1)
    frame = Frame(12, 4.0)
    masks = generator.uniform(size=(3, 12, 12, 12)).astype(np.float32)
    masks[:, :, :, :9] = 0
    regions = [Region(f"{number}", mask, 10.0 + number) for number, mask in enumerate(masks)]
    volumes = generator.standard_normal((2 * AT_ONCE + 3, 12, 12, 12)).astype(np.float32)

    found = Measure(regions, frame).of(iter(volumes))

    z, y, x = np.mgrid[:12, :12, :12]
    solvent = (x < 9 - 2) & ((x - 6) ** 2 + (y - 6) ** 2 + (z - 6) ** 2 < 36)
    for volume, ratio in zip(volumes, found.ratio, strict=True):
        level = np.median(volume[solvent])
        expected = [((volume - level) * mask).sum() / (10 + number) for number, mask in enumerate(masks)]
        np.testing.assert_allclose(ratio, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.mean, volumes.mean(axis=0), atol=1e-6)


def test_volumes_are_let_go_once_they_are_measured() -> None:
    """Memory does not grow with the number of volumes."""
    generator = np.random.default_rng(2)
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def volumes() -> Iterator[np.ndarray]:
        nonlocal most
        for _ in range(5 * AT_ONCE):
            volume = generator.standard_normal((8, 8, 8)).astype(np.float32)
            alive.append(weakref.ref(volume))
            most = max(most, sum(each() is not None for each in alive))
            yield volume

    Measure([Region("all", np.ones((8, 8, 8), dtype=np.float32), 1.0)], Frame(8, 1.0)).of(volumes())

    assert most <= 2 * AT_ONCE


def test_a_particle_whose_volume_is_no_number_is_named(analysed_run: Run, tmp_path: Path) -> None:
    """As a training that went astray leaves them."""
    run = Path(shutil.copytree(analysed_run.path, tmp_path / "run"))
    latents = Latents.load(run / "latents" / "epoch-0002.npz")
    latents.z_mean[3] = np.nan
    latents.save(run / "latents" / "epoch-0002.npz")
    tomogram, particle = latents.ids[3]
    options = OccupancyOptions(run=run, epoch=2, sphere=("96,96,96,40",))
    with pytest.raises(InputError, match=rf"tomogram {tomogram}, particle {particle}: has voxels that are NaN"):
        occupancy(options)


def test_units_and_background_of_maps_do_not_matter(four_chains: Path, assembly: Path, tmp_path: Path) -> None:
    for path in assembly.glob("*.mrc"):
        write_map(tmp_path / path.name, 0.01 * read_map(path).values - 40, FRAME.pixel_size)
    first, second = (measured(folder, model=(four_chains,)).values for folder in (assembly, tmp_path))
    np.testing.assert_allclose(second, first, atol=0.02)


def test_a_model_that_does_not_fit_is_told(
    four_chains: Path, assembly: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    facts = measured(assembly, model=(four_chains,)).facts
    assert facts["model_correlation"] > 0.9
    assert not caplog.messages
    fit = tmp_path / "fit.json"
    fit.write_text(
        '{"format": 1, "hand": "keep", "rotation": [[0,-1,0],[-1,0,0],[0,0,-1]], '
        '"shift_from_voxel_half_box": [90, 70, 55]}'
    )
    assert measured(assembly, model=(four_chains,), fit=fit).facts["model_correlation"] < 0.4
    assert "the model has little to do with the mean of all volumes" in caplog.text


def test_each_volume_may_be_its_own_measure(four_chains: Path, assembly: Path, tmp_path: Path) -> None:
    """A map of twice the contrast looks twice as full, unless each volume is divided by its own whole."""
    whole = read_map(assembly / "without_..mrc").values
    write_map(tmp_path / "a.mrc", whole, FRAME.pixel_size)
    write_map(tmp_path / "b.mrc", 2 * whole, FRAME.pixel_size)
    by_ensemble = measured(tmp_path, model=(four_chains,)).values
    by_volume = measured(tmp_path, model=(four_chains,), normalise="volume").values
    np.testing.assert_allclose(by_ensemble[1], 2 * by_ensemble[0], rtol=1e-3)
    np.testing.assert_allclose(by_volume[1], by_volume[0], rtol=1e-3)


def test_parts_go_together_under_a_name(four_chains: Path) -> None:
    atoms = read_atoms([four_chains])
    regions, whole = model_regions(atoms, FRAME, parts=("half=A,B", "D"))
    assert [region.name for region in regions] == ["half", "four:D"]
    of_half = atom_density(atoms, 32, 5.0, 10.0, np.isin(atoms.part, [0, 1]))
    np.testing.assert_array_equal(regions[0].mask > 0, enclosing(of_half))
    assert (whole.mask & (regions[0].mask > 0)).sum() > 0.9 * regions[0].mask.sum()


def test_a_model_with_the_other_hand_is_measured_in_mirrored_maps(
    four_chains: Path, assembly: Path, tmp_path: Path
) -> None:
    (tmp_path / "maps").mkdir()
    for path in assembly.glob("*.mrc"):
        write_map(tmp_path / "maps" / path.name, flip_hand(read_map(path).values), FRAME.pixel_size)
    fit = tmp_path / "fit.json"
    fit.write_text(
        '{"format": 1, "hand": "flip", "rotation": [[1,0,0],[0,1,0],[0,0,1]], '
        '"shift_from_voxel_half_box": [-80, -80, -80]}'
    )
    found = measured(tmp_path / "maps", model=(four_chains,), fit=fit)
    np.testing.assert_allclose(found.values, measured(assembly, model=(four_chains,)).values, atol=1e-3)


def test_a_sphere_is_where_it_says(tmp_path: Path) -> None:
    region = sphere_region("100,80,40,30", FRAME)
    centre = [
        (region.mask.sum(axis=other) * np.arange(32)).sum() / region.mask.sum() for other in ((1, 2), (0, 2), (0, 1))
    ]
    np.testing.assert_allclose(np.array(centre) * 5, [100, 80, 40], atol=1e-3)
    assert region.mask.sum() * 5**3 == pytest.approx(4 / 3 * np.pi * 30**3, rel=0.02)


def test_masks_and_spheres_need_no_model(four_chains: Path, assembly: Path, tmp_path: Path) -> None:
    """Chain A's own cloud as a sphere and as a mask: full where it is there, near nothing where not."""
    regions, _ = model_regions(read_atoms([four_chains]), FRAME, parts=("A",))
    write_map(tmp_path / "cloud.mrc", regions[0].mask, FRAME.pixel_size)
    found = measured(assembly, mask=(tmp_path / "cloud.mrc",), sphere=("80,80,104,12",))
    gone = np.array(["A" in name for name in found.index["volume"]])
    assert found.parts == ("cloud", "sphere 80 80 104 12")
    assert found.values[gone].max() < 0.2
    assert found.values[~gone].min() > 0.4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, r"what to measure\? Give --model FILE"),
        ({"parts": ("A",)}, r"--parts: needs an atomic model"),
        ({"sphere": ("1,2,3",)}, r"--sphere 1,2,3: expected centre and radius"),
        ({"sphere": ("900,80,80,10",)}, r"holds no voxel of the maps of 32³ voxels of 5 Å; they reach from 0 to 160"),
        ({"mask": ("MASK",)}, r"other.mrc: has 16³ voxels, the maps have 32³"),
        ({"model": ("MODEL",), "parts": ("Z",)}, r"--parts Z: there is no such part; there are four:A,B,C,D"),
        ({"model": ("MODEL",), "parts": ("A", "four:A")}, r"four:A is there already"),
        ({"model": ("MODEL",), "threshold": ("Q=1",)}, r"--threshold Q: there is no such part; there are four:A"),
        ({"model": ("MODEL",), "threshold": ("A",)}, r"--threshold A: expected PART=VALUE"),
        ({"model": ("MODEL",), "epoch": 3}, r"--epoch: is for a run"),
        ({"model": ("MODEL",), "pixel_size": 2.0}, r"atoms lie outside the maps of 32³ voxels of 2 Å.* fit"),
        ({"model": ("MODEL",), "name": "Mine-2"}, r"--name Mine-2: expected lower-case letters"),
        ({"sphere": ("80,80,80,20",), "normalise": "volume"}, r"--normalise volume: needs the whole model"),
    ],
)
def test_what_can_not_be_measured_is_said(
    four_chains: Path, assembly: Path, tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    write_map(tmp_path / "other.mrc", np.ones((16, 16, 16)), 5.0)
    options = {"outdir": tmp_path / "out", **options}
    if "mask" in options:
        options["mask"] = (tmp_path / "other.mrc",)
    if "model" in options:
        options["model"] = (four_chains,)
    with pytest.raises(InputError, match=sentence):
        occupancy(OccupancyOptions(run=assembly, **options))


def test_maps_that_do_not_go_together_are_refused(four_chains: Path, tmp_path: Path) -> None:
    write_map(tmp_path / "a.mrc", np.ones((32, 32, 32)), 5.0)
    write_map(tmp_path / "b.mrc", np.ones((24, 24, 24)), 5.0)
    with pytest.raises(InputError, match=r"b.mrc: has 24 x 24 x 24 voxels, a.mrc has 32 x 32 x 32; give maps of one"):
        measured(tmp_path, model=(four_chains,))
    write_map(tmp_path / "b.mrc", np.ones((32, 32, 32)), 6.0, overwrite=True)
    with pytest.raises(InputError, match=r"b.mrc: has voxels of 6 Å, a.mrc of 5 Å"):
        measured(tmp_path, model=(four_chains,))


def test_maps_without_protein_are_refused(four_chains: Path, assembly: Path, tmp_path: Path) -> None:
    write_map(tmp_path / "dark.mrc", -read_map(assembly / "without_..mrc").values, 5.0)
    with pytest.raises(InputError, match=r"no density where the model lies .* is protein dark"):
        measured(tmp_path, model=(four_chains,))
    bad = np.ones((32, 32, 32))
    bad[3, 4, 5] = np.nan
    with pytest.warns(RuntimeWarning):
        write_map(tmp_path / "dark.mrc", bad, 5.0, overwrite=True)
    with pytest.raises(InputError, match=r"dark.mrc: 1 of 32768 voxels are NaN"):
        measured(tmp_path, model=(four_chains,))


def test_a_form_gives_several_in_one_text() -> None:
    options = OccupancyOptions(run=Path("run"), parts="half=A,B; D", threshold=("A=1; B=2", "C=3"), model="a.pdb;b.pdb")  # type: ignore[arg-type]
    assert options.parts == ("half=A,B", "D")
    assert options.threshold == ("A=1", "B=2", "C=3")
    assert options.model == (Path("a.pdb"), Path("b.pdb"))
    words = words_of(options, options.model_fields_set)
    assert words[:5] == ["run", "--model", "a.pdb", "--model", "b.pdb"]
    assert words[5:9] == ["--parts", "half=A,B", "--parts", "D"]
