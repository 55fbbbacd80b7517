"""What the Inspect widget knows, without a window: found in parts, kept, forgotten; pictures, numbers and curves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.analysis.selection_maps import SelectionMaps
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer import evidence_panel as module
from napari_tomodrgn.viewer.evidence_curves import fsc_curves, gain_curves, latent_curves, loss_curves, weight_curves
from napari_tomodrgn.viewer.evidence_panel import EvidencePanel, Known
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.tilt_sheet import SheetLook, TiltSheet, slices


@pytest.fixture
def panel(analysed_run: Run) -> EvidencePanel:
    session = Session()
    panel = EvidencePanel(session)
    session.open_run(analysed_run.path)
    return panel


def found(panel: EvidencePanel, row: int) -> Known:
    for finding in panel.find(row):
        panel.take(row, finding)
    known = panel.known(row)
    assert known is not None
    return known


def test_a_particle_lies_where_the_latent_space_shows_it(panel: EvidencePanel) -> None:
    known = found(panel, 5)
    assert known.whole
    assert known.evidence.particle == panel.session.particle_set.ids[5]  # type: ignore[union-attr]
    for axis, name in enumerate(("PC 1", "PC 2")):
        column = panel.session.columns[name]
        assert isinstance(column, Numbers)
        assert known.own[axis] == pytest.approx(column.values[5], abs=1e-5)
        np.testing.assert_allclose(known.everyone[:, axis], column.values, atol=1e-5)
    assert known.tilts.shape == (5, 2)


def test_images_come_before_latents_of_single_tilts(panel: EvidencePanel) -> None:
    findings = panel.find(5)
    panel.take(5, next(findings))
    known = panel.known(5)
    assert known is not None
    assert (len(known.tilts), known.whole) == (0, False)


def test_what_was_found_is_kept_while_there_is_room(panel: EvidencePanel, monkeypatch: pytest.MonkeyPatch) -> None:
    found(panel, 1)
    own = found(panel, 2).evidence
    size = sum(4 * each.numel() for each in (own.images, own.projections, own.mean_projections, own.weights))
    assert panel.known(1) is not None
    monkeypatch.setattr(module, "MOST_BYTES", 2 * size)
    found(panel, 3)
    assert [panel.known(row) is not None for row in (1, 2, 3)] == [False, True, True]


def test_another_run_makes_it_forget(panel: EvidencePanel, class_e_star: Path) -> None:
    found(panel, 5)
    first = panel.open()
    assert panel.open() is first
    panel.session.open_run(first.run.path, 1)
    assert panel.known(5) is None
    assert panel.open() is not first
    assert panel.open().epoch == 1
    panel.session.open_star(class_e_star)
    with pytest.raises(InputError, match="evidence needs a run that has finished an epoch; open one"):
        next(panel.find(0))


def test_pictures_of_image_projection_and_residual_have_one_scale(panel: EvidencePanel) -> None:
    own = found(panel, 5).evidence
    own = replace(own, projections=0.3 * own.images)
    grey = [(each.astype(float) - 127.5) / 127.5 for each in TiltSheet(own, SheetLook()).pictures(2)]
    image, projection, residual = grey
    inside = np.abs(image) < 0.95
    np.testing.assert_allclose(projection[inside], 0.3 * image[inside], atol=0.01)
    np.testing.assert_allclose(residual[inside], 0.7 * image[inside], atol=0.01)
    assert image.std() == pytest.approx(1 / 3, rel=0.4)  # three deviations reach from grey to white
    _, apart, _ = TiltSheet(own, SheetLook(one_scale=False)).pictures(2)
    assert np.abs(apart.astype(float) - 127.5).mean() > 2 * np.abs(127.5 * projection).mean()
    _, coarse, _ = TiltSheet(own, SheetLook(low_pass=80.0)).pictures(2)
    assert (coarse != TiltSheet(own, SheetLook()).pictures(2)[1]).any()


def test_numbers_beside_the_pictures_are_those_of_the_tilt(panel: EvidencePanel) -> None:
    own = found(panel, 5).evidence
    first = replace(own, tilt=np.array([0.0, -3, 3, -6, 6]), signed=True, trained=np.array([True] * 4 + [False]))
    lines = TiltSheet(first, SheetLook()).numbers(3)
    assert lines[0] == f"−6.0°, {own.dose[3]:g} e/Å²"
    assert lines[2] == f"loss {own.loss[3]:.4f}"
    assert f"CC {own.correlation[3]:.2f}" in lines[4]
    assert TiltSheet(first, SheetLook()).numbers(4)[-1] == "held out"
    assert TiltSheet(own, SheetLook()).numbers(1)[0].startswith("±3.0°")


def test_curves_are_in_the_order_of_what_they_are_plotted_against(panel: EvidencePanel) -> None:
    known = found(panel, 5)
    tilt = np.array([0.0, -3, 3, -6, 6])
    own = replace(known.evidence, tilt=tilt, signed=True, trained=np.array([True, True, False, True, True]))
    order = np.argsort(tilt)
    loss, gain, weight = (make(own, "tilt") for make in (loss_curves, gain_curves, weight_curves))
    for curves in (loss, gain, weight):
        assert curves.names[0] == "tilt (°)"
        assert all((each.x == tilt[order]).all() for each in curves.series)
    np.testing.assert_array_equal(loss.series[0].y, own.loss[order])
    np.testing.assert_array_equal(gain.series[0].y, (own.mean_loss - own.loss)[order])
    assert loss.series[0].hollow is not None
    assert loss.series[0].hollow.tolist() == [False, False, False, True, False]
    assert loss_curves(own, "dose").series[0].x.tolist() == own.dose.tolist()
    latents = latent_curves(own, "tilt", known.everyone, known.own, known.tilts)
    everyone, tilts, particle = latents.series
    assert everyone.cloud
    np.testing.assert_allclose(tilts.x, known.tilts[order, 0])
    assert particle.y.tolist() == [known.own[1]]
    alike = replace(own, mean_loss=own.loss)
    assert gain_curves(alike, "tilt").series == ()


def test_a_selection_is_averaged_and_its_curves_share_an_axis(panel: EvidencePanel) -> None:
    session = panel.session
    with pytest.raises(InputError, match="backprojection: no particle is selected"):
        next(panel.average())
    session.select_rows([1, 4, 9, 16], {"rule": "click"})
    *steps, maps = panel.average()
    assert isinstance(maps, SelectionMaps)
    assert steps[-1][0] == steps[-1][1]  # type: ignore[index]
    assert set(maps.particles) == {session.particle_set.ids[row] for row in (1, 4, 9, 16)}  # type: ignore[union-attr]
    halves, between = fsc_curves(maps).series
    np.testing.assert_array_equal(halves.x, between.x)
    np.testing.assert_allclose(halves.x[-1], 1 / 24)  # Nyquist of 12 Å pixels
    np.testing.assert_array_equal(halves.y, maps.half_maps[1:])


def test_central_slices_show_y_upwards() -> None:
    volume = np.zeros((8, 8, 8), np.float32)
    volume[4, 6, 2] = 1
    across_z, across_y, across_x = slices(volume)
    assert np.argwhere(across_z == across_z.max()).tolist() == [[1, 2]]
    assert across_y.max() == 0
    assert across_x.max() == 0
