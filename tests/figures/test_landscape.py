"""The latent landscape: volumes stand where their lines don't cross, and lead to the points they are of."""

from collections.abc import Callable
from itertools import combinations, permutations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import ConnectionPatch, Rectangle
from scipy.spatial.distance import pdist, squareform

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.figures.classes import draw_shares
from napari_tomodrgn.figures.content import Content, read_content
from napari_tomodrgn.figures.hierarchy import hierarchy_figure
from napari_tomodrgn.figures.landscape import (
    border_cells,
    caption,
    cells_along_a_side,
    landscape_figure,
    places_for,
    reach_of,
)
from napari_tomodrgn.figures.style import class_colours, new_figure, save, styled

Planted = Callable[..., AnalysisFolder]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory, plant: Planted) -> Content:
    return read_content(plant(tmp_path_factory.mktemp("landscape"), classes=5, tomograms=3), "kmeans-5")


def crosses(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    """Whether the segments a–b and c–d cross: the ends of each lie on either side of the other."""

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
        return float(np.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def test_places_are_the_nearest_in_all() -> None:
    points, cells = np.random.default_rng(1).uniform(0.3, 0.7, (4, 2)), border_cells(3)

    found = places_for(points, cells)

    best = min(permutations(range(8), 4), key=lambda own: np.linalg.norm(points - cells[list(own)], axis=1).sum())
    assert found.tolist() == list(best)


@pytest.mark.parametrize("seed", range(5))
def test_no_two_lines_cross(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0.2, 0.8, (20, 2))
    cells = border_cells(cells_along_a_side(20))

    ends = cells[places_for(points, cells)]

    assert len(np.unique(ends, axis=0)) == 20
    assert not any(crosses(points[a], ends[a], points[b], ends[b]) for a, b in combinations(range(20), 2))


def test_lines_lead_from_the_centre_particles_to_their_volumes(content: Content) -> None:
    figure = landscape_figure(content)

    density, *pictures = figure.axes
    lines = [each for each in figure.artists if isinstance(each, ConnectionPatch)]
    assert len(lines) == len(pictures) == 5
    expected = density.transData.transform(content.embedding.umap[content.centre_rows])
    began = figure.transSubfigure.transform([line.xy1 for line in lines])
    np.testing.assert_allclose(began, expected, atol=0.5)
    assert [to_hex(line.get_edgecolor()).upper() for line in lines] == class_colours(5)
    frames = [each for each in figure.artists if isinstance(each, Rectangle)]
    for line, frame, own in zip(lines, frames, pictures, strict=True):
        box = frame.get_bbox()
        assert box.x0 <= own.get_position().x0 <= own.get_position().x1 <= box.x1
        assert np.allclose(np.clip(line.xy2, box.min, box.max), line.xy2)


def test_every_particle_is_counted_in_the_density(content: Content) -> None:
    (hexagons,) = landscape_figure(content).axes[0].collections

    assert hexagons.get_array().sum() == len(content.labels)


def test_a_volume_is_seen_upright_about_its_middle() -> None:
    """What lies at +x and +y is right of and above the middle, and all that is dense is in sight."""
    volumes = np.zeros((2, 32, 32, 32), dtype=np.float32)
    volumes[0, 14:19, 22:25, 18:21] = 1  # z, y, x: 6 to 8 px up, 2 to 4 to the right
    figure = new_figure(2, 2)
    from napari_tomodrgn.figures.landscape import _draw_surface

    reach = reach_of(volumes, 0.5)
    _draw_surface(axes := figure.subplots(), volumes[0], 0.5, reach, "#000000")

    assert reach >= 8
    picture = axes.images[0].get_array()[..., 0]
    rows, columns = np.nonzero(picture < 255)
    scale = len(picture) / (2 * reach + 1)
    assert (len(picture) / 2 - rows.mean()) / scale == pytest.approx(7, abs=1)
    assert (columns.mean() - len(picture) / 2) / scale == pytest.approx(3, abs=1)


def test_the_landscape_is_vectors_and_letters_but_for_surfaces(content: Content, tmp_path: Path) -> None:
    with styled():
        save(landscape_figure(content), tmp_path / "landscape")

    root = ElementTree.parse(tmp_path / "landscape.svg").getroot()
    assert len(root.findall(".//{*}image")) == 5
    words = " ".join("".join(text.itertext()) for text in root.findall(".//{*}text"))
    assert "320 particles of epoch 12 by UMAP" in words
    assert "0  (" in words


def test_the_caption_says_what_is_left_out(plant: Planted, tmp_path: Path) -> None:
    many = read_content(plant(tmp_path / "many", classes=30), "kmeans-30")
    none = read_content(plant(tmp_path / "none", volumes=False), "kmeans-4")

    assert "volumes of the 24 largest" in caption(many)
    assert "volumes" not in caption(none)
    assert len(landscape_figure(none).axes) == 1


def test_areas_of_the_composition_are_shares_of_all_particles(content: Content) -> None:
    draw_shares(axes := new_figure(9, 4).subplots(), content)

    tomograms = np.array([tomogram for tomogram, _ in content.embedding.ids])
    for label, colour in enumerate(class_colours(5)):
        columns = [
            each for each in axes.patches if to_hex(each.get_facecolor()).upper() == colour and each.get_x() < 100
        ]
        areas = [each.get_width() * each.get_height() for each in columns]
        counted = [int(((tomograms == name) & (content.labels == label)).sum()) for name in content.composition.index]
        np.testing.assert_allclose(areas, 1e4 * np.array(counted) / len(tomograms))
    assert sum(each.get_width() * each.get_height() for each in axes.patches if each.get_x() < 100) == pytest.approx(
        1e4
    )


@pytest.mark.parametrize("volumes", [True, False])
def test_the_tree_stands_beside_its_matrix_in_one_order(plant: Planted, tmp_path: Path, volumes: bool) -> None:
    content = read_content(plant(tmp_path, classes=6, volumes=volumes), "kmeans-6")

    tree, matrix, _ = hierarchy_figure(content).axes

    names = [int(text.get_text()) for text in matrix.get_yticklabels()]
    assert names == [int(text.get_text()) for text in matrix.get_xticklabels()]
    z = content.centres.filter(regex="^z").to_numpy()
    alike = squareform(pdist(z)) if content.comparison is None else content.comparison.correlations
    np.testing.assert_allclose(matrix.images[0].get_array(), alike[np.ix_(names, names)])
    ends = {round(float(y), 6) for line in tree.lines for x, y in zip(*line.get_data(), strict=True) if x == 0}
    assert ends >= set(range(6))  # a leaf beside every row
