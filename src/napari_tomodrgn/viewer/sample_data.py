"""Sample data for File ▸ Open Sample: made on the spot, without any file and without a network."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import npe2
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import affine_transform

from napari_tomodrgn.analysis.columns import columns_of_run
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.placement import matrices, random_orientations, random_positions
from napari_tomodrgn.simulation.shapes import LARGEST_SHARE, STATES, four_state_complex
from napari_tomodrgn.viewer import sample_run
from napari_tomodrgn.viewer.colouring import colour_by
from napari_tomodrgn.viewer.current import current_viewer, scene_of, session_of, training_of
from napari_tomodrgn.viewer.first_view import shown_first
from napari_tomodrgn.viewer.layers import (
    RUN,
    TOMOGRAM,
    LayerData,
    image_layer,
    outline_layer,
    particle_layers,
    points_layer,
    tomogram_label,
)
from napari_tomodrgn.viewer.mrc_volume import open_mrc
from napari_tomodrgn.viewer.tomogram_view import open_tomogram

NAME = "simulated"
PIXEL_SIZE = 10.0  # Å
BOX = 32  # px
SHAPE = (64, 192, 192)  # px, z, y, x
PARTICLES = 40
NOISE = 0.3  # standard deviation, in units of the complex's largest density
BETWEEN_LOOKS = 0.05  # s
Made = TypeVar("Made")
_making_sample = threading.Lock()
STATE_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44")


def simulated_tomogram(seed: int = 0) -> list[LayerData]:
    """Return a noisy tomogram with a complex in four states, and its particles as points coloured by state."""
    generator = np.random.default_rng(seed)
    depth, height, width = (PIXEL_SIZE * length for length in SHAPE)
    diameter = LARGEST_SHARE * BOX * PIXEL_SIZE
    position = random_positions(PARTICLES, (width, height, depth), diameter, generator)[:, ::-1]  # z, y, x
    angles = random_orientations(PARTICLES, generator)
    state = np.arange(PARTICLES) % STATES
    complexes = four_state_complex(BOX, PIXEL_SIZE)
    tomogram = NOISE * complexes.max() * generator.standard_normal(SHAPE, dtype=np.float32)
    for row, rotation in enumerate(matrices(angles)):
        add_particle(tomogram, complexes[state[row]], rotation, position[row] / PIXEL_SIZE)
    features = pd.DataFrame({"particle": [f"{row:03d}" for row in range(PARTICLES)], "state": state})
    features[["rot", "tilt", "psi"]] = angles
    points = points_layer(
        NAME, position, features, BOX * PIXEL_SIZE / 2, face_color=[STATE_COLOURS[each] for each in state], opacity=0.5
    )
    return shown_first(current_viewer(), [image_layer(NAME, tomogram, PIXEL_SIZE), points])


def add_particle(
    tomogram: npt.NDArray[np.float32],  # (Z, Y, X), changed in place
    volume: npt.NDArray[np.float32],  # (D, D, D)
    rotation: npt.NDArray[np.float64],  # (3, 3), maps reference vectors x, y, z into the tomogram
    position_px: npt.NDArray[np.float64],  # (3,) z, y, x of the volume's origin voxel D/2
) -> None:
    """Add a volume, turned about its voxel D/2, to a tomogram; what lies outside is cut off."""
    box = volume.shape[0]
    corner = np.round(position_px).astype(int) - box // 2
    backward = rotation.T[::-1, ::-1]  # z, y, x
    offset = box // 2 - backward @ (position_px - corner)
    turned = affine_transform(volume, backward, offset=offset, order=1)
    begin, end = np.maximum(corner, 0), np.minimum(corner + box, tomogram.shape)
    into = tuple(slice(*each) for each in zip(begin, end, strict=True))
    out_of = tuple(slice(*each) for each in zip(begin - corner, end - corner, strict=True))
    tomogram[into] += turned[out_of]


def trained_run() -> list[LayerData]:
    """Open the sample with a trained run in a window with all of the plugin's widgets.

    Without a window, return its first tomogram, and the particles coloured by class. Made when it is first asked for,
    which takes about ten seconds; napari shows how far it is and stays responsive.
    """
    sample = _with_progress(sample_run.find_sample_run, sample_run.make_sample_run, sample_run.sample_folder())
    viewer = _window()
    if viewer is not None:
        npe2.PluginManager.instance().commands.execute("napari-tomodrgn.workspace")
        session_of(viewer).open_run(sample.run)
        scene_of(viewer).box.shown = True  # by the layer that is returned
        return [_outline(*next(iter(sample.tomograms.items())))]  # napari asks for a layer at least
    run = Run.open(sample.run)
    particle_set = run.particle_set()
    column = columns_of_run(run, run.chosen_epoch, particle_set.ids)[f"kmeans-{sample_run.CLASSES}"]
    colours = colour_by(column).rgba
    points = particle_layers(particle_set, metadata={RUN: str(run.path)})[0]
    tomogram = points[1]["metadata"][TOMOGRAM]
    points[1]["face_color"] = colours[(particle_set.particles["tomogram"] == tomogram).to_numpy()]
    points[1]["opacity"] = 0.5
    return [open_tomogram(sample.tomograms[tomogram], tomogram).layer, points]


def picks_with_junk() -> list[LayerData]:
    """Open simulated picks, of which some are no particles, to be trained on; the Train widget is set up for them.

    Without a window, return the particles of their first tomogram.
    """
    star = _with_progress(
        _found_picks, lambda folder, _: sample_run.picks_with_junk(folder), sample_run.folder_with_junk()
    )
    viewer = _window()
    particle_set = read_particles(star)
    if viewer is None:
        return [particle_layers(particle_set, metadata={})[0]]
    npe2.PluginManager.instance().commands.execute("napari-tomodrgn.workspace")
    session_of(viewer).open_star(star)
    training_of(viewer).values.take(sample_run.TRAINING_WITH_JUNK)
    scene_of(viewer).box.shown = True  # by the layer that is returned
    tomogram = str(particle_set.tomograms["name"].iloc[0])
    return [_outline(tomogram, star.parent / "tomograms" / f"{tomogram_label(tomogram)}.mrc")]


def _found_picks(folder: Path) -> Path | None:
    return sample_run.picks_with_junk(folder) if sample_run.is_whole(folder) else None


def _window() -> Any:
    """Return the viewer in use where it has a window."""
    viewer = current_viewer()
    return viewer if viewer is not None and getattr(viewer, "window", None) is not None else None


def _outline(tomogram: str, path: Path) -> LayerData:
    """Return the box of a tomogram's file."""
    volume = open_mrc(path)
    return outline_layer(tomogram, (np.array(volume.values.shape) - 1) * (volume.pixel_size or 1.0))


def _with_progress(
    find: Callable[[Path], Made | None], make: Callable[[Path, sample_run.Progress], Made], folder: Path
) -> Made:
    """Return a sample, made in another thread where it is not there yet, while this one lets napari draw.

    Raises
    ------
    InputError
        Where it is being made already: the menu can be used again meanwhile.
    """
    from napari.utils import progress

    if not _making_sample.acquire(blocking=False):
        raise InputError("sample: one is being made already; wait until it is shown")
    try:
        if (found := find(folder)) is not None:
            return found
        told = [(0.0, "making the sample")]
        with progress(total=100, desc=told[0][1]) as bar, ThreadPoolExecutor(1) as pool:
            making = pool.submit(make, folder, lambda share, what: told.append((share, what)))
            while not making.done():
                time.sleep(BETWEEN_LOOKS)
                share, what = told[-1]
                if bar.desc != what:
                    bar.set_description(what)
                bar.update(round(100 * share) - bar.n)  # also where it is 0: napari draws then
            return making.result()
    finally:
        _making_sample.release()
