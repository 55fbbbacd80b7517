"""A tomogram's grid filled with the particles' volumes, held to what scipy puts there of the volumes that are known."""

import csv
import json
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.analysis.folder import write_labels
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.export_options import TomogramOptions
from napari_tomodrgn.interop.export_tomogram import FilledTomogram, export_tomogram
from napari_tomodrgn.runs.run import Run

from .points import BOX, PIXEL_SIZE, KnownRun, correlation, known_run, put_by_scipy, volume

NAME = "001"


def windowed(values: np.ndarray) -> np.ndarray:
    """Cut off softly from 0.8 to 0.9 of the half-box."""
    z, y, x = np.mgrid[:BOX, :BOX, :BOX] - BOX // 2
    radius = np.sqrt(z**2 + y**2 + x**2) / (BOX / 2)
    return values * np.where(
        radius < 0.8, 1, np.where(radius > 0.9, 0, 0.5 + 0.5 * np.cos((radius - 0.8) * 10 * np.pi))
    )


def limited(values: np.ndarray, angstrom: float) -> np.ndarray:
    """Leave out what is finer."""
    steps = np.fft.fftfreq(BOX, PIXEL_SIZE)
    radius = np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2)
    return np.fft.ifftn(np.where(radius <= 1 / angstrom, np.fft.fftn(values), 0)).real


def labels_of(known: KnownRun, path: Path) -> Path:
    ids = list(zip(known.truth["tomogram"], known.truth["particle"], strict=True))
    write_labels(path, ids, known.truth["label"].to_numpy())
    return path


def export(known: KnownRun, folder: Path, **asked: Any) -> FilledTomogram:
    given = {"run": known.run.path, "outdir": folder / "out", "tomogram": NAME, "amp": "off", "device": "cpu"}
    return export_tomogram(TomogramOptions(**{**given, **asked}))


def placed(known: KnownRun, shape: tuple[int, ...], voxel: float, **wrong: Any) -> list[np.ndarray]:
    """Return what scipy makes of each particle of the tomogram, in the right way or a wrong one."""
    own = known.of(f"{NAME}.tomostar")
    result = []
    for row, (label, *pose) in enumerate(own[["label", "z", "y", "x", "rot", "tilt", "psi"]].to_numpy(float)):
        position, angles = np.array(pose[:3]), np.array(pose[3:])
        values = volume(int(wrong["labels"][row] if "labels" in wrong else label))
        values = windowed(limited(values, wrong["limit"]) if "limit" in wrong else values)
        if wrong.get("mirrored"):
            values = np.roll(values[::-1], 1, axis=0)
        if wrong.get("transposed"):
            angles = -angles[::-1]
        result.append(put_by_scipy(values, position + wrong.get("off", 0.0), angles, shape, voxel))
    return result


@pytest.fixture(scope="module")
def exported(known: KnownRun, tmp_path_factory: pytest.TempPathFactory) -> FilledTomogram:
    folder = tmp_path_factory.mktemp("exported")
    return export(known, folder, labels=labels_of(known, folder / "mine.csv"))


def test_volumes_stand_where_scipy_puts_them(known: KnownRun, exported: FilledTomogram) -> None:
    found = mrcfile.read(exported.density)
    truth = sum(placed(known, found.shape, PIXEL_SIZE))
    np.testing.assert_allclose(found, truth, atol=2e-3 * np.abs(truth).max())
    assert exported.particles == len(known.of(f"{NAME}.tomostar")) == 5
    wrong: list[dict[str, Any]] = [
        {"mirrored": True},
        {"transposed": True},
        {"off": np.full(3, PIXEL_SIZE / 2)},
        {"labels": [*known.truth["label"].iloc[5:], 0]},  # those of the other tomogram
        {"labels": [1, 2, 0, 1, 2]},
    ]
    for way in wrong:
        assert correlation(found, sum(placed(known, found.shape, PIXEL_SIZE, **way))) < 0.95, way


def test_the_header_says_where_and_how_large_it_is(known: KnownRun, exported: FilledTomogram) -> None:
    size = known.run.particle_set().tomograms[["size_z", "size_y", "size_x"]].to_numpy()[0]
    for path, mode in ((exported.density, 2), (exported.classes, 6)):
        with mrcfile.open(path) as stream:
            assert stream.header.mode == mode
            np.testing.assert_allclose(np.array(stream.data.shape) * PIXEL_SIZE, size, atol=PIXEL_SIZE)
            assert stream.voxel_size.x == pytest.approx(PIXEL_SIZE)
            assert stream.header.origin.x == stream.header.origin.y == stream.header.origin.z == 0
            assert stream.header.nxstart == stream.header.nystart == stream.header.nzstart == 0
            values = stream.data.astype(float)
            stored = [float(getattr(stream.header, name)) for name in ("dmin", "dmax", "dmean", "rms")]
        np.testing.assert_allclose(
            stored, [values.min(), values.max(), values.mean(), values.std()], rtol=1e-4, atol=1e-5
        )
        assert mrcfile.validate(str(path))


