"""Opening a folder that tomoDRGN wrote: it is imported in a process of its own, and the run is opened."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.pickles import read_pickles
from napari_tomodrgn.viewer import readers
from napari_tomodrgn.viewer.current import session_of
from napari_tomodrgn.viewer.importing import imported_before, is_of_tomodrgn, outdir_for
from napari_tomodrgn.viewer.opening import read_any
from napari_tomodrgn.widgets import telling

LEFT = Qt.MouseButton.LeftButton
LONG = 120_000  # ms for a process, on a busy machine


@pytest.fixture
def theirs(shared_data: Path, tmp_path: Path) -> Path:
    """A copy of a run of tomoDRGN beside which runs can be written."""
    folder = tmp_path / "theirs"
    shutil.copytree(shared_data / "tomodrgn_run", folder, ignore=shutil.ignore_patterns("vol_*.mrc"))
    return folder


def test_a_dropped_folder_of_tomodrgn_is_imported_and_opened(
    make_napari_viewer_proxy: Callable[..., Any], qtbot: Any, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By File ▸ Open with no widget open yet; a folder that can't be imported says why, and nothing is written."""
    told: list[str] = []
    monkeypatch.setattr(telling, "show_error", told.append)
    viewer = make_napari_viewer_proxy(show=True)
    reader = readers.get_run_reader(str(theirs))
    assert reader is not None

    assert reader(str(theirs)) == [readers.NO_LAYER]

    dataset = next(each for each in viewer.window.dock_widgets.values() if each.objectName() == "dataset")
    dialog = dataset.importing
    outdir = Path(dialog.panel.values["outdir"])
    assert outdir == outdir_for(theirs) == theirs.with_name("theirs-imported")
    dialog.panel.values.set("star", str(theirs / "missing.star"))
    qtbot.mouseClick(dialog.import_button, LEFT)
    qtbot.waitUntil(lambda: dialog.panel.ended is not None, timeout=LONG)
    assert "missing.star" in dialog.status.text()
    assert not outdir.exists()

    dialog.panel.values.set("star", "")
    qtbot.mouseClick(dialog.import_button, LEFT)
    session = session_of(viewer)
    qtbot.waitUntil(lambda: session.run is not None and not dataset.reading.busy, timeout=LONG)
    assert session.run is not None
    assert session.run.path == outdir
    mean, _ = read_pickles(theirs / "z.train.pkl")
    np.testing.assert_array_equal(session.run.latents().z_mean, mean)
    assert imported_before(theirs) == outdir


def test_one_that_is_imported_already_is_opened_at_once(theirs: Path, tmp_path: Path) -> None:
    assert is_of_tomodrgn(theirs)
    assert is_of_tomodrgn(theirs / "config.pkl")
    assert not is_of_tomodrgn(tmp_path)
    (tmp_path / "theirs-imported").mkdir()
    assert outdir_for(theirs) == tmp_path / "theirs-imported-2"
    assert imported_before(theirs) is None
    with pytest.raises(InputError, match="theirs: was written by tomoDRGN; open it in the Dataset widget"):
        read_any(theirs)
