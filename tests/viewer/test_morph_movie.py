"""Pictures of a morph: the volumes that are decoded along it, there and back, with a scale bar of the right length."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from napari_tomodrgn.analysis.latent_paths import along_component
from napari_tomodrgn.analysis.traverse import traverse
from napari_tomodrgn.analysis.traverse_options import TraverseOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.shaded import BACKGROUND, PLAIN, shaded
from napari_tomodrgn.figures.surface_frames import INK, bar_length
from napari_tomodrgn.figures.traversal import save_traversal
from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.viewer.morph_movie import MorphMovie, shares
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel


@pytest.fixture
def panel(analysed_run: Run) -> VolumePanel:
    session = Session()
    panel = VolumePanel(session)
    session.open_run(analysed_run.path)
    panel.set_level(1.0)
    return panel


def test_pictures_are_of_the_volumes_along_the_way(panel: VolumePanel, analysed_run: Run) -> None:
    with pytest.raises(InputError, match="morph: no way is chosen yet"):
        MorphMovie.of(panel, 64)
    path = along_component(panel.source().latents, 1)
    panel.set_path(path)
    panel.turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    movie = MorphMovie.of(panel, 64, labelled=False)
    frames = list(movie.frames(4))
    trained = load_model(analysed_run)
    look = panel.look(panel.source())
    for frame, share in zip(frames, (0, 0.5, 1, 0.5), strict=True):
        (volume,) = decode_volumes(
            trained.model.decoder, path.at(share)[None], standard_deviation=trained.standard_deviation
        )
        expected = shaded(volume, look.level, panel.turn, PLAIN, BACKGROUND, 4)
        assert frame.shape == (64, 64, 3)
        assert np.abs(frame.astype(int) - expected).mean() < 1
    assert np.abs(frames[0].astype(int) - frames[2]).mean() > 1

    panel.slices = True
    wide = MorphMovie.of(panel, 64, labelled=False)
    assert wide.picture(0).shape == (*wide.size, 3) == (64, 85, 3)
    np.testing.assert_array_equal(wide.picture(0)[:, :64], frames[0])


def test_traverse_makes_the_same_pictures_at_the_same_level(
    panel: VolumePanel, analysed_run: Run, tmp_path: Path
) -> None:
    panel.set_path(along_component(panel.source().latents, 1))
    morph = MorphMovie.of(panel, 128)
    options = TraverseOptions(
        run=analysed_run.path, points=3, outdir=tmp_path / "way", figures=False, movie=True, movie_side=128, level=1.0
    )

    document, folder = save_traversal(traverse(options), options)

    assert document["surfaces_at"] == pytest.approx(panel.look(panel.source()).level, rel=1e-5)
    with Image.open(folder / "movie.gif") as movie:
        frames = [np.asarray(each.convert("RGB")).astype(int) for each in ImageSequence.Iterator(movie)]
    for frame, share in zip(frames, (0, 0.5, 1, 0.5), strict=True):
        apart = np.abs(frame - morph.picture(share)).max(axis=2)[16:-20]  # title above, caption below
        assert np.quantile(apart, 0.99) < 24  # a GIF has 256 colours
    assert np.abs(frames[0] - frames[2])[16:-20].mean() > 2


def test_a_scale_bar_is_as_long_as_it_says(panel: VolumePanel) -> None:
    """The box is 16 px of 12 Å: 19.2 nm, of which the bar of 5 nm is the longest below three tenths."""
    panel.set_path(along_component(panel.source().latents, 1))
    panel.set_level(10.0)
    picture = MorphMovie.of(panel, 384).picture(0.25)
    ink = (picture == INK).all(axis=2)
    longest = max(len(run) for row in ink for run in "".join("#" if each else " " for each in row).split())
    assert longest == pytest.approx(384 * 50 / 192, abs=2)


def test_there_and_back_begins_again_without_a_halt() -> None:
    np.testing.assert_allclose(shares(8, back=True), [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(shares(5, back=False), [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize(("longest", "length"), [(0.99, 0.5), (1, 1), (4.9, 2), (57, 50), (1999, 1000)])
def test_scale_bars_are_round_numbers(longest: float, length: float) -> None:
    assert bar_length(longest) == pytest.approx(length)
