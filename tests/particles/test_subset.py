"""Subsets of tilt images and the options that every command shares."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from star_builders import write_relion5, write_warp

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.subset import first_tilts, order_tilts


def test_first_tilts_in_file_order_lose_no_particle(tmp_path: Path) -> None:
    particles = read_particles(write_relion5(tmp_path))
    assert first_tilts(particles, 4).tilts_per_particle.tolist() == [4, 4, 3]
    few = first_tilts(particles, 1)
    assert few.tilts_per_particle.tolist() == [1, 1, 1]
    assert few.tilt_images["dose"].tolist() == [12, 12, 6]


def test_first_tilts_by_dose(tmp_path: Path) -> None:
    particles = read_particles(write_relion5(tmp_path))
    few = first_tilts(particles, 2, "dose")
    assert few.tilt_images["dose"].tolist() == [6, 3, 0, 3, 0, 3]
    assert few.rotations.shape == (6, 3, 3)


def test_tilts_ordered_by_dose_keep_their_own_rows(tmp_path: Path) -> None:
    particles = read_particles(write_relion5(tmp_path))
    ordered = order_tilts(particles, "dose")
    assert ordered.tilt_images["dose"].tolist() == [3, 6, 9, 12, 0, 3, 6, 9, 12, 0, 3, 6]
    key = ["particle", "index"]
    lookup = {tuple(pair): row for row, pair in enumerate(particles.tilt_images[key].to_numpy().tolist())}
    source = [lookup[tuple(pair)] for pair in ordered.tilt_images[key].to_numpy().tolist()]
    np.testing.assert_array_equal(ordered.rotations, particles.rotations[source])


def test_no_tilts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--first-tilts 0"):
        first_tilts(read_particles(write_warp(tmp_path)), 0)


def test_options_are_all_applied(tmp_path: Path) -> None:
    path = write_relion5(tmp_path)
    particles = read_particles(path)
    Selection("two", frozenset(particles.ids[1:]), {"rule": "test"}).save(tmp_path / "two.json")
    opened = DataOptions(
        particles=path,
        contrast="dark",
        ctf_power="2",
        attenuation="none",
        dose_at="after",
        voltage_rule="scaled",
        defocus_height="plus",
        map_hand="flip",
        first_tilts=3,
        tilt_order="dose",
        selection=tmp_path / "two.json",
    ).open()
    assert opened.ids == particles.ids[1:]
    assert opened.tilt_images["dose"].tolist() == [0, 3, 6, 0, 3, 6]
    assert tuple(opened.forward_model.as_dict().values()) == (2, "none", "after", "scaled", "dark", "flip", "plus")


def test_options_left_alone_change_nothing(tmp_path: Path) -> None:
    path = write_relion5(tmp_path)
    opened, read = DataOptions(particles=path).open(), read_particles(path)
    pd.testing.assert_frame_equal(opened.tilt_images, read.tilt_images)
    assert opened.forward_model == read.forward_model


def test_what_a_file_lacks_can_be_given(tmp_path: Path) -> None:
    star = write_warp(tmp_path, rlnDetectorPixelSize=None)
    (tmp_path / "stacks" / "warp.mrcs").unlink()
    opened = DataOptions(particles=star, box=64, pixel_size=1.7).open()
    assert (opened.box, opened.pixel_size) == (64, 1.7)
