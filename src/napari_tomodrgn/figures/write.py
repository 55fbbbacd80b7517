"""Write the figures and the report of an analysis."""

from pathlib import Path

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.figures.content import Content, read_content
from napari_tomodrgn.figures.pages import OPTIONAL, figures_of
from napari_tomodrgn.figures.report import write_report
from napari_tomodrgn.figures.style import save, styled
from napari_tomodrgn.files import refuse_existing
from napari_tomodrgn.runs.run import Run

FORMATS = {"overview": ("png",)}  # its panels are figures of their own, to be edited
_LAST = "comparison.png"  # of a labelling's figures


def write_figures(folder: AnalysisFolder, labelling: str, *, overwrite: bool = False) -> Path:
    """Draw one labelling, such as ``kmeans-4``, and return the report that shows it.

    The figures go to ``figures/LABELLING/`` as PNG and SVG, all of them on one page as overview.png. The report
    shows every labelling of the folder that has figures, so it is written anew and loses nothing.

    Raises
    ------
    InputError
        Where the labelling has figures already and may not be overwritten, or a table of it cannot be read.
    """
    refuse_existing(folder.figures(labelling) / "overview.png", overwrite)
    content = read_content(folder, labelling)
    _draw(folder, content)
    drawn = [name for name in folder.labellings() if (folder.figures(name) / _LAST).is_file()]
    contents = [content if name == labelling else read_content(folder, name) for name in drawn]
    return write_report(folder, contents)


def write_run_report(run: Run, epoch: int | None = None) -> Path:
    """Write the report of an epoch of a run (default: the chosen one) and return its path.

    It shows every labelling of the epoch; figures that are missing, or older than their labels, are drawn first.

    Raises
    ------
    InputError
        Where the run has no epoch yet, or a table cannot be read.
    """
    folder = AnalysisFolder(run.path, run.chosen_epoch if epoch is None else epoch)
    contents = []
    for name in folder.labellings():
        if folder.settings(name).is_file() and folder.centres(name).is_file():  # by `analyze`, not by hand
            contents.append(read_content(folder, name))
            if _are_old(folder, contents[-1]):
                _draw(folder, contents[-1])
    return write_report(folder, contents)


def _are_old(folder: AnalysisFolder, content: Content) -> bool:
    """Whether a labelling lacks a figure, or has figures older than its labels."""
    pictures = [folder.figures(content.name) / f"{name}.png" for name in figures_of(content)]
    written = folder.labels(content.name).stat().st_mtime
    return any(not path.is_file() or path.stat().st_mtime < written for path in pictures)


def _draw(folder: AnalysisFolder, content: Content) -> None:
    drawn = figures_of(content)
    for name in OPTIONAL - drawn.keys():
        for old in folder.figures(content.name).glob(f"{name}.*"):  # of classes that were replaced
            old.unlink()
    with styled():
        for name, draw in drawn.items():
            save(draw(content), folder.figures(content.name) / name, FORMATS.get(name, ("png", "svg")))
