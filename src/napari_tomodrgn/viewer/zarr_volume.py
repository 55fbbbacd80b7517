"""Tomograms in OME-Zarr folders: opened by napari's own reader, with the voxel size that their metadata say."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.mrc_volume import Volume, VolumeFile
from napari_tomodrgn.viewer.tiff_volume import ANGSTROM

SUFFIXES = (".zarr",)
_METADATA = (".zattrs", "zarr.json")  # of versions 2 and 3
_LONG_NAMES = {"picometer": "pm", "ångström": "å"}


def open_zarr(path: Path) -> VolumeFile:
    """Open the finest volume of an OME-Zarr, or a Zarr array, of which only what is looked at is read.

    Raises
    ------
    InputError
        If it is missing, no volume, or there is no package that reads it.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder; choose the folder of the tomograms where they are now")
    finest, sides = described(path)
    if find_spec("zarr") is None:
        raise InputError(
            f"{path}: needs the package zarr, which is not installed (python -m pip install zarr); or write it as MRC"
        )
    from napari_builtins.io import read_zarr_dataset

    try:
        data, _ = read_zarr_dataset(str(path / finest))
    except Exception as error:  # any, as stores and their compression have many kinds
        raise InputError(f"{path}: can't be read as OME-Zarr ({error}); write it again, or as MRC") from error
    return VolumeFile.of(path, _volume(path, data), sides)


def _volume(path: Path, data: Any) -> Volume:
    """Return (Z, Y, X) of an array whose further axes have one entry only."""
    values: Any = data[0] if isinstance(data, list) else data
    found = tuple(values.shape)
    while values.ndim > 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3:
        raise InputError(f"{path}: holds an array of {found}, not one volume; write each volume by itself")
    volume: Volume = values
    return volume


def described(path: Path) -> tuple[str, tuple[float, float, float] | None]:
    """Return where the finest volume lies within an OME-Zarr, and the sides z, y, x of its voxels in Å.

    ``("", None)`` where there are no such metadata, as in a plain array.

    Raises
    ------
    InputError
        If the metadata are there and can't be understood.
    """
    for name in _METADATA:
        file = path / name
        if not file.is_file():
            continue
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            document = document.get("attributes", document) if name == "zarr.json" else document
            document = document.get("ome", document)
            if "multiscales" not in document:
                continue
            image = document["multiscales"][0]
            finest = image["datasets"][0]
            return str(finest["path"]), _sides(image.get("axes", []), finest, image)
        except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise InputError(f"{file}: is not as OME-Zarr has it ({error!r}); write it again, or as MRC") from error
    return "", None


def _sides(axes: list[Any], finest: dict[str, Any], image: dict[str, Any]) -> tuple[float, float, float] | None:
    """Return the product of the scales of a level and of the whole image, in Å; the last three axes are z, y, x."""
    units = [str(axis.get("unit", "")).lower() if isinstance(axis, dict) else "" for axis in axes][-3:]
    angstrom = [ANGSTROM.get(_LONG_NAMES.get(unit, unit)) for unit in units]
    sides = [1.0, 1.0, 1.0]
    scaled = False
    for transform in [*finest.get("coordinateTransformations", []), *image.get("coordinateTransformations", [])]:
        if transform.get("type") == "scale":
            scaled = True
            sides = [side * float(each) for side, each in zip(sides, transform["scale"][-3:], strict=True)]
    if not scaled or len(angstrom) < 3:
        return None
    z, y, x = (side * unit if unit is not None else float("nan") for side, unit in zip(sides, angstrom, strict=True))
    return z, y, x
