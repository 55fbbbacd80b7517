"""Readers for File ▸ Open and for what is dropped on napari: star files, runs, tomograms and maps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.current import current_viewer, scene_in_use
from napari_tomodrgn.viewer.first_view import shown_first
from napari_tomodrgn.viewer.importing import is_of_tomodrgn
from napari_tomodrgn.viewer.layers import RUN, STAR, LayerData, image_layer, particle_layers
from napari_tomodrgn.viewer.mrc_volume import SUFFIXES, contrast_limits, open_mrc
from napari_tomodrgn.viewer.scene import Scene

MOST_TOMOGRAMS = 32  # layers that napari still takes quickly

PLUGIN, DATASET = "napari-tomodrgn", "Dataset"
NO_LAYER: Any = (None,)  # what napari takes for a file that was read and brings no layer

Paths = str | list[str]
Reader = Callable[[Paths], list[LayerData]]


def get_star_reader(path: Paths) -> Reader | None:
    """Return a reader of particle star files and optimisation sets, if that is what was given."""
    return _reader_of_each(path, lambda each: each.suffix.lower() == ".star", read_star)


def get_run_reader(path: Paths) -> Reader | None:
    """Return a reader of runs (the directory, or its run.json; or one of tomoDRGN), if that is what was given."""
    return _reader_of_each(
        path,
        lambda each: each.name == layout.DOCUMENT or (each / layout.DOCUMENT).is_file() or is_of_tomodrgn(each),
        read_run,
    )


def get_map_reader(path: Paths) -> Reader | None:
    """Return a reader of three-dimensional MRC files, if that is what was given."""
    return _reader_of_each(path, lambda each: each.suffix.lower() in SUFFIXES, read_mrc)


def _reader_of_each(
    paths: Paths, accepts: Callable[[Path], bool], read: Callable[[Path], list[LayerData]]
) -> Reader | None:
    given = [paths] if isinstance(paths, str) else paths
    if not all(accepts(Path(each)) for each in given):
        return None

    def read_all(paths: Paths) -> list[LayerData]:
        given = [paths] if isinstance(paths, str) else paths
        return shown_first(current_viewer(), [layer for each in given for layer in read(Path(each))])

    return read_all


def read_star(path: Path) -> list[LayerData]:
    """Return the particles of a star file, one Points layer a tomogram, positions in Å.

    In a window where one of the plugin's widgets is open the file is opened there, and no further layer is added.
    """
    scene = scene_in_use()
    if scene is not None:
        if not scene.want(path):
            scene.session.open_star(path)
        return [NO_LAYER]
    return _first_tomograms(particle_layers(read_particles(path), metadata={STAR: str(path)}), path)


def read_run(path: Path) -> list[LayerData]:
    """Return the particles that a run was trained on, one Points layer a tomogram, positions in Å.

    In a window where one of the plugin's widgets is open the run is opened there, and no further layer is added.
    """
    scene = scene_in_use()
    if is_of_tomodrgn(path):
        _have_imported(path, scene)
        return [NO_LAYER]
    if scene is not None:
        if not scene.want(path):
            scene.session.open_run(path)
        return [NO_LAYER]
    run = Run.open(path)
    return _first_tomograms(particle_layers(run.particle_set(), metadata={RUN: str(run.path)}), run.path)


def _have_imported(path: Path, scene: Scene | None) -> None:
    """Let the Dataset widget import a run of tomoDRGN; it is opened where it isn't open yet."""
    viewer = current_viewer()
    if viewer is not None and (scene is None or not len(scene.file_wanted)):
        viewer.window.add_plugin_dock_widget(PLUGIN, DATASET)
        scene = scene_in_use()
    if scene is None or not scene.want(path):
        raise InputError(
            f"{path}: was written by tomoDRGN; make a run of it by `napari-tomodrgn import-tomodrgn` first"
        )


def _first_tomograms(layers: list[LayerData], path: Path) -> list[LayerData]:
    if len(layers) > MOST_TOMOGRAMS:
        from napari.utils.notifications import show_warning

        show_warning(
            f"{path}: has particles in {len(layers)} tomograms; only those of the first {MOST_TOMOGRAMS} are shown. "
            "Open a star of fewer tomograms (napari-tomodrgn select --per-tomogram) for the others"
        )
    return layers[:MOST_TOMOGRAMS]


def read_mrc(path: Path) -> list[LayerData]:
    """Return a tomogram or map as an Image layer, memory-mapped, with the header's pixel size.

    Where the header has no pixel size that can be right it is shown in voxels, and a warning says so.

    Raises
    ------
    InputError
        If it is missing, no MRC file, or cut short.
    """
    volume = open_mrc(path)
    if volume.trouble is not None:
        from napari.utils.notifications import show_warning

        show_warning(volume.trouble)
    limits = contrast_limits(volume.values)
    # a slice is shown as it is, whatever the thickness in which particles are seen: to average reads many slices
    return [image_layer(path.stem, volume.values, volume.pixel_size, contrast_limits=limits, projection_mode="none")]
