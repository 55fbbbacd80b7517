"""The Volumes widget in a real viewer: own volumes, levels, comparison, morphing, and all volumes at their poses."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gemmi
import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.latent_paths import LatentPath, along_component
from napari_tomodrgn.figures.shaded import PLAIN
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.reconstruction.volumes import VolumesOptions, write_volumes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.viewer import notifications
from napari_tomodrgn.viewer.all_volumes import AllVolumes
from napari_tomodrgn.viewer.colouring import PALETTE
from napari_tomodrgn.viewer.model_chains import Chains
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.widgets import model_box as model_box_module
from napari_tomodrgn.widgets import placing as placing_module
from napari_tomodrgn.widgets import telling
from napari_tomodrgn.widgets import volumes as volumes_module
from napari_tomodrgn.widgets.placing import Placing
from napari_tomodrgn.widgets.volumes import Volumes

from .mouse import drag

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for module in (notifications, telling, volumes_module, placing_module, model_box_module):
        monkeypatch.setattr(module, "show_error", messages.append)
    return messages


@pytest.fixture
def widget(
    make_napari_viewer_proxy: Callable[..., Any], qtbot: Any, analysed_run: Run, told: list[str]
) -> Iterator[Volumes]:
    viewer, session = make_napari_viewer_proxy(show=True), Session()
    panel = VolumePanel(session)
    widget = Volumes(session, panel, AllVolumes(viewer, session, panel))
    qtbot.addWidget(widget)
    widget.resize(500, 700)
    widget.show()
    session.open_run(analysed_run.path)
    yield widget
    widget.close_down()


def drawn(qtbot: Any, widget: Volumes) -> np.ndarray:
    qtbot.waitUntil(lambda: not widget._drawing.isActive() and widget.view.volume is not None)
    assert widget.view.volume is not None
    return widget.view.volume


def decoded(run: Run, z: np.ndarray) -> np.ndarray:
    trained = load_model(run)
    (volume,) = decode_volumes(trained.model.decoder, z[None], standard_deviation=trained.standard_deviation)
    return volume


def place(qtbot: Any, placing: Placing) -> None:
    """Place volumes and wait until all are drawn."""
    qtbot.mouseClick(placing.place_button, LEFT)
    qtbot.waitUntil(lambda: not placing.work.running and not placing.placed.waiting, timeout=20000)


def latents_in_order(widget: Volumes, run: Run) -> np.ndarray:
    latents = run.latents()
    row_of = {particle: row for row, particle in enumerate(latents.ids)}
    assert widget.session.particle_set is not None
    return latents.z_mean[[row_of[particle] for particle in widget.session.particle_set.ids]]


def test_a_particle_that_is_looked_at_shows_its_own_volume(qtbot: Any, widget: Volumes, analysed_run: Run) -> None:
    z = latents_in_order(widget, analysed_run)
    for row in (5, 11):
        widget.session.look_at(row)
        volume = drawn(qtbot, widget)
        expected = decoded(analysed_run, z[row])
        assert np.corrcoef(volume.ravel(), expected.ravel())[0, 1] > 0.999
        assert widget.session.particle_set is not None
        assert widget.session.particle_set.ids[row][1] in widget.view.caption
    assert not np.allclose(decoded(analysed_run, z[5]), decoded(analysed_run, z[11]))


def test_one_level_for_all_volumes_or_each_its_own(qtbot: Any, widget: Volumes) -> None:
    densities: dict[bool, list[float]] = {True: [], False: []}
    for shared in densities:
        widget.look.shared.setChecked(shared)
        for row in (0, 7):
            widget.session.look_at(row)
            drawn(qtbot, widget)
            densities[shared].append(widget.view.shown.density)
    assert densities[True][0] == densities[True][1]
    assert densities[False][0] != densities[False][1]
    before = widget.view.shown.density
    widget.look.level.setValue(widget.look.level.value() + 40)
    qtbot.waitUntil(lambda: widget.view.shown.density > before)


def test_difference_of_two_that_were_pinned(qtbot: Any, widget: Volumes, analysed_run: Run, told: list[str]) -> None:
    qtbot.mouseClick(widget.difference, LEFT)
    assert told == ["difference: needs two volumes; look at one and pin it as A, then another and pin it as B"]
    z = latents_in_order(widget, analysed_run)
    for row, name in ((2, "A"), (9, "B")):
        widget.session.look_at(row)
        drawn(qtbot, widget)
        qtbot.mouseClick(widget.pin_buttons[name], LEFT)  # type: ignore[index]
    qtbot.mouseClick(widget.difference, LEFT)
    qtbot.waitUntil(lambda: widget.view.caption.startswith("B − A"))
    expected = decoded(analysed_run, z[9]) - decoded(analysed_run, z[2])
    found = drawn(qtbot, widget)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98


def test_the_morph_goes_along_a_component(qtbot: Any, widget: Volumes, analysed_run: Run) -> None:
    z = latents_in_order(widget, analysed_run)
    widget.session.look_at(6)
    drawn(qtbot, widget)
    np.testing.assert_allclose(widget.view.colour, widget.session.colouring.rgba[6, :3])
    widget.morph.ways.setCurrentIndex(widget.morph.ways.findText("PC 1"))
    widget.morph.ways.activated.emit(0)
    volumes = []
    for place in (0, 100, 200):
        widget.morph.along.setValue(place)
        volumes.append(drawn(qtbot, widget).copy())
    assert widget.view.colour == PLAIN  # and not that of a particle looked at before
    path = along_component(z, 1)
    for share, volume in zip((0, 0.5, 1), volumes, strict=True):
        expected = decoded(analysed_run, path.at(share))
        assert np.corrcoef(volume.ravel(), expected.ravel())[0, 1] > 0.999
    qtbot.mouseClick(widget.morph.play, LEFT)
    place = widget.morph.along.value()
    qtbot.waitUntil(lambda: widget.morph.along.value() != place)
    qtbot.mouseClick(widget.morph.play, LEFT)
    assert not widget.morph._playing.isActive()


def test_between_two_selected_particles(qtbot: Any, widget: Volumes, analysed_run: Run, told: list[str]) -> None:
    index = widget.morph.ways.findText("two selected particles")
    widget.morph.ways.setCurrentIndex(index)
    widget.morph.ways.activated.emit(index)
    assert told == ["two selected particles: 0 are selected; select two"]
    widget.session.select_rows([3, 8], {"rule": "click"})
    widget.morph.ways.activated.emit(index)
    widget.morph.along.setValue(200)
    z = latents_in_order(widget, analysed_run)
    found = drawn(qtbot, widget)
    assert np.corrcoef(found.ravel(), decoded(analysed_run, z[8]).ravel())[0, 1] > 0.999


def test_places_on_a_way_are_as_far_apart_as_shares_say() -> None:
    path = LatentPath(np.array([[0, 0], [3, 0], [3, 1]], np.float32), "corner")
    np.testing.assert_allclose(path.at(0.5), [2, 0])
    np.testing.assert_allclose(path.at(0.875), [3, 0.5])
    np.testing.assert_allclose(path.at(2), [3, 1])
    assert LatentPath(path.corners[:1], "one").at(0.3).tolist() == [0, 0]


def test_all_volumes_are_placed_recoloured_and_cleared(qtbot: Any, widget: Volumes, told: list[str]) -> None:
    widget.look.level.setValue(30)
    placing = widget.placing
    place(qtbot, placing)
    assert told == []
    layers = placing.placed.first
    assert sorted(layers.rows) == sorted(widget.session.rows_here)
    (surface,) = layers.layers
    assert len(surface.data[1]) > 100
    np.testing.assert_allclose(surface.colormap.colors, widget.session.colouring.rgba[layers.rows], atol=1e-6)
    widget.session.paint_class("kmeans-3", 0, (1.0, 0.0, 0.0, 1.0))
    np.testing.assert_allclose(surface.colormap.colors, widget.session.colouring.rgba[layers.rows], atol=1e-6)
    qtbot.mouseClick(placing.clear_button, LEFT)
    assert len(layers.rows) == 0

    placing.kind.setCurrentIndex(1)
    widget.session.select_rows(widget.session.rows_here[:3], {"rule": "click"})
    placing.which.setCurrentIndex(1)
    place(qtbot, placing)
    assert sorted(layers.rows) == sorted(widget.session.rows_here[:3])
    widget.session.open_tomogram(widget.session.tomograms[1])
    assert len(layers.rows) == 0


def test_placing_can_be_cut_off(qtbot: Any, widget: Volumes) -> None:
    placing = widget.placing
    qtbot.mouseClick(placing.place_button, LEFT)
    assert placing.place_button.text() == "Cancel"
    qtbot.mouseClick(placing.place_button, LEFT)
    assert placing.work is not None
    assert not placing.work.running
    assert placing.place_button.text() == "Place"
    assert placing.progress.isHidden()


def place_in_file(path: Path) -> np.ndarray:
    """Return where a file's middle voxel stands, x, y, z in Å, as gemmi reads it."""
    file = gemmi.read_ccp4_map(str(path))
    side = file.grid.unit_cell.a / file.grid.nu
    assert side == pytest.approx(12.0)
    return np.array([file.header_float(word) for word in (50, 51, 52)]) + side * (file.grid.nu // 2)


def test_what_is_shown_is_saved_where_the_particle_stands(qtbot: Any, widget: Volumes, tmp_path: Path) -> None:
    assert widget.session.particle_set is not None
    widget.session.look_at(4)
    volume = drawn(qtbot, widget)
    widget.panel.save(tmp_path / "volume.mrc")
    with mrcfile.open(tmp_path / "volume.mrc") as file:
        np.testing.assert_array_equal(file.data, volume)
        assert float(file.voxel_size.x) == pytest.approx(12.0)
        origin = np.array(file.header.origin[["x", "y", "z"]].tolist())
    position = widget.session.particle_set.particles[["x", "y", "z"]].to_numpy()[4]
    assert np.isfinite(position).all()
    np.testing.assert_allclose(origin, position - 8 * 12.0, atol=0.01)
    np.testing.assert_allclose(place_in_file(tmp_path / "volume.mrc"), position, atol=0.01)

    widget.morph.along.setValue(100)  # no particle's own
    widget.panel.save(tmp_path / "between.mrc")
    np.testing.assert_allclose(place_in_file(tmp_path / "between.mrc"), 0, atol=1e-6)


def test_a_volume_is_saved_in_the_hand_in_which_commands_write_it(
    qtbot: Any, widget: Volumes, analysed_run: Run, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(analysed_run.path, tmp_path / "run"))
    document = json.loads((run / "run.json").read_text())
    document["data"]["forward_model"]["map_hand"] = "flip"
    (run / "run.json").write_text(json.dumps(document))
    widget.session.open_run(run)
    widget.session.look_at(0)
    drawn(qtbot, widget)
    widget.panel.save(tmp_path / "volume.mrc")
    assert widget.session.particle_set is not None
    one = tmp_path / "one.csv"
    one.write_text("tomogram,particle\n" + ",".join(widget.session.particle_set.ids[0]) + "\n")
    folder = write_volumes(VolumesOptions(run=run, epoch=2, particles=one, outdir=tmp_path / "volumes", device="cpu"))
    with mrcfile.open(tmp_path / "volume.mrc") as file, mrcfile.open(folder / "vol_000.mrc") as expected:
        np.testing.assert_allclose(file.data, expected.data, atol=1e-6 * np.abs(expected.data).max())


def test_the_chains_of_a_fitted_model_are_drawn_over_the_volume(
    qtbot: Any, widget: Volumes, analysed_run: Run, four_chains: Path, tmp_path: Path, told: list[str]
) -> None:
    """Of the run's own fit; they go with the tick, and with the run."""
    run = Path(shutil.copytree(analysed_run.path, tmp_path / "run"))
    fit = run / "analysis" / "epoch-0002" / "fit" / "fit.json"
    fit.parent.mkdir()
    placed = {"rotation": np.eye(3).tolist(), "shift_from_voxel_half_box": [-80.0] * 3, "hand": "keep"}
    fit.write_text(json.dumps({"format": 1, **placed, "model": [str(four_chains)]}))
    widget.session.open_run(run)
    widget.session.look_at(0)
    drawn(qtbot, widget)
    box = widget.look.model

    def coloured() -> set[str]:
        image = widget.view.grab().toImage()
        found = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
        return found & {color.lower() for color in PALETTE[:4]}

    assert coloured() == set()
    box.setChecked(True)
    qtbot.waitUntil(lambda: widget.view.chains is not None, timeout=20000)
    assert len(coloured()) == 4  # a colour a chain
    box.setChecked(False)
    qtbot.waitUntil(lambda: widget.view.chains is None)
    assert coloured() == set()

    fit.write_text(json.dumps({"format": 1, **placed, "model": ["gone.pdb"]}))
    box.setChecked(True)
    qtbot.waitUntil(lambda: not box.isChecked(), timeout=20000)
    assert told == ["gone.pdb: no such model; give the path of a PDB or mmCIF file"]
    widget.panel.take_chains(Chains(fit, (), ()))
    widget.session.open_run(analysed_run.path)
    assert widget.panel.chains is None


def test_a_mask_holds_for_the_volume_shown_and_for_those_at_their_poses(
    qtbot: Any, widget: Volumes, tmp_path: Path, told: list[str]
) -> None:
    radius = np.sqrt(((np.indices((16,) * 3) - 8) ** 2).sum(axis=0)) * 12.0
    look = widget.look
    look.level.setValue(20)
    widget.session.look_at(4)
    whole = drawn(qtbot, widget)
    assert np.abs(whole[radius > 60]).max() > 0
    look.mask_box.setCurrentIndex(look.mask_box.findText("sphere"))
    look.mask_box.activated.emit(look.mask_box.currentIndex())
    look.radius.setValue(50)
    masked = drawn(qtbot, widget)
    np.testing.assert_array_equal(masked[radius <= 50], whole[radius <= 50])
    assert (masked[radius >= 60] == 0).all()

    place(qtbot, widget.placing)
    placed = widget.placing.placed.first.main
    (surface,) = placed.layers
    position = widget.session.particle_set.particles[["z", "y", "x"]].to_numpy()[placed.rows]
    vertices, faces, rows = surface.data
    used = np.unique(faces)  # two more mark the bounds of all that will come
    vertices, rows = vertices[used], rows[used]
    assert len(vertices) > 100
    assert np.linalg.norm(vertices - position[rows.astype(int)], axis=1).max() <= 60 + 12

    half = np.zeros((16, 16, 16), np.float32)
    half[:, :, 8:] = 1
    write_map(tmp_path / "half.mrc", half, 12.0)
    look.load_mask(tmp_path / "half.mrc")
    assert look.mask_box.currentText() == "half.mrc"
    assert look.radius.isHidden()
    np.testing.assert_array_equal(drawn(qtbot, widget), whole * half)
    assert told == []
    look.load_mask(tmp_path / "none.mrc")
    assert len(told) == 1
    np.testing.assert_array_equal(drawn(qtbot, widget), whole * half)
    widget.session.open_run(widget.session.run.path)
    assert look.mask_box.currentText() == "none"


def test_dragging_turns_the_volume_and_dust_is_not_drawn(qtbot: Any, widget: Volumes) -> None:
    widget.session.look_at(4)
    drawn(qtbot, widget)
    drag(widget.view, [QPoint(80, 80), QPoint(100, 80), QPoint(100, 60)])
    expected = Rotation.from_rotvec([-0.2, 0, 0]) * Rotation.from_rotvec([0, 0.2, 0])
    np.testing.assert_allclose(widget.panel.turn, expected.as_matrix(), atol=1e-12)
    before = widget.view.picture()
    widget.look.dust.setValue(1000)
    qtbot.waitUntil(lambda: not widget._drawing.isActive())
    empty = widget.view.picture()
    assert before is not None
    assert empty is not None
    assert len(np.unique(before.reshape(-1, 3), axis=0)) > 10
    assert len(np.unique(empty.reshape(-1, 3), axis=0)) == 1


def test_a_run_that_is_gone_is_said(widget: Volumes, told: list[str], class_e_star: Path, qtbot: Any) -> None:
    widget.session.open_star(class_e_star)
    qtbot.mouseClick(widget.placing.place_button, LEFT)
    assert told == ["volumes need a run that has finished an epoch; open one (Dataset ▸ Open run)"]
    assert not widget.morph.play.isEnabled()
