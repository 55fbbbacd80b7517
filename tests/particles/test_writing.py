"""Read, select, write, read: equal by id, untouched text byte for byte, image paths that still lead somewhere."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile
from star_builders import write_nextpyp, write_relion5, write_volume_series, write_warp

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.reading_back import read_back
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.particles.star import StarFile
from napari_tomodrgn.particles.writing import write_particles

NAME = "warptools_test_4-tomos_10-ptcls_box-32_angpix-12"
Opener = Callable[[Path, Path], ParticleSet]


def copied(source: Path, folder: Path) -> Path:
    """Copy a real data set to where there may be written beside it."""
    for path in source.rglob("*"):
        if path.is_file():
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return folder


def open_warptools(folder: Path, shared: Path) -> ParticleSet:
    return read_particles(copied(shared / "warptools_insitu", folder) / f"{NAME}_optimisation_set.star")


def open_class_e(folder: Path, shared: Path) -> ParticleSet:
    return read_particles(copied(shared / "cryosrpnt_classE", folder) / "10076_classE_32_sim.star")


def open_warp(folder: Path, _shared: Path) -> ParticleSet:
    return read_particles(write_warp(folder))


def open_warp_with_volumes(folder: Path, _shared: Path) -> ParticleSet:
    volumes = write_volume_series(folder, [("001", 1), ("1e5", 3), ("1e5", 2), ("001", 0), ("other", 1)])
    return read_particles(write_warp(folder), volume_series=volumes)


def open_warp_with_m_volumes(folder: Path, _shared: Path) -> ParticleSet:
    volumes = write_volume_series(folder, [("1e5", 2), ("001", 0), ("001", 1), ("1e5", 3)], kind="wrp")
    return read_particles(write_warp(folder), volume_series=volumes, volume_series_by_order=True)


def open_nextpyp(folder: Path, _shared: Path) -> ParticleSet:
    return read_particles(write_nextpyp(folder))


def open_relion5(folder: Path, _shared: Path) -> ParticleSet:
    return read_particles(write_relion5(folder))


def open_relion5_blocks(folder: Path, _shared: Path) -> ParticleSet:
    eye = {
        f"rlnTomoProj{axis}": [str([*row, 0]).replace(" ", "")] * 5
        for axis, row in zip("XYZ", np.eye(3).tolist(), strict=True)
    }
    return read_particles(write_relion5(folder, own_layout=False, tilt_rows=eye))


OPENERS = [
    open_warptools,
    open_class_e,
    open_warp,
    open_warp_with_volumes,
    open_warp_with_m_volumes,
    open_nextpyp,
    open_relion5,
    open_relion5_blocks,
]


def assert_equal_sets(one: ParticleSet, other: ParticleSet) -> None:
    by_source = ["source_particle"]
    pd.testing.assert_frame_equal(one.particles.drop(columns=by_source), other.particles.drop(columns=by_source))
    files = [np.array([str(Path(stack).resolve()) for stack in each.stacks]) for each in (one, other)]
    stacks = [names[each.tilt_images["stack"]] for names, each in zip(files, (one, other), strict=True)]
    np.testing.assert_array_equal(*stacks)
    pd.testing.assert_frame_equal(one.tilt_images.drop(columns="stack"), other.tilt_images.drop(columns="stack"))
    np.testing.assert_array_equal(one.rotations, other.rotations)
    assert (one.dialect, one.box, one.pixel_size) == (other.dialect, other.box, other.pixel_size)
    assert one.forward_model == other.forward_model


@pytest.fixture(params=OPENERS, ids=lambda opener: opener.__name__.removeprefix("open_"))
def particle_set(request: pytest.FixtureRequest, tmp_path: Path, shared_data: Path) -> ParticleSet:
    opened: ParticleSet = request.param(tmp_path / "source", shared_data)
    return opened


@pytest.fixture(autouse=True)
def source_folder(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()


def test_read_write_read_is_equal(particle_set: ParticleSet, tmp_path: Path) -> None:
    written = write_particles(particle_set, tmp_path / "elsewhere" / "all.star")
    assert_equal_sets(particle_set, read_particles(written[0]))


def test_a_selection_keeps_the_particles_asked_for(particle_set: ParticleSet, tmp_path: Path) -> None:
    part = particle_set.take([0, 2])
    written = write_particles(part, tmp_path / "elsewhere" / "particles.star")
    again = read_particles(written[0])
    assert again.ids == part.ids
    assert_equal_sets(part, again)
    ImageStacks(again).read([0, len(again.tilt_images) - 1])


def test_untouched_text_is_kept_byte_for_byte(particle_set: ParticleSet) -> None:
    """Beside the source nothing has to be changed, not even image paths."""
    source = particle_set.source
    whole = write_particles(particle_set, source.path.with_name("whole.star"))[0]
    assert whole.read_bytes() == source.path.read_bytes()
    if source.tomograms_path is not None:
        tomograms = whole.with_name("whole_tomograms.star").read_bytes()
        own_copies = tomograms.replace(b"whole_tilt_series/", b"tilt_series/")
        assert own_copies == source.tomograms_path.read_bytes()


def test_a_selection_is_its_source_without_the_other_rows(particle_set: ParticleSet) -> None:
    source = particle_set.source
    part = write_particles(particle_set.take([1]), source.path.with_name("part.star"))[0]
    lines = source.path.read_bytes().splitlines(keepends=True)
    rows = [number for number, line in enumerate(lines) if b".mrcs" in line]
    left_out = {number for number, particle in zip(rows, source.row_particle, strict=True) if particle != 1}
    assert 0 < len(left_out) < len(rows)
    assert part.read_bytes() == b"".join(line for number, line in enumerate(lines) if number not in left_out)


def test_real_files_are_written_with_only_the_image_paths_changed(shared_data: Path, tmp_path: Path) -> None:
    particles = read_particles(shared_data / "warptools_insitu" / f"{NAME}_optimisation_set.star")
    star, tomograms, optimisation_set = write_particles(particles, tmp_path / "out" / f"{NAME}.star")
    folder = shared_data / "warptools_insitu"
    assert tomograms.read_bytes() == (folder / f"{NAME}_tomograms.star").read_bytes()
    assert optimisation_set.read_bytes() == (folder / f"{NAME}_optimisation_set.star").read_bytes()
    changed = [
        (old, new)
        for old, new in zip(
            (folder / f"{NAME}.star").read_text().splitlines(), star.read_text().splitlines(), strict=True
        )
        if old != new
    ]
    assert len(changed) == 40
    for old, new in changed:
        differing = [(a, b) for a, b in zip(old.split(), new.split(), strict=True) if a != b]
        assert len(differing) == 1
        assert differing[0][1].endswith(differing[0][0])


OPTICS = {"rlnOpticsGroup", "rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnImagePixelSize"}
IMAGE_SERIES = {
    *("rlnImageName", "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnPhaseShift"),
    *("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnCtfBfactor", "rlnCtfScalefactor"),
}
WARP = IMAGE_SERIES | {
    *("rlnDetectorPixelSize", "rlnGroupName"),
    *("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"),
}
TOMO_SET = {
    "general": {"rlnTomoSubTomosAre2DStacks"},
    "optics": OPTICS | {"rlnCtfDataAreCtfPremultiplied", "rlnImageSize", "rlnTomoSubtomogramBinning"},
    "particles": {
        *("rlnTomoName", "rlnImageName", "rlnTomoVisibleFrames", "rlnOpticsGroup"),
        *("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst"),
    },
}
READ_BY_OTHERS: dict[str, dict[str, set[str]]] = {  # by what Warp, RELION and nextPYP call their columns
    "warp": {"": WARP | {"rlnMagnification", "rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY"}},
    "cryosrpnt": {"": WARP | {"rlnOriginX", "rlnOriginY"}},
    "nextpyp": {
        "optics": OPTICS | {"rlnImageSize"},
        "particles": IMAGE_SERIES | {"rlnMicrographName", "rlnOriginXAngst", "rlnOriginYAngst", "rlnGroupNumber"},
    },
    "warptools": TOMO_SET,
    "relion5": TOMO_SET,
}
TOMOGRAMS = {"rlnTomoName", "rlnTomoSizeX", "rlnTomoSizeY", "rlnTomoSizeZ", "rlnTomoTiltSeriesPixelSize", "rlnTomoHand"}


def test_other_programs_find_the_columns_they_need(particle_set: ParticleSet, tmp_path: Path) -> None:
    written = write_particles(particle_set.take([0]), tmp_path / "out" / "part.star")
    blocks = starfile.read(written[0], always_dict=True)
    for name, columns in READ_BY_OTHERS[particle_set.dialect].items():
        assert columns <= set(blocks[name]), columns - set(blocks[name])
    if "general" in blocks:
        assert set(starfile.read(written[1], always_dict=True)["global"]) >= TOMOGRAMS
        pointers = starfile.read(written[-1], always_dict=True)[""]
        assert set(pointers) == {"rlnTomoParticlesFile", "rlnTomoTomogramsFile"}
        assert all((written[-1].parent / str(file)).is_file() for file in pointers.values())


def test_a_selection_keeps_every_block_and_column(particle_set: ParticleSet, tmp_path: Path) -> None:
    written = write_particles(particle_set.take([0]), tmp_path / "out" / "part.star")
    source = particle_set.source
    before = starfile.read(source.path, always_dict=True, parse_as_string=["rlnGroupName"])
    after = starfile.read(written[0], always_dict=True, parse_as_string=["rlnGroupName"])
    assert list(before) == list(after)
    for name, table in before.items():
        if isinstance(table, pd.DataFrame):
            assert list(table.columns) == list(after[name].columns)
    rows = int((source.row_particle == 0).sum())
    assert len(after[source.particles_block]) == rows


def test_classes_are_counted_from_one(particle_set: ParticleSet, tmp_path: Path) -> None:
    labels = {particle: 2 * number for number, particle in enumerate(particle_set.ids)}
    part = particle_set.take([0, 2])
    star = write_particles(part, tmp_path / "out" / "classes.star", labels=labels)[0]
    again = read_particles(star)
    source = again.source
    numbers = source.star.block(source.particles_block).strings("rlnClassNumber")
    assert numbers.tolist() == [{0: "1", 1: "5"}[row] for row in source.row_particle.tolist()]
    relabelled = write_particles(again, tmp_path / "out" / "again.star", labels=dict.fromkeys(labels, 6))[0]
    text = read_particles(relabelled).source.star.block(source.particles_block)
    assert text.columns.count("rlnClassNumber") == 1
    assert set(text.strings("rlnClassNumber")) == {"7"}


def test_a_particle_without_a_class_is_refused(tmp_path: Path, shared_data: Path) -> None:
    particles = open_warp(tmp_path / "source", shared_data)
    with pytest.raises(InputError, match="particle 000001 of tomogram 001 has no class label"):
        write_particles(particles, tmp_path / "out.star", labels={particles.ids[0]: 0})
    assert not (tmp_path / "out.star").exists()


def test_one_file_per_tomogram(particle_set: ParticleSet, tmp_path: Path) -> None:
    written = write_particles(particle_set, tmp_path / "out" / "x.star", per_tomogram=True)
    tomograms = list(dict.fromkeys(particle_set.particles["tomogram"]))
    stars = [path for path in written if is_particles_star(path)]
    assert len(stars) == len(tomograms)
    for tomogram, star in zip(tomograms, stars, strict=True):
        again = read_particles(star, volume_series_by_order=False)
        assert again.ids == [particle for particle in particle_set.ids if particle[0] == tomogram]


def is_particles_star(path: Path) -> bool:
    partners = ("_tomograms", "_optimisation_set", "_volume_series")
    return not path.stem.endswith(partners) and not path.parent.name.endswith("_tilt_series")


def test_nothing_is_overwritten_unasked(particle_set: ParticleSet, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    written = write_particles(particle_set, folder / "x.star")
    written[0].unlink()
    before = {path: path.read_bytes() for path in written[1:]}
    if before:
        with pytest.raises(InputError, match="exists already"):
            write_particles(particle_set.take([0]), folder / "x.star")
        assert not written[0].exists()
    assert {path: path.read_bytes() for path in written[1:]} == before
    write_particles(particle_set.take([0]), folder / "x.star", overwrite=True)
    assert len(read_particles(written[0])) == 1


def test_paths_stay_as_written_where_they_still_lead_to_the_stack(tmp_path: Path, shared_data: Path) -> None:
    particles = open_warp(tmp_path / "source", shared_data)
    beside = write_particles(particles, tmp_path / "source" / "sub" / "x.star")[0]
    assert "000001@stacks/warp.mrcs" in beside.read_text()
    far = write_particles(particles, tmp_path / "a" / "b" / "c" / "x.star")[0]
    assert "000001@../../../source/stacks/warp.mrcs" in far.read_text()


def test_stacks_found_by_datadir_are_found_again(tmp_path: Path, shared_data: Path) -> None:
    star = shared_data / "tomodrgn_run" / "10076_classE_32_sim_tomodrgn_preprocessed.star"
    particles = read_particles(star, datadir=shared_data / "cryosrpnt_classE")
    again = read_particles(write_particles(particles, tmp_path / "x.star")[0])
    assert_equal_sets(particles, again)
    assert "tomodrgnTotalDose" in again.source.star.blocks[0]


def test_the_volume_series_is_written_with_the_same_particles(tmp_path: Path, shared_data: Path) -> None:
    particles = open_warp_with_volumes(tmp_path / "source", shared_data)
    written = write_particles(particles.take([0, 3]), tmp_path / "out" / "particles.star")
    assert [path.name for path in written] == ["particles.star", "volume_series.star"]
    table = starfile.read(written[1])
    assert table["rlnImageName"].tolist() == [
        "../subtomo/1e5/1e5_0000003_10.00A.mrc",
        "../subtomo/001/001_0000000_10.00A.mrc",
    ]


def test_tilt_series_stars_travel_with_a_relion5_set(tmp_path: Path, shared_data: Path) -> None:
    particles = open_relion5(tmp_path / "source", shared_data)
    written = write_particles(particles, tmp_path / "run" / "particles.star")
    assert [str(path.relative_to(tmp_path / "run")) for path in written] == [
        "particles.star",
        "tomograms.star",
        "tilt_series/01.star",
        "optimisation_set.star",
    ]
    original = tmp_path / "source" / "tilt_series" / "01.star"
    assert written[2].read_bytes() == original.read_bytes()
    original.unlink()
    assert_equal_sets(particles, read_particles(written[3]))


def test_further_files_of_a_set_are_carried_through(tmp_path: Path) -> None:
    path = write_relion5(tmp_path / "source")
    (tmp_path / "source" / "motion.star").write_text("data_\n\n_a 1\n")
    path.write_text(path.read_text() + "_rlnTomoTrajectoriesFile   motion.star\n")
    written = write_particles(read_particles(path), tmp_path / "out" / "x.star")
    assert "_rlnTomoTrajectoriesFile   ../source/motion.star\n" in written[-1].read_text()


def test_the_name_of_the_set_may_be_given_instead(tmp_path: Path, shared_data: Path) -> None:
    particles = open_relion5_blocks(tmp_path / "source", shared_data)
    written = write_particles(particles, tmp_path / "x_optimisation_set.star")
    assert [path.name for path in written] == ["x.star", "x_tomograms.star", "x_optimisation_set.star"]


@pytest.mark.parametrize("per_tomogram", [False, True])
def test_what_was_written_is_read_back(particle_set: ParticleSet, tmp_path: Path, per_tomogram: bool) -> None:
    part = particle_set.take(np.arange(len(particle_set)) != 1)
    labels = dict.fromkeys(part.ids, 4)
    write_particles(part, tmp_path / "out" / "part.star", labels=labels, per_tomogram=per_tomogram)

    found = read_back(part, tmp_path / "out" / "part.star", per_tomogram=per_tomogram)

    assert found.troubles == ()
    assert found.particles == len(part)
    assert {found.first, found.last} <= set(part.ids)
    assert len(found.stars) == (part.particles["tomogram"].nunique() if per_tomogram else 1)
    assert f"{len(part)} particles as selected" in found.sentence()


def test_what_was_written_and_changed_is_told_apart(tmp_path: Path) -> None:
    particle_set = read_particles(write_warp(tmp_path / "source"))
    (star,) = write_particles(particle_set, tmp_path / "all.star")
    whole = star.read_text()
    rows = [line for line in whole.splitlines() if "@" in line]

    def told(text: str) -> str:
        star.write_text(text)
        return read_back(particle_set, star).sentence()

    last = rows[-1].split()
    column = StarFile.read(star).blocks[0].columns.index("rlnDefocusU")
    last[column] = str(float(last[column]) + 100)
    assert "its last row is not that of the selection" in told(whole.replace(rows[-1], " ".join(last)))
    assert "rows where" in told(whole.replace(rows[0] + "\n", ""))
    one = particle_set.ids[0]
    group = f"{one[0]}_{one[1]}"
    assert told(whole.replace(group, f"{group}9")).endswith("write it again")
    fewer = write_particles(particle_set.take([0, 1]), star, overwrite=True)
    assert f"holds 2 particles where {len(particle_set)} were selected" in read_back(particle_set, fewer[0]).sentence()
    assert "as selected" in told(whole)
