"""``napari-tomodrgn fsc``."""

from typing import TYPE_CHECKING

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_facts, show_json, show_written
from napari_tomodrgn.reconstruction.map_curves import FscOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_tomodrgn.reconstruction.map_curves import MapCurve


def _run(options: FscOptions, as_json: bool) -> None:
    from napari_tomodrgn.reconstruction.map_curves import as_document, map_curves

    curves = map_curves(options)
    if options.outdir is not None:
        from napari_tomodrgn.figures.map_curves import write_curves_folder

        write_curves_folder(options, curves, options.outdir)
    if as_json:
        show_json(as_document(options, curves))
        return
    show_facts(_facts(curves))
    if options.outdir is not None:
        show_written(options.outdir)


def _facts(curves: "Sequence[MapCurve]") -> dict[str, str]:
    """Return the resolution of every map, a line a curve."""
    facts = {}
    for each in curves:
        if each.resolution == float("inf"):
            found = f"below {each.threshold:g} from the first shell on"
        else:
            end = " (to its end)" if each.reaches_its_end else ""
            found = f"{each.resolution:.2f} Å at {each.threshold:g}{end}"
        grid = f"{each.box} px of {each.pixel_size:.4g} Å, Nyquist {1 / each.nyquist:.4g} Å"
        mask = "in the mask" if each.masked else "no mask"
        facts[f"{each.name}, {each.kind}"] = f"{found}, {mask}; {grid}"
    return facts


COMMAND = Command(
    FscOptions,
    _run,
    has_json=True,
    details="Each map is held against its other half (read at 0.143) or a reference (read at 0.5), which may be of "
    "another box and pixel size; all curves stand on one axis in 1/Å, with the Nyquist of each map.",
)
