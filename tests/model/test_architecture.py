"""The shape of a model survives a JSON file, and layers are written as the paper writes them."""

import json

import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.model.architecture import Architecture, Layers


def test_layers_are_nodes_by_hidden_layers() -> None:
    assert Layers.parse("256x3", "--decoder") == (256, 3)


@pytest.mark.parametrize("text", ["256", "x3", "0x3", "256x3x1", "wide"])
def test_other_notations_are_refused_by_option(text: str) -> None:
    with pytest.raises(InputError, match=r"--decoder is .*256x3"):
        Layers.parse(text, "--decoder")


def test_architecture_survives_json() -> None:
    architecture = Architecture(32, 8, "attention", decoder=Layers(128, 2), positional_encoding="geom_lowf", seed=3)
    assert Architecture.from_dict(json.loads(json.dumps(architecture.as_dict()))) == architecture
