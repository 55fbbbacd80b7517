"""Figures and the report: there, of the size they should be, not blank, and in need of nothing else."""

import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.content import read_content
from napari_tomodrgn.figures.pages import FIGURES
from napari_tomodrgn.figures.style import DPI, class_colours, save, styled
from napari_tomodrgn.figures.volumes import views
from napari_tomodrgn.figures.write import write_figures

Planted = Callable[..., AnalysisFolder]


class Page(HTMLParser):
    """What a browser would load, and the text of the table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.sources: list[str] = []
        self.links: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("img", "meta", "br"):
            self.open_tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name == "src"]
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open_tags and self.open_tags[-1] == "td":
            self.cells.append(data.strip())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, plant: Planted) -> AnalysisFolder:
    folder = plant(tmp_path_factory.mktemp("drawn") / "run")
    write_figures(folder, "kmeans-4")
    return folder


def colours_of(path: Path) -> np.ndarray:
    """The picture (height, width) as 0xRRGGBB."""
    return (imread(path)[..., :3] * 255).round().astype(int) @ [1 << 16, 1 << 8, 1]


def test_every_figure_is_there_and_not_blank(drawn: AnalysisFolder) -> None:
    pictures = drawn.figures("kmeans-4")

    for name in FIGURES:
        pixels = colours_of(pictures / f"{name}.png")
        assert (pixels == 0xFFFFFF).mean() > 0.1, f"{name} has no background"
        assert len(np.unique(pixels)) > 50, f"{name} is blank"
        if name != "overview":
            assert ElementTree.parse(pictures / f"{name}.svg").getroot().tag.endswith("svg")
    page = colours_of(pictures / "overview.png")
    assert page.shape[1] == 12 * DPI
    assert page.shape[0] > page.shape[1]


def test_classes_have_their_colours_in_the_umap(drawn: AnalysisFolder) -> None:
    pixels = colours_of(drawn.figures("kmeans-4") / "umap.png")

    for colour in class_colours(4):
        assert (pixels == int(colour[1:], 16)).sum() > 20, f"{colour} is missing"


def test_the_report_needs_no_other_file_and_no_network(drawn: AnalysisFolder) -> None:
    text = drawn.report.read_text(encoding="utf-8")
    page = Page(text)

    assert not page.open_tags
    assert len(page.sources) == 9
    assert all(f'id="{link[1:]}"' in text for link in page.links)
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


def test_names_are_escaped_in_the_report(plant: Planted, tmp_path: Path) -> None:
    folder = plant(tmp_path, volumes=False, prefix="<b>&")

    text = write_figures(folder, "kmeans-4").read_text(encoding="utf-8")

    assert "&lt;b&gt;&amp;tomogram_00" in text
    assert "<b>&" not in text


def test_the_report_shows_every_labelling(drawn: AnalysisFolder, plant: Planted, tmp_path: Path) -> None:
    shutil.copytree(drawn.run, tmp_path, dirs_exist_ok=True)

    text = write_figures(plant(tmp_path, classes=2, volumes=False), "kmeans-2").read_text(encoding="utf-8")

    assert "2 classes by k-means" in text
    assert "4 classes by k-means" in text


@pytest.mark.parametrize(("classes", "tomograms"), [(1, 1), (24, 40)])
def test_few_and_many_classes_can_be_drawn(plant: Planted, tmp_path: Path, classes: int, tomograms: int) -> None:
    content = read_content(plant(tmp_path, classes=classes, tomograms=tomograms), f"kmeans-{classes}")

    with styled(), warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in FIGURES.values():
            draw(content).draw_without_rendering()


def test_the_report_says_whether_the_volumes_were_masked(drawn: AnalysisFolder, plant: Planted, tmp_path: Path) -> None:
    text = write_figures(plant(tmp_path, classes=2, box=64), "kmeans-2").read_text(encoding="utf-8")

    assert "within the soft mask" in text
    assert "without a mask" not in text
    assert "without a mask" in drawn.report.read_text(encoding="utf-8")


def test_the_report_counts_classes_in_tomograms(drawn: AnalysisFolder) -> None:
    cells = Page(drawn.report.read_text(encoding="utf-8")).cells
    content = read_content(drawn, "kmeans-4")

    at = cells.index("tomogram_001")
    mine = [number for number, (tomogram, _) in enumerate(content.embedding.ids) if tomogram == "tomogram_001"]
    assert [int(cell) for cell in cells[at + 1 : at + 6]] == [*np.bincount(content.labels[mine]), len(mine)]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda lines: lines[:-1], "labels 319 particles, but not the 320 of the embedding"),
        (lambda lines: [*lines, "elsewhere,1,0"], "labels 321 particles, but not the 320 of the embedding"),
        (lambda lines: [*lines[:-1], lines[-1][:-1] + "9"], "has label 9, and the table of centres beside it has 4"),
    ],
    ids=["too few", "too many", "another class"],
)
def test_labels_of_other_particles_are_not_drawn(
    drawn: AnalysisFolder, tmp_path: Path, spoil: Callable[[list[str]], list[str]], sentence: str
) -> None:
    shutil.copytree(drawn.run, tmp_path, dirs_exist_ok=True)
    folder = AnalysisFolder(tmp_path, drawn.epoch)
    labels = folder.labels("kmeans-4")
    labels.write_text("\n".join(spoil(labels.read_text().splitlines())))

    with pytest.raises(InputError, match=sentence):
        read_content(folder, "kmeans-4")


def test_curves_are_read_against_one_half_and_nyquist(drawn: AnalysisFolder) -> None:
    figure = FIGURES["comparison"](read_content(drawn, "kmeans-4"))

    curves, resolutions, correlations = figure.axes
    assert {text.get_text() for text in curves.texts} == {"0.5", "Nyquist"}
    assert [line.get_xdata()[0] for line in curves.lines if line.get_linestyle() == "--"] == pytest.approx([1 / 16])
    assert len([line for line in curves.lines if len(line.get_xdata()) == 12]) == 3
    assert resolutions.images[0].get_array().shape == correlations.images[0].get_array().shape == (4, 4)


def test_figures_are_not_overwritten_unasked(drawn: AnalysisFolder) -> None:
    with pytest.raises(InputError, match="exists already"):
        write_figures(drawn, "kmeans-4")


def test_equal_figures_are_equal_files_and_leave_no_settings_behind(drawn: AnalysisFolder, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    content = read_content(drawn, "kmeans-4")

    with styled():
        files = save(FIGURES["pca"](content), tmp_path / "pca")

    assert dict(matplotlib.rcParams) == before
    for file in files:
        assert file.read_bytes() == (drawn.figures("kmeans-4") / file.name).read_bytes()


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
    program = (
        "import sys; import napari_tomodrgn.figures.write; "
        "sys.exit(any(name in sys.modules for name in ('matplotlib.pyplot', 'qtpy', 'tkinter', 'napari')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False).returncode == 0