def test_the_label_volume_says_whose_class_is_where(known: KnownRun, exported: FilledTomogram) -> None:
    found = mrcfile.read(exported.classes)
    own = known.of(f"{NAME}.tomostar")["label"].to_numpy()
    parts = np.array(placed(known, found.shape, PIXEL_SIZE))
    volumes = [windowed(volume(label)) for label in own]
    levels = np.array([each.mean() + 3 * each.std() for each in volumes])
    above = np.where(parts > levels[:, None, None, None], parts, 0)
    truth = np.where(above.max(axis=0) > 0, own[above.argmax(axis=0)] + 1, 0)
    assert (found != truth).mean() < 1e-4
    assert set(np.unique(found)) == {0, 1, 2, 3}
    with open(exported.table, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["value"] for row in rows] == ["1", "2", "3"]
    assert [int(row["particles"]) for row in rows] == np.bincount(own).tolist()
    assert len({row["colour"] for row in rows}) == 3


@pytest.mark.parametrize(
    ("asked", "voxel"), [({"file": True}, 18.0), ({"pixel_size": 24.0}, 24.0), ({"file": True, "binning": 2}, 36.0)]
)
def test_larger_voxels_get_no_more_than_they_can_show(
    known: KnownRun, tmp_path: Path, asked: dict[str, Any], voxel: float
) -> None:
    file = known.star.parent / "tomograms" / f"{NAME}.mrc"
    given = {name: value for name, value in asked.items() if name != "file"}
    written = export(known, tmp_path, **given, **({"tomogram_file": file} if "file" in asked else {}))
    with mrcfile.open(file) as original, mrcfile.open(written.density) as found:
        assert found.voxel_size.x == pytest.approx(voxel)
        size = np.array(original.data.shape) * 18.0
        np.testing.assert_allclose(np.array(found.data.shape) * voxel, size, atol=voxel)
        assert voxel != 18.0 or found.data.shape == original.data.shape
        values = found.data.copy()
    right = sum(placed(known, values.shape, voxel, limit=2 * voxel))
    assert correlation(values, right) > 0.97
    assert values.std() == pytest.approx(right.std(), rel=0.1)
    for wrong in ({"mirrored": True}, {"transposed": True}, {"off": np.full(3, voxel / 2)}):
        assert correlation(values, sum(placed(known, values.shape, voxel, limit=2 * voxel, **wrong))) < 0.9, wrong


def test_overlapping_boxes_are_added_or_the_largest_is_kept(known: KnownRun, tmp_path: Path) -> None:
    run = known_run(tmp_path / "near").run
    star = run.path / "particles.star"
    particle_set = run.particle_set()
    text = star.read_text().splitlines()
    rows = [number for number, line in enumerate(text) if line.startswith("001.tomostar")]
    moving = text[rows[1]].split()
    text[rows[1]] = " ".join(
        [*moving[:2], *text[rows[0]].split()[2:5], *moving[5:8], *text[rows[0]].split()[8:11], *moving[11:]]
    )
    star.write_text("\n".join(text) + "\n")
    moved = run.particle_set().particles
    assert np.linalg.norm(moved.loc[0, ["z", "y", "x"]] - moved.loc[1, ["z", "y", "x"]]) < 1e-3
    assert len(particle_set) == 9
    truth = KnownRun(run, known.truth.assign(**{axis: moved[axis] for axis in "zyx"}), known.star)
    for overlap, joined in (("sum", np.sum), ("max", lambda parts, axis: np.maximum(parts, 0).max(axis=axis))):
        found = mrcfile.read(export(truth, tmp_path / overlap, overlap=overlap).density)
        expected = joined(np.array(placed(truth, found.shape, PIXEL_SIZE)), axis=0)
        np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def test_a_selection_a_limit_and_class_centres_are_what_is_placed(known: KnownRun, tmp_path: Path) -> None:
    selection = tmp_path / "few.json"
    ids = [list(pair) for pair in known.truth[["tomogram", "particle"]].to_numpy()[[1, 3]]]
    made = {"format": 1, "name": "few", "created_from": {"rule": "ids"}, "parent": None, "run": None, "particles": ids}
    selection.write_text(json.dumps(made))
    few = export(known, tmp_path / "few", selection=selection)
    found = mrcfile.read(few.density)
    parts = placed(known, found.shape, PIXEL_SIZE)
    np.testing.assert_allclose(found, parts[1] + parts[3], atol=2e-3 * parts[3].max())
    first = mrcfile.read(export(known, tmp_path / "first", limit=1).density)
    np.testing.assert_allclose(first, parts[0], atol=2e-3 * parts[0].max())
    every = [(tomogram, particle) for tomogram, particle in known.truth[["tomogram", "particle"]].to_numpy()]
    write_labels(tmp_path / "one.csv", every, np.where(known.truth["label"] == 2, 1, 0))
    centres = export(known, tmp_path / "centres", labels=tmp_path / "one.csv", class_centres=True)
    values = mrcfile.read(centres.density)
    labels = known.of(f"{NAME}.tomostar")["label"]
    expected = [sum(placed(known, values.shape, PIXEL_SIZE, labels=np.where(labels == 2, 2, one))) for one in (0, 1)]
    assert max(correlation(values, each) for each in expected) > 0.999  # a member of the class stands for it


