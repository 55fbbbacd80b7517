"""Movies of traversals: balls of known size and place, seen from known sides, at one level."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from pydantic import ValidationError

from napari_tomodrgn.analysis.traverse import Traversal, traverse
from napari_tomodrgn.analysis.traverse_options import TraverseOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.shaded import BACKGROUND
from napari_tomodrgn.figures.traversal_movie import caption_of, check_traversal_movie, write_traversal_movie
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.runs.run import Run

BOX, PLACE, RADII = 16, np.array([3.0, 2.0, -3.0]), (3.0, 3.5, 4.0)  # px; x, y, z from voxel 8


@pytest.fixture
def balls(tmp_path: Path) -> list[Path]:
    """Balls that grow about one place; density 1 at their surface."""
    z, y, x = np.indices((BOX,) * 3) - BOX // 2
    distance = np.sqrt((x - PLACE[0]) ** 2 + (y - PLACE[1]) ** 2 + (z - PLACE[2]) ** 2)
    paths = [tmp_path / f"vol_{number:03d}.mrc" for number in range(len(RADII))]
    for path, radius in zip(paths, RADII, strict=True):
        write_map(path, (1 + radius - distance).clip(0).astype(np.float32), 12.0)
    return paths


def ordered(run: Run, **options: object) -> tuple[Traversal, TraverseOptions]:
    asked = TraverseOptions(run=run.path, order_by="z1", points=len(RADII), movie=True, **options)  # type: ignore[arg-type]
    return traverse(asked), asked


def frames_of(path: Path) -> list[np.ndarray]:
    with Image.open(path) as movie:
        return [np.asarray(each.convert("RGB")).astype(int) for each in ImageSequence.Iterator(movie)]


def surface(frame: np.ndarray) -> np.ndarray:
    """Return where something other than the background is, without the words above and below."""
    return (np.abs(frame - 255 * np.array(BACKGROUND)).max(axis=2) > 15)[16:-24]


def test_surfaces_lie_at_one_density_and_are_seen_from_the_sides_asked_for(
    balls: list[Path], analysed_run: Run, tmp_path: Path
) -> None:
    views = {"front": (0, 1), "back": (0, 1), "right": (2, 1), "top": (0, 2), "0,0,90": (1, 0)}
    signs = {"front": (1, 1), "back": (-1, 1), "right": (-1, 1), "top": (1, -1), "0,0,90": (-1, 1)}
    traversal, options = ordered(analysed_run, view=tuple(views), movie_side=256)

    write_traversal_movie(tmp_path / "movie.gif", traversal, balls, options, density=1.0)

    frames = frames_of(tmp_path / "movie.gif")
    assert len(frames) == 4  # there, and back to where the first follows again
    np.testing.assert_allclose(frames[1], frames[3], atol=1)
    for frame, radius in zip(frames, RADII, strict=False):
        assert frame.shape == (256, 5 * 256, 3)
        for number, (name, axes) in enumerate(views.items()):
            shown = surface(frame[:, 256 * number : 256 * (number + 1)])
            assert shown.sum() == pytest.approx(np.pi * (16 * radius) ** 2, rel=0.1)
            down, right = np.argwhere(shown).mean(axis=0) + np.array([16, 0])
            expected = np.array([PLACE[axis] * sign for axis, sign in zip(axes, signs[name], strict=True)])
            across, up = right / 16 - BOX // 2, (255 - down) / 16 - BOX // 2
            np.testing.assert_allclose((across, up), expected, atol=0.15, err_msg=name)


def test_particles_are_captioned_by_value_and_rank(analysed_run: Run) -> None:
    traversal, _ = ordered(analysed_run)
    values = np.sort(analysed_run.latents().z_mean[:, 1])

    found = [caption_of(traversal, number) for number in range(3)]

    assert found == [f"{values[row]:.4g}, rank {row + 1} of 24" for row in (0, 12, 23)]


def test_slices_are_still_shown_where_asked_for(balls: list[Path], analysed_run: Run, tmp_path: Path) -> None:
    traversal, options = ordered(analysed_run, movie_of="slices", movie_side=64)

    write_traversal_movie(tmp_path / "movie.gif", traversal, balls, options, density=None)

    first, _, last, _ = frames_of(tmp_path / "movie.gif")
    assert first.shape == (32 + 24, 4 * 32, 3)
    assert last[:24, 96:].sum() > 1.3 * first[:24, 96:].sum()  # the projection of the larger ball


def test_a_level_above_everything_is_told(
    balls: list[Path], analysed_run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    traversal, options = ordered(analysed_run, movie_side=64)
    with caplog.at_level(logging.WARNING):
        write_traversal_movie(tmp_path / "movie.gif", traversal, balls, options, density=7.0)
    assert "the movie is empty: its surfaces lie at 7" in caplog.text


def test_movies_that_can_not_be_are_refused_beforehand(analysed_run: Run, tmp_path: Path) -> None:
    _, options = ordered(analysed_run, movie_side=4096)
    with pytest.raises(InputError, match=r"998 pictures of 4096 × 4096 px are too many for a GIF"):
        check_traversal_movie(tmp_path / "movie.gif", 500, options)
    for view in ("aside", "1,2", "nan,0,0"):
        with pytest.raises(ValidationError, match="expected"):
            ordered(analysed_run, view=view)
