"""Names of tomograms as shown and matched."""

import pytest

from napari_tomodrgn.viewer.layers import tomogram_label


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Unt_050.tomostar", "Unt_050"),
        ("Unt_050_12.00Apx", "Unt_050"),
        ("001", "001"),
        ("1e5", "1e5"),
        ("TS_01_10Apx.tomostar", "TS_01"),
        ("tomo.v2", "tomo.v2"),
    ],
)
def test_endings_that_programs_add_are_left_out(written: str, shown: str) -> None:
    assert tomogram_label(written) == shown
