"""Figures of evidence: there, of the right kind, the same each time, and with the pictures in them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from napari_tomodrgn.analysis.particle_evidence import ParticleEvidence
from napari_tomodrgn.analysis.run_evidence import RunEvidence
from napari_tomodrgn.analysis.selection_maps import SelectionMaps, selection_maps
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.evidence import draw_evidence, write_evidence_figure
from napari_tomodrgn.figures.selection_maps import draw_maps, write_maps_figure
from napari_tomodrgn.runs.run import Run

STARTS = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


@pytest.fixture(scope="module")
def source(analysed_run: Run) -> RunEvidence:
    return RunEvidence(analysed_run, analysed_run.chosen_epoch, analysed_run.particle_set())


@pytest.fixture(scope="module")
def evidence(source: RunEvidence) -> ParticleEvidence:
    return source.of(3)


@pytest.fixture(scope="module")
def maps(source: RunEvidence) -> SelectionMaps:
    steps = selection_maps(source, [2, 3, 5, 7])
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_both_are_written_as_their_names_say(
    evidence: ParticleEvidence, maps: SelectionMaps, tmp_path: Path, kind: str
) -> None:
    paths = [
        write_evidence_figure(tmp_path / f"tilts.{kind}", evidence),
        write_maps_figure(tmp_path / f"m.{kind}", maps),
    ]
    first = [path.read_bytes() for path in paths]
    assert all(content.startswith(STARTS[kind]) for content in first)
    write_evidence_figure(paths[0], evidence)
    assert paths[0].read_bytes() == first[0]
    with pytest.raises(InputError, match="a figure is written as png, svg, pdf; give a name that ends so"):
        write_evidence_figure(tmp_path / "tilts.doc", evidence)


def test_every_tilt_has_its_three_pictures_and_every_number_its_mark(
    evidence: ParticleEvidence, source: RunEvidence
) -> None:
    (z,) = source.latents_by_tilt(3)
    everyone = source.components
    assert everyone is not None
    along = (
        everyone.coordinates[:, :2],
        source.along_components(evidence.latent[None])[0, :2],
        source.along_components(z),
    )
    held = replace(evidence, trained=np.array([True, False, True, True, True]))
    figure = draw_evidence(held, "dose", along)
    montage, loss, gain, weight, latents = figure.axes
    assert len(montage.images) == 3 * 5
    shown = [image.get_array() for image in montage.images[:5]]
    expected = held.in_real_space("image").numpy()[held.order("dose")]
    np.testing.assert_allclose(np.array(shown), expected)
    np.testing.assert_allclose(loss.lines[0].get_ydata(), held.loss)
    assert loss.lines[2].get_ydata().tolist() == [held.loss[1]]  # held out: a ring
    np.testing.assert_allclose(gain.lines[0].get_ydata(), held.mean_loss - held.loss)
    np.testing.assert_allclose(weight.lines[0].get_ydata(), held.weight)
    assert [len(each.get_offsets()) for each in latents.collections] == [24, 5, 1]


def test_maps_stand_under_where_they_come_from(maps: SelectionMaps, tmp_path: Path) -> None:
    figure = draw_maps(maps)
    averaged, decoded, curves = figure.axes
    assert averaged.get_title() == "averaged by backprojection of 4 particles"
    assert decoded.get_title() == "decoded by the VAE at their mean latent"
    np.testing.assert_allclose(averaged.images[0].get_array(), maps.averaged.map[8])
    np.testing.assert_allclose(decoded.images[2].get_array(), maps.decoded[:, :, 8])
    np.testing.assert_allclose(curves.lines[1].get_ydata(), maps.between[1:])
    picture = imread(write_maps_figure(tmp_path / "maps.png", maps))[..., :3]
    assert picture.std() > 0.2
