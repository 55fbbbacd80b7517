"""``fsc`` as it is called: folders of reconstructions and loose maps on one axis."""

import gzip
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.figures.map_curves import curves_figure
from napari_tomodrgn.particles.maps import read_map, write_map
from napari_tomodrgn.reconstruction.map_curves import FscOptions, map_curves

from .conftest import Cli, check, listing


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``reconstruct --backproject`` writes it, and a loose map of larger voxels."""
    folder = tmp_path_factory.mktemp("maps")
    generator = np.random.default_rng(2)
    for name, box, pixel_size in (("fine", 32, 4.0), ("coarse", 24, 6.0)):
        z, y, x = (np.indices((box,) * 3) - box // 2) * pixel_size
        blob = np.exp(-((x - 8) ** 2 + y**2 + (z + 6) ** 2) / (2 * 12.0**2))
        for file in ("backprojection.mrc", "half_1.mrc", "half_2.mrc"):
            write_map(folder / name / file, blob + 0.05 * generator.standard_normal(blob.shape), pixel_size)
    return folder


def test_what_is_printed_is_what_is_written(cli: Cli, maps: Path, tmp_path: Path) -> None:
    loose = maps / "coarse" / "backprojection.mrc"
    out = tmp_path / "out"

    outcome = cli(
        "fsc", maps / "fine", maps / "coarse", "--reference", loose, "--mask", "none", "--outdir", out, "--json"
    )

    assert outcome.code == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    assert printed == json.loads((out / "fsc.json").read_text())
    told = [(each["name"], each["against"], each["nyquist_angstrom"]) for each in printed["curves"]]
    assert told == [
        *(("fine", "half-maps", 8), ("fine", "reference", 8)),
        *(("coarse", "half-maps", 12), ("coarse", "reference", 12)),
    ]
    assert set(listing(out)) == {"fsc.csv", "fsc.json", "curves.png", "curves.svg"}
    table = pd.read_csv(out / "fsc.csv")
    own = table[(table["name"] == "coarse") & (table["against"] == "reference")]
    np.testing.assert_allclose(own["fsc"][1:], 1, atol=1e-4)  # the reference itself
    assert own["frequency_per_angstrom"].iloc[-1] == pytest.approx(1 / 12, rel=1e-4)
    text = " ".join("".join(each.itertext()) for each in ElementTree.parse(out / "curves.svg").findall(".//{*}text"))
    assert "spatial frequency (1/Å)" in text


def test_all_curves_stand_on_one_axis_with_the_nyquist_of_each(maps: Path) -> None:
    options = FscOptions(maps=(maps / "fine", maps / "coarse"), mask="none")

    figure = curves_figure(options, map_curves(options))

    (axes,) = figure.axes
    lines = {line.get_label().split(",")[0]: line for line in axes.lines if not line.get_label().startswith("_")}
    marks = {line.get_color(): line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "-."}
    for name, nyquist in (("fine", 1 / 8), ("coarse", 1 / 12)):
        assert marks[lines[name].get_color()] == pytest.approx(nyquist)
        assert lines[name].get_xdata()[-1] == pytest.approx(nyquist)


def test_nothing_is_replaced_unasked(cli: Cli, maps: Path, tmp_path: Path) -> None:
    call = ("fsc", maps / "fine", "--mask", "none", "--no-figures", "--outdir", tmp_path / "out")
    assert cli(*call).code == 0

    check(cli(*call), 2, ("out", "exists already"))
    assert cli(*call, "--overwrite").code == 0


def test_a_folder_without_a_map_is_refused(cli: Cli, tmp_path: Path) -> None:
    check(cli("fsc", tmp_path), 2, ("has no backprojection.mrc",))


@pytest.mark.parametrize("name", ["ribosome.pdb", "ribosome.ent", "ribosome.cif", "RIBOSOME.PDB.GZ", "short.cif.gz"])
@pytest.mark.parametrize("option", ["MAPS", "--half", "--reference", "--mask"])
def test_an_atomic_model_in_place_of_a_map_is_told_where_it_belongs(
    cli: Cli, maps: Path, tmp_path: Path, option: str, name: str
) -> None:
    loose, model = maps / "coarse" / "backprojection.mrc", tmp_path / name
    atoms = b"ATOM      1  CA  ALA A   1       0.000   0.000   0.000  1.00  0.00           C\n"
    atoms *= 1 if "short" in name else 200
    model.write_bytes(gzip.compress(atoms, mtime=0) if name.lower().endswith(".gz") else atoms)
    given = {"MAPS": (model, "--reference", loose), "--half": (loose, option, model)}
    given |= {"--reference": (loose, option, model), "--mask": (loose, "--reference", loose, option, model)}

    outcome = cli("fsc", *given[option], "--outdir", tmp_path / "out")

    assert outcome.code == 2
    (line,) = outcome.stderr.splitlines()
    assert f"{model}: is an atomic model, where a map (.mrc) is needed" in line
    assert not (tmp_path / "out").exists()


def test_the_commands_named_there_take_models(cli: Cli, maps: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pdb").touch()

    told = cli("fsc", maps / "fine", "--reference", tmp_path / "model.pdb").stderr

    fit, *others, program = re.findall(r"`(\w+)`", told)
    assert (fit, program, len(others)) == ("fit", "molmap", 4)
    assert "MODEL" in cli("fit", "--help").stdout
    assert all("--model PATH" in cli(command, "--help").stdout for command in others)


@pytest.fixture(scope="module")
def two_folders(maps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reconstructions of two states, whose files have the same names, in folders whose names come twice too."""
    folder = tmp_path_factory.mktemp("states")
    for number, name in enumerate(("one/map", "two/map")):
        for file in ("backprojection.mrc", "half_1.mrc", "half_2.mrc"):
            own = read_map(maps / "fine" / file)
            write_map(folder / name / file, own.values + number * np.roll(own.values, 9, axis=0), own.pixel_size)
    return folder


