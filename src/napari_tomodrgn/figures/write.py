"""Write the figures and the report of an analysis."""

from pathlib import Path

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.figures.content import read_content
from napari_tomodrgn.figures.pages import FIGURES
from napari_tomodrgn.figures.report import write_report
from napari_tomodrgn.figures.style import save, styled
from napari_tomodrgn.files import refuse_existing

FORMATS = {"overview": ("png",)}  # its panels are figures of their own, to be edited


def write_figures(folder: AnalysisFolder, labelling: str, *, overwrite: bool = False) -> Path:
    """Draw one labelling, such as ``kmeans-4``, and return the report that shows it.

    The figures go to ``figures/LABELLING/`` as PNG and SVG, all of them on one page as overview.png. The report
    shows every labelling of the folder that has figures, so it is written anew and loses nothing.

    Raises
    ------
    InputError
        Where the labelling has figures already and may not be overwritten, or a table of it cannot be read.
    """
    target = folder.figures(labelling)
    refuse_existing(target / "overview.png", overwrite)
    content = read_content(folder, labelling)
    with styled():
        for name, draw in FIGURES.items():
            save(draw(content), target / name, FORMATS.get(name, ("png", "svg")))
    drawn = [name for name in folder.labellings() if (folder.figures(name) / "comparison.png").is_file()]
    contents = [content if name == labelling else read_content(folder, name) for name in drawn]
    return write_report(folder, contents)