def test_memory_stays_that_of_a_box(known: KnownRun, tmp_path: Path) -> None:
    tracemalloc.start()
    written = export(known, tmp_path, pixel_size=4.5, limit=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written.density.stat().st_size > 250e6
    assert peak < 60e6


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no tomogram": ({"tomogram": None}, ("which tomogram", "001.tomostar, 002.tomostar")),
    "another tomogram": ({"tomogram": "003"}, ("--tomogram 003", "001.tomostar")),
    "an odd box": ({"box": 15}, ("--box 15",)),
    "no such file": ({"tomogram_file": Path("no.mrc")}, ("no.mrc",)),
    "no such labels": ({"labels": Path("no.csv")}, ("no.csv",)),
    "centres of no classes": ({"class_centres": True}, ("has no classes", "analyze")),
    "no such epoch": ({"epoch": 7}, ("epoch 7",)),
    "tiny voxels": ({"pixel_size": 0.01}, ("larger --pixel-size",)),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_not_be_done_is_one_sentence_and_leaves_nothing(known: KnownRun, tmp_path: Path, kind: str) -> None:
    asked, says = REFUSED[kind]
    with pytest.raises(InputError) as caught:
        export(known, tmp_path, **asked)
    assert [part for part in says if part not in str(caught.value)] == [], str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_set_without_places_says_how_to_give_them(tmp_path: Path) -> None:
    known = known_run(tmp_path / "known", "cryosrpnt")
    out = tmp_path / "out"
    with pytest.raises(InputError, match="does not say how large tomogram"):
        export(known, out, tomogram="001")
    file = known.star.parent / "tomograms" / "001.mrc"
    found = mrcfile.read(export(known, out, tomogram="001", tomogram_file=file).density)
    assert found.shape == mrcfile.read(file).shape
    (known.run.path / "volume_series.star").unlink()
    with pytest.raises(InputError, match=r"does not say where particle 000000 of tomogram 001 lies.*--volume-series"):
        export(known, tmp_path / "again", tomogram="001", tomogram_file=file)


def test_output_is_replaced_only_where_it_is_such_output(known: KnownRun, tmp_path: Path) -> None:
    export(known, tmp_path, limit=1)
    with pytest.raises(InputError, match="exists already"):
        export(known, tmp_path, limit=1)
    export(known, tmp_path, limit=1, overwrite=True)
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds mine\.txt"):
        export(known, tmp_path, limit=1, overwrite=True)


def test_labels_of_other_particles_and_latents_that_are_nan_are_refused(known: KnownRun, tmp_path: Path) -> None:
    write_labels(tmp_path / "others.csv", [("001.tomostar", "001/000000"), ("001.tomostar", "x")], np.array([0, 1]))
    with pytest.raises(InputError, match=r"others\.csv: labels particle x of tomogram 001\.tomostar.*1 of 2"):
        export(known, tmp_path, labels=tmp_path / "others.csv")
    run = Run.open(shutil.copytree(known.run.path, tmp_path / "run"))
    latents = run.latents()
    latents.z_mean[list(latents.ids).index(("001.tomostar", "001/000003"))] = np.nan
    latents.save(run.path / "latents" / "epoch-0001.npz")
    with pytest.raises(InputError, match=r"latent of particle 001/000003 of tomogram 001\.tomostar is not finite"):
        export(KnownRun(run, known.truth, known.star), tmp_path)
    assert not (tmp_path / "out").exists()


def test_particles_without_a_class_have_a_number_after_the_last(known: KnownRun, tmp_path: Path) -> None:
    own = known.of(f"{NAME}.tomostar")
    write_labels(tmp_path / "one.csv", [(own["tomogram"].iloc[0], own["particle"].iloc[0])], np.array([1]))
    written = export(known, tmp_path, labels=tmp_path / "one.csv")
    assert set(np.unique(mrcfile.read(written.classes))) == {0, 2, 3}
    with open(written.table, newline="") as stream:
        rows = [(row["value"], row["label"], row["particles"]) for row in csv.DictReader(stream)]
    assert rows == [("1", "0", "0"), ("2", "1", "1"), ("3", "", "4")]