def test_maps_of_one_file_name_are_told_apart(cli: Cli, maps: Path, two_folders: Path, tmp_path: Path) -> None:
    given = [two_folders / name / "map" / "backprojection.mrc" for name in ("one", "two")]
    reference, out = maps / "fine" / "backprojection.mrc", tmp_path / "out"

    printed = cli("fsc", *given, "--reference", reference, "--mask", "none", "--outdir", out).stdout

    names = ["one/map/backprojection", "two/map/backprojection"]
    first, second, *_ = printed.splitlines()
    assert first.startswith(f"{names[0]}, reference ")
    assert second.startswith(f"{names[1]}, reference ")
    curves = pd.read_csv(out / "fsc.csv").pivot(index="shell", columns="name", values="fsc")
    assert sorted(curves) == names
    np.testing.assert_allclose(curves[names[0]], 1, atol=1e-4)  # the reference itself
    assert curves[names[1]].min() < 0.9
    options = FscOptions(maps=tuple(given), reference=reference, mask="none")
    labelled = [line for line in curves_figure(options, map_curves(options)).axes[0].lines if "/" in line.get_label()]
    assert [line.get_label().split(",")[0] for line in labelled] == names
    assert labelled[0].get_color() != labelled[1].get_color()


def test_no_more_of_a_path_than_tells_maps_apart(maps: Path, two_folders: Path) -> None:
    def names(*given: Path) -> list[str]:
        return [each.name for each in map_curves(FscOptions(maps=given, reference=maps / "fine" / "half_1.mrc"))]

    one, two = (two_folders / name / "map" for name in ("one", "two"))
    assert names(one / "half_1.mrc", one / "backprojection.mrc") == ["half_1", "backprojection"]
    assert names(maps / "fine" / "half_1.mrc", one / "half_1.mrc") == ["fine/half_1", "map/half_1"]
    assert list(dict.fromkeys(names(one, two))) == ["one/map", "two/map"]
    assert names(one / "half_1.mrc", one / "half_1.mrc") == ["half_1 (1)", "half_1 (2)"]


def test_one_name_for_two_maps_is_refused(cli: Cli, maps: Path) -> None:
    outcome = cli("fsc", maps / "fine", maps / "coarse", "--name", "A", "--name", "A")

    check(outcome, 2, ("--name", "two maps are called A"))


def test_where_no_mask_fits_there_is_none_and_it_is_said(cli: Cli, maps: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    outcome = cli("fsc", maps / "coarse", "--outdir", out)

    assert outcome.code == 0
    (line,) = outcome.stderr.splitlines()
    assert "coarse, half-maps: is compared without a mask: the mask" in line
    assert "touches the 24 px box" in line
    assert ", no mask; " in outcome.stdout
    (found,) = json.loads((out / "fsc.json").read_text())["curves"]
    assert found["masked"] is False
    assert found["why_unmasked"] in line
    plain = json.loads(cli("fsc", maps / "coarse", "--mask", "none", "--json").stdout)["curves"][0]
    assert found["resolution_angstrom"] == plain["resolution_angstrom"]
    assert plain["why_unmasked"] is None
    text = "".join(ElementTree.parse(out / "curves.svg").getroot().itertext())
    assert "No mask: that of auto does not fit the box" in text


def test_a_mask_of_widths_that_were_asked_for_is_not_left_out(cli: Cli, maps: Path) -> None:
    check(cli("fsc", maps / "coarse", "--mask-edge", 10), 2, ("touches the 24 px box", "--mask none"))


def test_two_half_maps_are_held_against_each_other(cli: Cli, maps: Path) -> None:
    halves = [maps / "fine" / f"half_{number}.mrc" for number in (2, 1)]

    by_file = json.loads(cli("fsc", *halves, "--mask", "none", "--json").stdout)["curves"]

    by_folder = json.loads(cli("fsc", maps / "fine", "--mask", "none", "--json").stdout)["curves"]
    assert [each["resolution_angstrom"] for each in by_file] == [each["resolution_angstrom"] for each in by_folder]
    assert [each["name"] for each in by_file] == ["half_1"]


def test_a_map_whose_half_maps_lie_beside_it_is_told_what_to_give(cli: Cli, maps: Path) -> None:
    folder = maps / "fine"
    check(cli("fsc", folder / "half_2.mrc"), 2, ("half_2.mrc", "give half_1.mrc beside it too"))
    check(cli("fsc", folder / "backprojection.mrc"), 2, (f"give its folder {folder}",))
