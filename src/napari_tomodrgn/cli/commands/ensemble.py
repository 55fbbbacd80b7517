"""``napari-tomodrgn ensemble``."""

from napari_tomodrgn.analysis.ensemble.options import EnsembleOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_json, show_written


def _run(options: EnsembleOptions, as_json: bool) -> None:
    from napari_tomodrgn.figures.ensemble import save_ensemble

    found, folder = save_ensemble(options)
    labels = found.folder.labels(options.labelling)
    if as_json:
        show_json({**found.document(), "folder": folder, "labels": labels})
        return
    show_written(folder, labels)


COMMAND = Command(
    EnsembleOptions,
    _run,
    has_json=True,
    details="Decodes every particle's volume and finds the principal components of their voxels within a mask, "
    "classes, and each volume's correlation with a map. Writes RUN/analysis/epoch-NNNN/ensemble/NAME, and beside it "
    "labels-voxels-K.csv.",
)
