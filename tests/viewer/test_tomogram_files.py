"""Files matched to tomograms by name, as the field's programs write those."""

import json
from pathlib import Path

import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.star import StarFile
from napari_tomodrgn.particles.tilt_series import global_block
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.viewer.tomogram_files import TomogramFiles

NAMES = ["TS_01.tomostar", "TS_02.tomostar", "TS_01_2.tomostar", "001"]


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


@pytest.mark.parametrize(
    ("file", "tomogram", "version"),
    [
        ("TS_01_10.00Apx.mrc", "TS_01.tomostar", "raw"),
        ("TS_01.mrc_13.48Apx.mrc", "TS_01.tomostar", "raw"),
        ("TS_01.rec", "TS_01.tomostar", "raw"),
        ("rec_TS_02_bin4.mrc", "TS_02.tomostar", "raw"),
        ("TS_01_2_10.00Apx.mrc", "TS_01_2.tomostar", "raw"),
        ("TS_01_10.00Apx_denoised.mrc", "TS_01.tomostar", "denoised"),
        ("TS_01_IsoNet_corrected.mrc", "TS_01.tomostar", "denoised"),
        ("deconv/TS_01_10.00Apx.mrc", "TS_01.tomostar", "denoised"),
        ("TS_01_10.00Apx_EVN.mrc", "TS_01.tomostar", "even"),
        ("TS_02_membranes_seg.mrc", "TS_02.tomostar", "segmentation"),
        ("tomo_001.map", "001", "raw"),
        ("001.zarr", "001", "raw"),
    ],
)
def test_the_longest_name_wins_and_words_beside_it_say_the_version(
    tmp_path: Path, file: str, tomogram: str, version: str
) -> None:
    assert TomogramFiles(NAMES).match(tmp_path / file) == (tomogram, version)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("TS_10_10.00Apx.mrc", "of no tomogram"),
        ("1.mrc", "of no tomogram"),
        ("0001.mrc", "of no tomogram"),
        ("TS_02_3.mrc", "TS_02 beside another number"),
        ("20240101_001.mrc", "001 beside another number"),
        ("TS_01_vs_TS_02.mrc", "those of TS_01.tomostar and TS_02.tomostar"),
    ],
)
def test_what_is_not_sure_is_left_to_a_person(tmp_path: Path, file: str, why: str) -> None:
    (path,) = touch(tmp_path, file)
    files = TomogramFiles(NAMES)
    assert files.add([path]) == 0
    assert why in files.unassigned[path]
    assert not files.files


def test_two_tomograms_of_one_label_are_not_told_apart(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "TS_01.mrc")
    files = TomogramFiles(["TS_01.tomostar", "TS_01_10.00Apx"])
    files.add([path])
    assert "TS_01.tomostar and TS_01_10.00Apx" in files.unassigned[path]


def test_a_folder_gives_each_tomogram_its_versions(tmp_path: Path) -> None:
    raw, binned, denoised, _ = touch(
        tmp_path, "TS_01_10.00Apx.mrc", "TS_01_bin8.mrc", "deconv/TS_01_10.00Apx.mrc", "notes.txt"
    )
    files = TomogramFiles(NAMES)
    assert files.add([tmp_path]) == 3
    assert files.versions("TS_01.tomostar") == {"raw": raw, "raw (bin8)": binned, "denoised": denoised}
    assert files.add([tmp_path]) == 0


def test_the_mapping_can_be_changed(tmp_path: Path) -> None:
    first, other = touch(tmp_path, "TS_01.mrc", "strange.mrc")
    files = TomogramFiles(NAMES)
    files.add([tmp_path])
    files.assign(other, "TS_01.tomostar", "raw")
    assert files.versions("TS_01.tomostar") == {"raw": other}
    assert list(files.unassigned) == [first]
    files.unassign(other)
    assert set(files.unassigned) == {first, other}
    with pytest.raises(InputError, match="no tomogram of the data set"):
        files.assign(first, "TS_99")


def test_the_mapping_is_kept_through_json(tmp_path: Path) -> None:
    touch(tmp_path, "TS_01.mrc", "TS_02_seg.mrc", "strange.mrc")
    files = TomogramFiles(NAMES)
    files.add([tmp_path])
    files.set_pixel_size("raw", None, 13.5)
    files.set_pixel_size("raw", 1.0, 10.0)
    document = json.loads(json.dumps(files.as_dict()))
    again = TomogramFiles.from_dict(NAMES, document)
    assert (again.files, again.unassigned) == (files.files, files.unassigned)
    assert again.pixel_sizes == {"raw": {"none": 13.5, "1": 10.0}}
    fewer = TomogramFiles.from_dict(["TS_01.tomostar"], document)
    assert list(fewer.files) == ["TS_01.tomostar"]
    assert len(fewer.unassigned) == 2


def test_a_mapping_of_another_form_is_refused() -> None:
    with pytest.raises(InputError, match="add the tomograms' folder again"):
        TomogramFiles.from_dict(NAMES, {"files": []})


def test_missing_files_are_said_in_a_sentence_and_found_again(tmp_path: Path) -> None:
    path, _ = touch(tmp_path / "here", "TS_01.mrc", "TS_02.mrc")
    files = TomogramFiles(NAMES)
    files.add([tmp_path / "here"])
    assert files.missing() is None
    (tmp_path / "there").mkdir()
    path.rename(tmp_path / "there" / path.name)
    said = files.missing()
    assert said is not None
    assert said.startswith(f"{path}: is not there of 2 tomogram files")
    assert files.relocate([tmp_path / "there"]) == 1
    assert files.missing() is None
    with pytest.raises(InputError, match="is not there; give the folder"):
        files.add([tmp_path / "nowhere"])


def test_files_that_the_tomograms_star_names_need_no_folder(tmp_path: Path) -> None:
    star = simulate(SimulateOptions(outdir=tmp_path, particles=8, box=16, pixel_size=20.0, tilts=3, dialect="relion5"))
    raw, denoised = touch(tmp_path, "Reconstruct/rec_one.mrc", "denoised/rec_two.mrc")
    tomograms = StarFile.read(star.with_name("tomograms.star"))
    block = global_block(tomograms)
    edited = block.with_column("rlnTomoReconstructedTomogram", ["Reconstruct/rec_one.mrc", "lost.mrc"])
    edited = edited.with_column("rlnTomoReconstructedTomogramDenoised", ["lost.mrc", "denoised/rec_two.mrc"])
    tomograms.with_block(block, edited).write(tomograms.path, overwrite=True)

    particle_set = read_particles(star)
    first, second = particle_set.tomograms["name"]
    files = TomogramFiles([first, second])
    assert files.add_named(particle_set) == 2
    assert files.files == {first: {"raw": raw}, second: {"denoised": denoised}}
    assert files.add_named(particle_set) == 0
