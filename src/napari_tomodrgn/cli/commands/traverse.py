"""``napari-tomodrgn traverse``."""

from napari_tomodrgn.analysis.traverse_options import TraverseOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_json, show_written


def _run(options: TraverseOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.traverse import output_folder, traverse
    from napari_tomodrgn.files import refuse_existing

    traversal = traverse(options)
    refuse_existing(output_folder(traversal, options), options.overwrite)
    from napari_tomodrgn.figures.traversal import save_traversal

    document, folder = save_traversal(traversal, options)
    if as_json:
        show_json({**document, "folder": folder})
        return
    show_written(folder)


COMMAND = Command(
    TraverseOptions,
    _run,
    has_json=True,
    details="Writes RUN/volumes/epoch-NNNN/NAME: latents.npy, vol_000.mrc … and index.csv (place on the way, particle "
    "or blank, the nearest particle, latent), traversal.json, and pictures.",
)
