"""The plugin's manifest, as npe2 finds it in the installed package."""

import pytest
from npe2 import PluginManifest

WIDGETS = (
    "dataset",
    "tomogram",
    "latent_space",
    "particles",
    "volumes",
    "gallery",
    "curate",
    "review",
    "inspect",
    "movie",
    "analyse",
    "spatial_context",
    "findings",
    "compare",
    "validate",
    "train",
)


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution("napari-tomodrgn")


def test_every_command_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()
    assert {command.id for command in manifest.contributions.commands} == {
        "napari-tomodrgn.read_particles",
        "napari-tomodrgn.read_run",
        "napari-tomodrgn.read_map",
        "napari-tomodrgn.write_star",
        "napari-tomodrgn.simulated_tomogram",
        "napari-tomodrgn.trained_run",
        "napari-tomodrgn.picks_with_junk",
        "napari-tomodrgn.workspace",
        *(f"napari-tomodrgn.{widget}" for widget in WIDGETS),
    }


def test_each_contribution_calls_a_command_that_is_there(manifest: PluginManifest) -> None:
    commands = {command.id for command in manifest.contributions.commands}
    given = manifest.contributions
    menus = [item for items in given.menus.values() for item in items]
    used = [*given.readers, *given.writers, *given.sample_data, *given.widgets, *menus]
    assert {contribution.command for contribution in used} == commands
