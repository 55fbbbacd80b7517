"""Options as forms show them: what each is asked by, and values as texts that the command line takes."""

from pathlib import Path
from typing import Any

import pytest

from napari_tomodrgn.cli.option_fields import fields_of, texts_of
from napari_tomodrgn.cli.options import checked
from napari_tomodrgn.training.options import TrainOptions


@pytest.mark.parametrize(
    ("name", "kind", "default"),
    [
        ("particles", "file", ""),
        ("outdir", "folder", ""),
        ("epochs", "whole number", "50"),
        ("patience", "text", ""),
        ("learning_rate", "text", "0.0002"),
        ("dose_mask", "flag", "on"),
        ("spectral_prior", "flag", ""),
        ("pooling", "choice", "concatenate"),
        ("dialect", "choice", "auto"),
        ("tilts_per_particle", "text", "auto"),
        ("decoder", "text", "256x3"),
        ("focus_mask", "file", ""),
        ("store_dir", "folder", ""),
    ],
)
def test_what_an_option_is_asked_by(name: str, kind: str, default: str) -> None:
    field = fields_of(TrainOptions)[name]
    assert (field.kind, field.default) == (kind, default)


def test_bounds_choices_and_help_are_the_models() -> None:
    fields = fields_of(TrainOptions)
    assert (fields["epochs"].low, fields["epochs"].high) == (1, None)
    assert (fields["seed"].low, fields["seed"].high) == (0, 2**32 - 1)
    assert fields["held_out_by"].choices == ("particle", "tilt")
    assert "warptools" in fields["dialect"].choices
    assert fields["epochs"].tip == "Passes over the particles.\n--epochs [default: 50]"
    assert [fields[name].heading for name in ("box", "pooling", "epochs")] == ["Data options", "Network", "Training"]


def test_texts_give_the_same_options_again() -> None:
    unlike: dict[str, Any] = {
        "particles": Path("a.star"), "outdir": Path("out"), "learning_rate": 1 / 3, "beta": 0.0, "kl_target": 2.5,
        "spectral_prior": False, "dose_mask": False, "tilts_per_particle": 7, "pooling": "none", "patience": 3,
        "selection": Path("s.json"), "ctf_power": "2", "point_fraction": 0.1, "seed": 2**32 - 1,
    }  # fmt: skip
    options = TrainOptions(**unlike)
    again, refused = checked(
        TrainOptions, {name: text or None for name, text in texts_of(dict(options)).items()}, "train"
    )
    assert refused == {}
    assert again == options
