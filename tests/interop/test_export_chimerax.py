"""A ChimeraX script, carried out here by numpy and scipy as ChimeraX's documentation says, and held to the truth."""

import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
import starfile
from scipy import ndimage

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.style import class_colours
from napari_tomodrgn.interop.export_chimerax import export_chimerax
from napari_tomodrgn.interop.export_options import ChimeraxOptions
from napari_tomodrgn.interop.import_options import ImportOptions
from napari_tomodrgn.interop.import_tomodrgn import import_tomodrgn
from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

from .points import BOX, PIXEL_SIZE, KnownRun, correlation, put_by_scipy, volume
from .test_export_tomogram import labels_of


@dataclass
class Model:
    """A model of a scene: file, name, 3 x 4 matrix, colour, level, and the name of the group it is below."""

    path: Path
    name: str
    matrix: np.ndarray = field(default_factory=lambda: np.eye(4)[:3])
    settings: dict[str, str] = field(default_factory=dict)
    group: str = ""


def scene_of(script: Path) -> dict[int, Model]:
    """Return the models of a scene by the numbers that they are opened with."""
    models: dict[int, Model] = {}
    groups: dict[str, list[int]] = {}
    for line in script.read_text().splitlines():
        words = shlex.split(line, comments=line.startswith("#"))
        if words[:1] == ["open"]:
            assert words[2] == "name"
            models[len(models) + 1] = Model(script.parent / words[1], words[3])
        elif words[:1] == ["volume"]:
            settings = dict(zip(words[2::2], words[3::2], strict=True))
            models[int(words[1].removeprefix("#"))].settings.update(settings)
        elif words[:3] == ["view", "matrix", "models"]:
            number, *values = words[3].removeprefix("#").split(",")
            models[int(number)].matrix = np.array([float(value) for value in values]).reshape(3, 4)
        elif words[:1] == ["rename"] and "id" in words:
            first, _, last = words[1].removeprefix("#").partition("-")
            below, _, only = words[3].removeprefix("#").partition(".")
            assert bool(only) != bool(last)
            groups[below] = list(range(int(first), int(last or first) + 1))
        elif words[:1] == ["rename"]:
            for number in groups[words[1].removeprefix("#")]:
                models[number].group = words[2]
        elif words:
            assert words[0] in ("close", "set", "lighting", "view")
    return models


