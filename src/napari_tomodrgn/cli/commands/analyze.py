"""``napari-tomodrgn analyze``."""

from napari_tomodrgn.analysis.analyze import AnalyzeOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written


def _run(options: AnalyzeOptions, _as_json: bool) -> None:
    from napari_tomodrgn.analysis.analyze import analyze

    analysis = analyze(options)
    written = [analysis.folder.labels(analysis.labelling), analysis.folder.centres(analysis.labelling)]
    if analysis.volumes is not None:
        written.append(analysis.volumes)
    if options.figures:
        from napari_tomodrgn.figures.write import write_figures

        written.append(write_figures(analysis.folder, analysis.labelling, overwrite=options.overwrite))
    show_written(*written)


COMMAND = Command(
    AnalyzeOptions,
    _run,
    details="Writes RUN/analysis/epoch-NNNN: embedding.npz, labels-METHOD-K.csv (labels from 0), centres-METHOD-K.csv, "
    "figures and report.html, and the class volumes to RUN/volumes/epoch-NNNN/METHOD-K.",
)
