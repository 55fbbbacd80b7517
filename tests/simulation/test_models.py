"""Maps of atomic models against sums of blobs, masses counted here, and refusals."""

from pathlib import Path
from typing import Any

import gemmi
import mrcfile
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomodrgn.cli.main import main
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.simulation.image_files import write_volume
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.simulation.specimen import make_specimen

TINY: dict[str, Any] = {"particles": 6, "tilts": 3, "noise": False}


def atoms_of(paths: list[Path]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position (n, 3), atomic mass and atomic number of all atoms."""
    structures = [gemmi.read_structure(str(path)) for path in paths]  # atoms live as long as their structure
    atoms = [each.atom for structure in structures for each in structure[0].all()]
    position = np.array([atom.pos.tolist() for atom in atoms])
    mass = np.array([atom.element.weight * atom.occ for atom in atoms])
    return position, mass, np.array([atom.element.atomic_number for atom in atoms], dtype=float)


def blobs(position: np.ndarray, weight: np.ndarray, box: int, pixel_size: float, sigma: float) -> np.ndarray:
    """Sum Gaussian blobs about the origin on a grid five times finer, sampled at the voxels: z, y, x, origin on D/2."""
    fine = 5 * box
    edges = (np.arange(fine + 1) - fine // 2 - 0.5) * pixel_size / 5
    counts, _ = np.histogramdd(position[:, ::-1], bins=[edges] * 3, weights=weight)
    return ndimage.gaussian_filter(counts, 5 * sigma, truncate=5)[::5, ::5, ::5]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def write_model(path: Path, chains: str = "ABC", atoms: int = 60, seed: int = 0, **changes: Any) -> Path:
    """Write carbon atoms in a chiral cloud, a residue each; residues count from 1 in each chain."""
    generator = np.random.default_rng(seed)
    structure, model = gemmi.Structure(), gemmi.Model("1")
    for number, name in enumerate(chains):
        chain = gemmi.Chain(name)
        for place in range(atoms):
            residue, atom = gemmi.Residue(), gemmi.Atom()
            residue.name, residue.seqid = "GLY", gemmi.SeqId(str(changes.get("first", 1) + place))
            atom.name, atom.element = "CA", gemmi.Element("C")
            centre = np.array([[40, 0, 0], [0, 25, 10], [-10, 5, -30]])[number % 3] * (1 + number // 3)
            atom.pos = gemmi.Position(*(centre + 8 * generator.standard_normal(3) + changes.get("moved", 0)))
            residue.add_atom(atom)
            chain.add_residue(residue)
        model.add_chain(chain)
    structure.add_model(model)
    (structure.make_mmcif_document().write_file if path.suffix == ".cif" else structure.write_pdb)(str(path))
    return path


def maps_of(**options: Any) -> np.ndarray:
    return make_specimen(SimulateOptions(outdir=Path("unused"), **options)).maps


@pytest.fixture(scope="module")
def ribosome(shared_data: Path) -> tuple[Path, ...]:
    return tuple(sorted((shared_data / "50S").glob("*.pdb")))


@pytest.mark.parametrize("pixel_size", [10.0, 13.0])
def test_ribosome_is_the_sum_of_its_atoms(ribosome: tuple[Path, ...], pixel_size: float) -> None:
    """A blob's Fourier transform is near 0 at half a cycle a pixel, so nothing aliases in the sum made here."""
    found = maps_of(model=ribosome, pixel_size=pixel_size)[0]
    position, mass, number = atoms_of(list(ribosome))
    expected = blobs(position - np.average(position, axis=0, weights=mass), number, 32, pixel_size, sigma=1.0)
    smoothed = ndimage.gaussian_filter(found, 1.0, mode="wrap", truncate=5)
    assert correlation(smoothed, expected) > 0.999
    assert correlation(smoothed[::-1], expected) < 0.95
    assert correlation(smoothed.transpose(2, 1, 0), expected) < 0.95
    assert found.min() > -0.3 * found.max()


def test_states_lose_the_mass_of_the_chains_left_out(ribosome: tuple[Path, ...]) -> None:
    leave_out = ("", "prots1:A,prots1:B", "RNA_5S", "RNA1")
    maps = maps_of(model=ribosome, pixel_size=10, leave_out=leave_out)
    weights = {path.stem: atoms_of([path])[2].sum() for path in ribosome}
    proteins = gemmi.read_structure(str(next(path for path in ribosome if path.stem == "prots1")))
    two = sum(atom.element.atomic_number for name in "AB" for residue in proteins[0][name] for atom in residue)
    whole = sum(weights.values())
    expected = [1, 1 - two / whole, 1 - weights["RNA_5S"] / whole, 1 - weights["RNA1"] / whole]
    assert maps.sum(axis=(1, 2, 3)) / maps[0].sum() == pytest.approx(expected, abs=0.01)
    assert expected[3] < 0.9


def test_states_share_the_centre_of_the_whole_complex(tmp_path: Path) -> None:
    model = write_model(tmp_path / "one.pdb")
    maps = maps_of(model=(model,), pixel_size=6, leave_out=("", "C"))
    difference = maps[0] - maps[1]
    position, mass, _ = atoms_of([model])
    lost = position[120:].mean(axis=0) - np.average(position, axis=0, weights=mass)
    found = np.array(ndimage.center_of_mass(difference))[::-1]
    assert found == pytest.approx(16 + lost / 6, abs=0.05)


def test_mmcif_gives_the_map_of_the_pdb(tmp_path: Path) -> None:
    pdb, cif = write_model(tmp_path / "one.pdb"), write_model(tmp_path / "one.cif")
    from_pdb, from_cif = (maps_of(model=(path,)) for path in (pdb, cif))
    assert np.abs(from_cif - from_pdb).max() < 0.01 * from_pdb.max()


@pytest.mark.parametrize(
    ("leave_out", "sentence"),
    [
        ("first:Z", r"--leave-out first:Z: there is no such part; there are first:A,B,C$"),
        ("third", r"--leave-out third: there is no such part; there are first:A,B,C; second:A,B$"),
        ("A", r"--leave-out A: chain A is in first, second; write FILE:A"),
        ("first,second", r"--leave-out first,second: leaves no atoms"),
    ],
)
def test_parts_that_are_not_there_are_named(tmp_path: Path, leave_out: str, sentence: str) -> None:
    models = (write_model(tmp_path / "first.pdb"), write_model(tmp_path / "second.pdb", "AB"))
    with pytest.raises(InputError, match=sentence):
        maps_of(model=models, leave_out=(leave_out,))


def test_a_chain_of_one_file_only_needs_no_file_name(tmp_path: Path) -> None:
    models = (write_model(tmp_path / "first.pdb"), write_model(tmp_path / "second.pdb", "AB"))
    short, long = (maps_of(model=models, leave_out=(parts,)) for parts in ("C, second:B", "first:C,second:B"))
    assert (short == long).all()


def test_a_model_larger_than_the_box_is_told_what_it_needs(ribosome: tuple[Path, ...]) -> None:
    with pytest.raises(InputError, match=r"needs a box of 314 Å .* are 256 Å; give a --box of 40"):
        maps_of(model=ribosome, pixel_size=8)


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "no such model"), ("hello", "holds no atoms|is not a readable")]
)
def test_files_without_atoms_are_refused(tmp_path: Path, content: str | None, sentence: str) -> None:
    path = tmp_path / "model.pdb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=sentence):
        maps_of(model=(path,))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"maps": (Path("a.mrc"),), "model": (Path("a.pdb"),)}, "^--maps: "),
        ({"leave_out": ("A",)}, "^--leave-out: needs an atomic model"),
        ({"morph_to": Path("a.pdb")}, "^--morph-to: needs an atomic model"),
        ({"model": (Path("a.pdb"),), "morph_to": Path("b.pdb"), "leave_out": ("A",)}, "^--leave-out: .* --morph-to"),
        ({"model": (Path("a.pdb"), Path("c.pdb")), "morph_to": Path("b.pdb")}, "^--morph-to: needs one --model"),
        ({"model": (Path("a.pdb"),), "morph_to": Path("b.pdb"), "morph_steps": 1}, "^--morph-steps: is 1"),
    ],
)
def test_sources_that_exclude_each_other_are_refused(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        simulate(SimulateOptions(outdir=tmp_path / "set", **TINY, **options))
    assert not (tmp_path / "set").exists()


def test_motion_goes_straight_from_one_conformation_to_the_other(tmp_path: Path) -> None:
    first = write_model(tmp_path / "first.pdb")
    last = write_model(tmp_path / "last.pdb", moved=np.array([0.0, 12.0, 0.0]))
    maps = maps_of(model=(first,), morph_to=last, morph_steps=3, pixel_size=6, superpose=False)
    assert len(maps) == 3
    for step, map_ in enumerate(maps):
        moved = ndimage.shift(maps[0], (0, step, 0), order=3, mode="grid-wrap")
        assert correlation(moved, map_) > 0.98


def test_particles_lie_anywhere_on_the_motion(tmp_path: Path) -> None:
    model, end = write_model(tmp_path / "first.pdb"), write_model(tmp_path / "last.pdb", moved=np.array([0.0, 12, 0]))
    options = {"particles": 60, "tilts": 1, "noise": False, "ctf_power": "0", "dose_per_tilt": 0.0, "shift": 0.0}
    simulate(
        SimulateOptions(
            outdir=tmp_path / "set", model=(model,), morph_to=end, morph_steps=4, superpose=False, **options
        )
    )
    truth = pd.read_csv(tmp_path / "set" / "truth.csv")
    assert "label" not in truth
    coordinate = np.sort(truth["coordinate"].to_numpy())
    assert np.abs(coordinate - np.linspace(0, 1, 60)).max() < 0.25
    maps = [mrcfile.read(tmp_path / "set" / f"motion_{step}.mrc") for step in range(4)]
    images = -mrcfile.read(tmp_path / "set" / "particles.mrcs")
    for row in range(0, 60, 12):
        place = 3 * truth["coordinate"][row]
        low = int(place)
        volume = (1 - place + low) * maps[low] + (place - low) * maps[low + 1]
        angles = truth.loc[row, ["rot", "tilt", "psi"]].to_numpy(dtype=float)
        to_source = Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix()[::-1, ::-1]
        turned = ndimage.affine_transform(volume, to_source, offset=16 - to_source @ np.full(3, 16), order=3)
        assert correlation(images[row], turned.sum(axis=0)) > 0.99


def test_chaperonins_are_paired_by_place_in_the_chain(shared_data: Path) -> None:
    """3J03 counts residues right through its chains and has 16 atoms (OXT) more."""
    from napari_tomodrgn.particles.atoms import read_atoms
    from napari_tomodrgn.simulation.motion import paired_atoms

    paths = [shared_data / "mmcpn" / name for name in ("3iyf.pdb", "3j03.pdb")]
    opened, closed = (read_atoms([path]) for path in paths)
    first, last = paired_atoms(opened, closed, paths[1])
    assert len(first) == len(last) == len(opened) == len(closed) - 16
    assert (first.element == last.element).all()


def test_conformations_of_other_molecules_are_refused(tmp_path: Path) -> None:
    model, end = write_model(tmp_path / "first.pdb"), write_model(tmp_path / "last.pdb", "AB")
    with pytest.raises(InputError, match=r"last.pdb: only 67% .* at least 90%"):
        maps_of(model=(model,), morph_to=end)


def test_maps_bring_their_box_and_pixel_size(shared_data: Path) -> None:
    """12 real volumes of the ribosome: 64 voxels of 6.55 Å."""
    volumes = tuple(sorted((shared_data / "50S").glob("vol_*.mrc")))[:2]
    specimen = make_specimen(SimulateOptions(outdir=Path("unused"), maps=volumes))
    assert specimen.maps.shape == (2, 64, 64, 64)
    assert specimen.pixel_size == pytest.approx(6.55, abs=0.01)
    given = make_specimen(SimulateOptions(outdir=Path("unused"), maps=volumes, pixel_size=6.0))
    assert given.pixel_size == 6.0


@pytest.mark.parametrize("box", [32, 128])
def test_maps_of_another_box_than_asked_for_are_refused(shared_data: Path, tmp_path: Path, box: int) -> None:
    volume = shared_data / "50S" / "vol_018.mrc"
    with pytest.raises(InputError, match=f"vol_018.mrc: has a box of 64 pixels, and --box is {box}; leave --box out"):
        simulate(SimulateOptions(outdir=tmp_path / "set", **TINY, maps=(volume,), box=box))
    assert not (tmp_path / "set").exists()


def test_a_map_of_nothing_is_refused(tmp_path: Path) -> None:
    write_volume(tmp_path / "flat.mrc", np.full((32, 32, 32), 0.5, np.float32), 6)
    with pytest.raises(InputError, match=r"flat.mrc: has the same value in every voxel"):
        maps_of(maps=(tmp_path / "flat.mrc",))


def test_a_map_without_positive_density_is_refused(tmp_path: Path) -> None:
    values = -np.random.default_rng(0).random((32, 32, 32), np.float32)
    write_volume(tmp_path / "dark.mrc", values, 6)
    with pytest.raises(InputError, match=r"dark.mrc: has no positive density"):
        maps_of(maps=(tmp_path / "dark.mrc",))


def test_atoms_that_are_not_there_are_refused(tmp_path: Path) -> None:
    structure = gemmi.read_structure(str(write_model(tmp_path / "first.pdb")))
    for each in structure[0].all():
        each.atom.occ = 0
    structure.write_pdb(str(tmp_path / "none.pdb"))
    with pytest.raises(InputError, match=r"none.pdb: all its atoms have an occupancy of 0"):
        maps_of(model=(tmp_path / "none.pdb",))


def test_maps_of_two_pixel_sizes_are_refused(tmp_path: Path) -> None:
    paths = tuple(tmp_path / f"{size}.mrc" for size in (4.0, 5.0))
    for path in paths:
        with mrcfile.new(path) as stream:
            stream.set_data(np.zeros((16, 16, 16), dtype=np.float32))
            stream.voxel_size = float(path.stem)
    with pytest.raises(InputError, match=r"^--maps: have pixel sizes from 4 to 5 Å .* --pixel-size"):
        maps_of(maps=paths)


def test_the_empty_list_of_parts_is_the_whole_complex_on_the_command_line(tmp_path: Path) -> None:
    model = write_model(tmp_path / "one.pdb")
    arguments = ["simulate", str(tmp_path / "set"), "--model", str(model), "--particles", "4", "--tilts", "1"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--leave-out", "", "--leave-out", "A,one:B"])
    assert not ended.value.code
    mass = [mrcfile.read(tmp_path / "set" / f"state_{state}.mrc").sum() for state in range(2)]
    assert mass[1] / mass[0] == pytest.approx(1 / 3, abs=0.01)


def test_models_keep_their_own_diameter_apart(tmp_path: Path) -> None:
    model = write_model(tmp_path / "one.pdb", "ABCDEF")
    options = {**TINY, "particles": 400, "tomograms": 1, "tilts": 1, "pixel_size": 8.0}
    simulate(SimulateOptions(outdir=tmp_path / "set", **options, model=(model,)))
    position, mass, _ = atoms_of([model])
    diameter = 2 * np.linalg.norm(position - np.average(position, axis=0, weights=mass), axis=1).max()
    place = pd.read_csv(tmp_path / "set" / "truth.csv")[["x", "y", "z"]].to_numpy()
    assert diameter > 1.02 * 0.66 * 32 * 8.0  # what the built-in complex keeps
    assert np.linalg.norm(place[:, None] - place, axis=2)[~np.eye(400, dtype=bool)].min() >= diameter
