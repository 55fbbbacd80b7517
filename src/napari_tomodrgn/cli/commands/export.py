"""``napari-tomodrgn export``: chimerax, tomogram, coordinates."""

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written
from napari_tomodrgn.interop.export_options import ChimeraxOptions, CoordinatesOptions, TomogramOptions


def _tomogram(options: TomogramOptions, _as_json: bool) -> None:
    from napari_tomodrgn.interop.export_tomogram import export_tomogram

    written = export_tomogram(options)
    show_written(written.density, written.classes, written.table)


def _chimerax(options: ChimeraxOptions, _as_json: bool) -> None:
    from napari_tomodrgn.interop.export_chimerax import export_chimerax

    show_written(*export_chimerax(options))


def _coordinates(options: CoordinatesOptions, _as_json: bool) -> None:
    from napari_tomodrgn.interop.export_coordinates import export_coordinates

    show_written(*export_coordinates(options))


COMMANDS = {
    "chimerax": (
        "Scenes for ChimeraX: volumes at their poses, by class.",
        Command(
            ChimeraxOptions,
            _chimerax,
            details="Writes NAME.cxc for each tomogram, which ChimeraX opens, NAME.csv, which says which model is "
            "which particle, and the volumes beside them.",
        ),
    ),
    "tomogram": (
        "A tomogram filled with its particles' volumes.",
        Command(
            TomogramOptions,
            _tomogram,
            details="Writes NAME.mrc (float32) and NAME_classes.mrc (uint16) on the tomogram's grid, and "
            "NAME_classes.csv, which says what the numbers in the latter mean.",
        ),
    ),
    "coordinates": (
        "Coordinates and angles: CSV, RELION, Warp, Dynamo.",
        Command(
            CoordinatesOptions,
            _coordinates,
            details="Writes one file; beside a table of Dynamo also a .doc with the number and name of each tomogram. "
            "`select` writes particles in the dialect that they came from.",
        ),
    ),
}
