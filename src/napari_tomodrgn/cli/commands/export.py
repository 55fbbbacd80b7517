"""``napari-tomodrgn export``: chimerax, tomogram, coordinates."""

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written
from napari_tomodrgn.interop.export_options import ChimeraxOptions, TomogramOptions


def _tomogram(options: TomogramOptions, _as_json: bool) -> None:
    from napari_tomodrgn.interop.export_tomogram import export_tomogram

    written = export_tomogram(options)
    show_written(written.density, written.classes, written.table)


def _chimerax(options: ChimeraxOptions, _as_json: bool) -> None:
    from napari_tomodrgn.interop.export_chimerax import export_chimerax

    show_written(*export_chimerax(options))


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
}
