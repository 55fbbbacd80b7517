"""What is chosen in napari's Preferences holds for what is opened from then on."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from napari.settings import get_plugin_settings

from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer import preferences as module
from napari_tomodrgn.viewer.current import panel_of, scene_of, session_of
from napari_tomodrgn.viewer.preferences import PLUGIN, Preferences, preferences


@pytest.fixture
def settings() -> Iterator[Any]:
    settings = get_plugin_settings(PLUGIN)
    yield settings
    settings.reset()


def test_the_manifest_says_the_same_names_and_values(settings: Any) -> None:
    assert preferences() == Preferences()
    said = {name: value for page in settings.model_dump().values() if page for name, value in page.items()}
    assert Preferences(**said) == Preferences()


def test_a_new_window_is_as_chosen(
    make_napari_viewer_proxy: Callable[..., Any], analysed_run: Run, settings: Any
) -> None:
    settings.particles.particle_diameter = 77.0
    settings.tomograms.update({"slab": 3, "low_pass": 40.0})
    settings.volumes.cache_gb = 0.5
    viewer = make_napari_viewer_proxy(show=True)
    scene, session = scene_of(viewer), session_of(viewer)
    session.open_run(analysed_run.path)
    assert scene.points is not None
    assert set(scene.points.size) == {77.0}
    assert (scene.tomograms.look.half, scene.tomograms.look.low_pass) == (3, 40.0)
    assert panel_of(viewer)._cache.most_bytes == 500_000_000  # type: ignore[union-attr]


def test_values_that_can_not_be_are_refused_and_a_plugin_that_is_disabled_has_its_own(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        settings.tomograms.slab = -1
    monkeypatch.setattr(module, "PLUGIN", "no such plugin")
    assert preferences() == Preferences()
