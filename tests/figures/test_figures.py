"""Figures and the report: there, of the size they should be, not blank, and in need of nothing else."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.pages import FIGURES
from napari_tomodrgn.figures.style import DPI, class_colours
from napari_tomodrgn.figures.volumes import views
from napari_tomodrgn.figures.write import write_figures

Planted = Callable[..., AnalysisFolder]


class Page(HTMLParser):
    """What a browser would load, and the text of the table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.sources: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("img", "meta"):
            self.open_tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open_tags and self.open_tags[-1] == "td":
            self.cells.append(data.strip())


@pytest.fixture
def drawn(planted: Planted) -> AnalysisFolder:
    folder = planted()
    write_figures(folder, "kmeans-4")
    return folder


def test_every_figure_is_there_twice_and_not_blank(drawn: AnalysisFolder) -> None:
    pictures = drawn.figures("kmeans-4")

    for name in FIGURES:
        pixels = imread(pictures / f"{name}.png")[..., :3]
        assert (pixels == 1).all(axis=-1).mean() > 0.1, f"{name} has no background"
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50, f"{name} is blank"
        assert ElementTree.parse(pictures / f"{name}.svg").getroot().tag.endswith("svg")
    page = imread(pictures / "overview.png")
    assert page.shape[1] == 12 * DPI
    assert page.shape[0] > page.shape[1]


def test_classes_have_their_colours_in_the_umap(drawn: AnalysisFolder) -> None:
    pixels = (imread(drawn.figures("kmeans-4") / "umap.png")[..., :3] * 255).round().astype(int)

    for colour in class_colours(4):
        wanted = np.array([round(255 * part) for part in to_rgb(colour)])
        assert (np.abs(pixels - wanted).max(axis=-1) <= 2).sum() > 20, f"{colour} is missing"


def test_the_report_needs_no_other_file_and_no_network(drawn: AnalysisFolder) -> None:
    text = drawn.report.read_text(encoding="utf-8")
    page = Page(text)

    assert not page.open_tags
    assert len(page.sources) == 6
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text


def test_the_report_lists_classes_and_settings(drawn: AnalysisFolder) -> None:
    cells = Page(drawn.report.read_text(encoding="utf-8")).cells

    sizes = [int(cells[cells.index(str(label)) + 1]) for label in range(4)]
    assert sum(sizes) == 320
    assert sizes == sorted(sizes, reverse=True)
    assert cells[cells.index("method") + 1] == "kmeans"


def test_names_are_escaped_in_the_report(planted: Planted) -> None:
    folder = planted(volumes=False, prefix="<b>&")

    text = write_figures(folder, "kmeans-4").read_text(encoding="utf-8")

    assert "&lt;b&gt;&amp;tomogram_00" in text
    assert "<b>" not in text


def test_the_report_shows_every_labelling(planted: Planted) -> None:
    for classes in (4, 2):
        folder = planted(classes=classes, volumes=False)
        write_figures(folder, f"kmeans-{classes}")

    text = folder.report.read_text(encoding="utf-8")

    assert "2 classes by k-means" in text
    assert "4 classes by k-means" in text


@pytest.mark.parametrize(("classes", "tomograms"), [(1, 1), (24, 40)])
def test_few_and_many_classes_can_be_drawn(planted: Planted, classes: int, tomograms: int) -> None:
    folder = planted(classes=classes, tomograms=tomograms)

    assert write_figures(folder, f"kmeans-{classes}").is_file()


def test_figures_are_not_overwritten_unasked(drawn: AnalysisFolder) -> None:
    before = (drawn.figures("kmeans-4") / "pca.svg").read_bytes()

    with pytest.raises(InputError, match="exists already"):
        write_figures(drawn, "kmeans-4")
    write_figures(drawn, "kmeans-4", overwrite=True)

    assert (drawn.figures("kmeans-4") / "pca.svg").read_bytes() == before


def test_drawing_leaves_no_settings_behind(planted: Planted) -> None:
    before = dict(matplotlib.rcParams)

    write_figures(planted(volumes=False), "kmeans-4")

    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("classes", [1, 7, 8, 20, 23, 100])
def test_every_class_has_a_colour_of_its_own(classes: int) -> None:
    assert len(set(class_colours(classes))) == classes


def test_views_are_central_slices_projection_and_difference() -> None:
    volumes = np.random.default_rng(0).normal(size=(3, 6, 6, 6))

    across_z, across_y, projection, difference = views(volumes)

    np.testing.assert_array_equal(across_z[1], volumes[1, 3, :, :])
    np.testing.assert_array_equal(across_y[1], volumes[1, :, 3, :])
    np.testing.assert_allclose(projection[2], volumes[2].sum(axis=0))
    np.testing.assert_allclose(difference.sum(axis=0), 0, atol=1e-12)


def test_figures_do_not_open_a_window_system(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; import napari_tomodrgn.figures.write; "
        "sys.exit(any(name in sys.modules for name in ('matplotlib.pyplot', 'qtpy', 'tkinter', 'napari')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False).returncode == 0
