"""What the metadata of OME-Zarr folders say of a tomogram, and what is said where nothing can read them."""

import json
from pathlib import Path
from typing import Any

import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer import zarr_volume
from napari_tomodrgn.viewer.zarr_volume import described, open_zarr


def image(unit: str, scale: list[float], *, channel: bool = False, of_all: list[float] | None = None) -> dict[str, Any]:
    """Metadata of a multiscale image, as the NGFF specification lays them out."""
    axes = [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
    axes = [{"name": "c", "type": "channel"}, *axes] if channel else axes
    datasets = [
        {"path": f"s{level}", "coordinateTransformations": [{"type": "scale", "scale": [2**level * s for s in scale]}]}
        for level in range(2)
    ]
    whole = {"coordinateTransformations": [{"type": "scale", "scale": of_all}]} if of_all else {}
    return {"multiscales": [{"axes": axes, "datasets": datasets, **whole}]}


@pytest.mark.parametrize(
    ("name", "document", "expected"),
    [
        (".zattrs", image("angstrom", [13.5] * 3), ("s0", (13.5, 13.5, 13.5))),
        (".zattrs", image("nanometer", [1, 1.35, 1.35, 1.35], channel=True), ("s0", (13.5, 13.5, 13.5))),
        (".zattrs", image("nanometer", [1, 1, 1], of_all=[1.0, 2.0, 2.0]), ("s0", (10.0, 20.0, 20.0))),
        ("zarr.json", {"attributes": {"ome": image("micrometer", [0.001] * 3)}}, ("s0", (10.0, 10.0, 10.0))),
        (".zattrs", {"other": 1}, ("", None)),
    ],
)
def test_sides_of_voxels_are_in_angstrom(tmp_path: Path, name: str, document: Any, expected: Any) -> None:
    (tmp_path / name).write_text(json.dumps(document))
    path, sides = described(tmp_path)
    assert path == expected[0]
    assert sides == (None if expected[1] is None else pytest.approx(expected[1]))


def test_metadata_that_cannot_be_understood_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".zattrs").write_text('{"multiscales": []}')
    with pytest.raises(InputError, match="is not as OME-Zarr has it"):
        described(tmp_path)


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr_volume, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"needs the package zarr, which is not installed \(python -m pip install zarr"
    ):
        open_zarr(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        open_zarr(tmp_path / "nothing.zarr")
