"""The options of a training as a person sets them: only what differs is given, and complaints are the command's."""

import pytest

from napari_tomodrgn.cli.exits import exit_code_of
from napari_tomodrgn.cli.main import load_command
from napari_tomodrgn.cli.options import option_name
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.viewer.option_values import OptionValues


@pytest.fixture
def values() -> OptionValues:
    return OptionValues(TrainOptions, "train", without=("dry_run",))


def test_only_what_differs_is_given(values: OptionValues) -> None:
    values.take({"particles": "a b.star", "outdir": "run", "epochs": "50", "pooling": "mean", "dose_mask": "off"})
    values.set("learning_rate", "1e-3")
    values.set("spectral_prior", "on")
    assert values.words() == [
        "train", "a b.star", "--outdir", "run", "--learning-rate", "0.001", "--pooling", "mean", "--no-dose-mask",
        "--spectral-prior",
    ]  # fmt: skip
    values.set("learning_rate", "")
    values.set("spectral_prior", "")
    assert values.words()[4:] == ["--pooling", "mean", "--no-dose-mask"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("epochs", "0"),
        ("learning_rate", "fast"),
        ("learning_rate", "nan"),
        ("decoder", "256"),
        ("tilts_per_particle", "some"),
        ("held_out_fraction", "1"),
        ("beta", "inf"),
    ],
)
def test_a_refusal_is_the_command_lines(
    values: OptionValues, name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = load_command("train")
    words = ["a.star", "--outdir", "run", option_name(name), text]

    def work() -> None:
        with command.make_context("train", words) as context:
            command.invoke(context)

    assert exit_code_of(work, debug=False) == 2
    said = capsys.readouterr().err
    values.take({"particles": "a.star", "outdir": "run", name: text})
    assert said == f"napari-tomodrgn: error: {values.refused[name]}\n"
    assert list(values.refused) == [name]
    with pytest.raises(InputError, match=f"^{option_name(name)}"):
        values.words()
    values.set(name, "")
    assert values.refused == {}


def test_what_is_not_given_yet_is_no_mistake_until_the_training_is_to_begin(values: OptionValues) -> None:
    values.set("epochs", "3")
    assert (values.refused, values.missing, values.ready) == ({}, ["particles", "outdir"], False)
    with pytest.raises(InputError, match="PARTICLES: is missing"):
        values.words()


def test_what_the_command_says_is_kept_with_its_option_until_values_change(values: OptionValues) -> None:
    values.take({"particles": "a.star", "outdir": "run", "keep": "best"})
    said = values.take_errors(
        "reading\nnapari-tomodrgn: error: --keep best: looks at what is held out\n"
        "napari-tomodrgn: error: a.star: no such file\nnapari-tomodrgn: error: something else\n"
    )
    assert len(said) == 3
    assert values.refused == {"keep": "--keep best: looks at what is held out", "particles": "a.star: no such file"}
    values.set("keep", "last")
    assert values.refused == {}