def placed(model: Model, shape: tuple[int, ...], voxel: float) -> np.ndarray:
    """Return a tomogram with a map at its place: at x is what the inverse of the matrix says, from the map's origin."""
    with mrcfile.open(model.path) as stream:
        values, side = stream.data.astype(float), float(stream.voxel_size.x)
        origin = np.array([stream.header.origin[axis] for axis in "xyz"], float)
    turn, shift = model.matrix[:, :3], model.matrix[:, 3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    to_map = turn.T / side
    offset = -to_map @ shift - origin / side
    return ndimage.affine_transform(
        values, to_map[::-1, ::-1] * voxel, offset=offset[::-1], output_shape=shape, order=3, mode="constant"
    )


def export(known: KnownRun, folder: Path, **asked: Any) -> list[Path]:
    given = {"run": known.run.path, "outdir": folder / "out", "amp": "off", "device": "cpu"}
    return export_chimerax(ChimeraxOptions(**{**given, **asked}))


@pytest.fixture(scope="module")
def scripts(known: KnownRun, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("scenes")
    return export(known, folder, labels=labels_of(known, folder / "mine.csv"))


@pytest.mark.parametrize("number", [0, 1])
def test_each_particles_own_volume_stands_where_scipy_puts_it(
    known: KnownRun, scripts: list[Path], number: int
) -> None:
    tomogram = known.truth["tomogram"].unique()[number]
    own = known.of(tomogram).set_index("particle")
    size = known.run.particle_set().tomograms.set_index("name").loc[tomogram, ["size_z", "size_y", "size_x"]]
    shape = tuple((size.to_numpy(float) / (2 * PIXEL_SIZE)).astype(int))
    models = scene_of(scripts[number])
    assert {model.name for model in models.values()} == set(own.index)
    for model in models.values():
        pose = own.loc[model.name]
        position, angles = (pose[names].to_numpy(float) for names in (["z", "y", "x"], ["rot", "tilt", "psi"]))
        found = placed(model, shape, 2 * PIXEL_SIZE)
        truth = put_by_scipy(volume(pose["label"]), position, angles, shape, 2 * PIXEL_SIZE)
        np.testing.assert_allclose(found, truth, atol=1e-3 * np.abs(truth).max())
        for wrong in (
            put_by_scipy(np.roll(volume(pose["label"])[::-1], 1, axis=0), position, angles, shape, 2 * PIXEL_SIZE),
            put_by_scipy(volume(pose["label"]), position, -angles[::-1], shape, 2 * PIXEL_SIZE),
            put_by_scipy(volume(pose["label"]), position + PIXEL_SIZE / 2, angles, shape, 2 * PIXEL_SIZE),
            put_by_scipy(volume((pose["label"] + 1) % 3), position, angles, shape, 2 * PIXEL_SIZE),
        ):
            assert correlation(found, wrong) < 0.95


def test_models_are_coloured_and_grouped_by_class(known: KnownRun, scripts: list[Path]) -> None:
    colours = class_colours(3)
    for script in scripts:
        labels = known.truth.set_index("particle")["label"]
        models = scene_of(script)
        for model in models.values():
            label = labels[model.name]
            assert model.settings["color"] == colours[label]
            assert model.group.startswith(f"class {label}: ")
            with mrcfile.open(model.path) as stream:
                assert float(model.settings["level"]) == pytest.approx(stream.data.mean() + 3 * stream.data.std())
        index = pd.read_csv(script.with_suffix(".csv"), dtype=str)
        assert [int(number) for number in index["model"]] == list(models)
        assert index["particle"].tolist() == [model.name for model in models.values()]
        assert [int(label) for label in index["label"]] == [labels[name] for name in index["particle"]]


def test_numbers_are_written_in_full(known: KnownRun, scripts: list[Path]) -> None:
    own = known.run.particle_set().particles.set_index("name")
    for model in scene_of(scripts[0]).values():
        np.testing.assert_array_equal(model.matrix[:, 3], own.loc[model.name, ["x", "y", "z"]].to_numpy(float))
    digits = [len(number.strip("-0.")) for number in re.findall(r"-?0\.\d+", scripts[0].read_text())]
    assert np.median(digits) >= 15


def test_without_classes_there_is_one_grey_group(known: KnownRun, tmp_path: Path) -> None:
    (script,) = export(known, tmp_path, tomogram="002", limit=1)
    (model,) = scene_of(script).values()
    assert model.group == "no class: 1"
    assert model.settings["color"] == "#767676"


def test_volumes_of_classes_are_written_once(known: KnownRun, tmp_path: Path) -> None:
    labels = labels_of(known, tmp_path / "mine.csv")
    (script,) = export(known, tmp_path, tomogram="001", labels=labels, class_centres=True)
    models = scene_of(script)
    assert len(models) == 5
    assert len({model.path for model in models.values()}) == len(list((tmp_path / "out" / "volumes").iterdir())) == 3
    truth = known.truth.set_index("particle")["label"]
    for model in models.values():
        assert correlation(mrcfile.read(model.path), volume(truth[model.name])) > 0.9999


def test_the_tomogram_is_opened_with_its_first_voxel_at_0(known: KnownRun, tmp_path: Path) -> None:
    file = known.star.parent / "tomograms" / "001.mrc"
    (script,) = export(known, tmp_path, tomogram="001", tomogram_file=file)
    tomogram, *models = scene_of(script).values()
    assert tomogram.path.resolve() == file.resolve()
    assert tomogram.settings == {"originIndex": "0,0,0", "voxelSize": "18.0"}
    assert len(models) == 5


def test_smaller_boxes_and_low_passed_volumes_stand_at_the_same_place(known: KnownRun, tmp_path: Path) -> None:
    (whole,) = export(known, tmp_path / "whole", tomogram="001", low_pass=60.0)
    (small,) = export(known, tmp_path / "small", tomogram="001", low_pass=60.0, box=16)
    for one, other in zip(scene_of(whole).values(), scene_of(small).values(), strict=True):
        with mrcfile.open(other.path) as stream:
            assert stream.data.shape == (16, 16, 16)
            assert stream.voxel_size.x == pytest.approx(2 * PIXEL_SIZE)
            assert stream.header.origin.x == pytest.approx(-BOX / 2 * PIXEL_SIZE)
        np.testing.assert_array_equal(one.matrix, other.matrix)
        values = mrcfile.read(one.path)[::2, ::2, ::2]
        assert correlation(values, mrcfile.read(other.path)) > 0.99


def test_names_of_tomograms_and_particles_may_be_odd(known: KnownRun, tmp_path: Path) -> None:
    run = Run.open(shutil.copytree(known.run.path, tmp_path / "run"))
    for path in run.path.glob("*.star"):
        path.write_text(path.read_text().replace("001.tomostar", "a(1)'s;b.tomostar").replace("001/0", "it's/0"))
    latents = run.latents()
    renamed = [(t.replace("001.tomostar", "a(1)'s;b.tomostar"), p.replace("001/0", "it's/0")) for t, p in latents.ids]
    type(latents)(tuple(renamed), latents.z_mean, latents.z_logvar, latents.split).save(
        run.path / "latents/epoch-0001.npz"
    )
    odd = KnownRun(run, known.truth, known.star)
    (script,) = export(odd, tmp_path, tomogram="a(1)'s;b")
    assert re.fullmatch(r"[\w.+-]+\.cxc", script.name)
    assert {model.name for model in scene_of(script).values()} == {f"it's/{number:06d}" for number in range(5)}


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a file of many": ({"tomogram_file": Path("x.mrc")}, ("x.mrc", "which tomogram")),
    "another tomogram": ({"tomogram": "003"}, ("--tomogram 003", "001.tomostar")),
    "too large a box": ({"box": 64}, ("--box 64",)),
    "no such selection": ({"selection": Path("no.json")}, ("no.json",)),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_not_be_done_is_one_sentence_and_leaves_nothing(known: KnownRun, tmp_path: Path, kind: str) -> None:
    asked, says = REFUSED[kind]
    with pytest.raises(InputError) as caught:
        export(known, tmp_path, **asked)
    assert [part for part in says if part not in str(caught.value)] == [], str(caught.value)
    assert not list(tmp_path.iterdir())


def test_output_is_replaced_only_where_it_is_such_output(known: KnownRun, tmp_path: Path) -> None:
    export(known, tmp_path, limit=1)
    with pytest.raises(InputError, match="exists already"):
        export(known, tmp_path, limit=1)
    export(known, tmp_path, limit=2, overwrite=True)
    assert len(list((tmp_path / "out" / "volumes").iterdir())) == 4
    (tmp_path / "out" / "mine").mkdir()
    with pytest.raises(InputError, match="holds mine"):
        export(known, tmp_path, limit=1, overwrite=True)


def test_of_a_decoder_alone_all_particles_have_its_one_volume(tmp_path: Path) -> None:
    star = simulate(SimulateOptions(outdir=tmp_path / "data", particles=4, tomograms=1, tilts=3, noise=False, box=16))
    options = {"latent_dim": 0, "epochs": 1, "decoder": "16x1", "device": "cpu", "amp": "off"}
    run = train(TrainOptions(particles=star, outdir=tmp_path / "run", **options))
    (script,) = export_chimerax(ChimeraxOptions(run=run.path, outdir=tmp_path / "out"))
    models = scene_of(script)
    assert len(models) == 4
    assert len({model.path for model in models.values()}) == 1
    assert len({model.matrix.tobytes() for model in models.values()}) == 4


def test_which_classes_are_meant_has_to_be_said_where_there_are_several(known: KnownRun, tmp_path: Path) -> None:
    run = Run.open(shutil.copytree(known.run.path, tmp_path / "run"))
    folder = AnalysisFolder(run.path, 1)
    folder.path.mkdir(parents=True)
    for name in ("kmeans-2", "kmeans-3"):
        labels_of(known, folder.labels(name))
    own = KnownRun(run, known.truth, known.star)
    with pytest.raises(InputError, match=r"which classes\? Give --labels FILE.csv, or one of kmeans-2, kmeans-3"):
        export(own, tmp_path)
    (script,) = export(own, tmp_path, tomogram="001", labels=Path("kmeans-3"))
    assert {model.group for model in scene_of(script).values()} == {"class 0: 2", "class 1: 2", "class 2: 1"}


def test_particles_of_an_imported_run_are_placed_by_a_volume_series(shared_data: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    places = generator.uniform(200, 2000, (72, 3))
    series = pd.DataFrame(places / 10, columns=["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"])
    series[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]] = generator.uniform(10, 170, (72, 3))
    series = series.assign(
        rlnMicrographName="001.tomostar",
        rlnDetectorPixelSize=10.0,
        rlnGroupName=[f"001_{row:06d}" for row in range(72)],
    ).sample(frac=1, random_state=0)
    starfile.write(series, tmp_path / "series.star")
    given = {
        "folder": shared_data / "tomodrgn_run",
        "outdir": tmp_path / "run",
        "volume_series": tmp_path / "series.star",
    }
    run = import_tomodrgn(ImportOptions(**given))
    options = {"run": run.path, "outdir": tmp_path / "out", "limit": 5, "device": "cpu", "amp": "off"}
    (script,) = export_chimerax(ChimeraxOptions(**options))
    decoder = load_model(run).model.decoder
    latents = dict(zip(run.latents().ids, run.latents().z_mean, strict=True))
    for model in scene_of(script).values():
        np.testing.assert_allclose(model.matrix[:, 3], places[int(model.name)], atol=1e-3)
        latent = latents["001", model.name]
        (own,) = decode_volumes(decoder, latent[None], standard_deviation=run.standard_deviation)
        np.testing.assert_array_equal(mrcfile.read(model.path), own)
