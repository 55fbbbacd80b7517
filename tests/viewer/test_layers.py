"""Names of tomograms as shown and matched."""

import pytest

from napari_tomodrgn.viewer.layers import outline_layer, tomogram_label


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


def test_an_outline_has_the_twelve_edges_of_a_box() -> None:
    edges, attributes, kind = outline_layer("one", (100.0, 200.0, 300.0))
    assert kind == "vectors"
    assert attributes["metadata"]["experiment_id"] == "one"
    lines = {frozenset((tuple(map(int, start)), tuple(map(int, start + along)))) for start, along in edges}
    corners = [(z, y, x) for z in (0, 100) for y in (0, 200) for x in (0, 300)]
    expected = {
        frozenset((one, other))
        for one in corners
        for other in corners
        if sum(a != b for a, b in zip(one, other, strict=True)) == 1
    }
    assert lines == expected
