"""Lines of a validation's progress, and folders that are none."""

from pathlib import Path

import pytest

from napari_tomodrgn.analysis.validation.progress import ASKING, OPENING, Progress
from napari_tomodrgn.analysis.validation.stored import read_validation, validations_of
from napari_tomodrgn.errors import InputError


@pytest.mark.parametrize("progress", [Progress(OPENING, 0, 1), Progress(ASKING, 300, 900)])
def test_a_line_of_the_log_says_how_far_it_is(progress: Progress) -> None:
    assert Progress.of_line(f"{progress.line}\n") == progress


def test_other_lines_say_nothing() -> None:
    assert Progress.of_line("epoch 3: loss 0.98") is None
    assert Progress.of_line(f"{ASKING}: many of 900") is None


def test_a_line_is_worth_it_once_a_tenth() -> None:
    told: list[Progress] = []
    for done in range(901):
        step = Progress(ASKING, done, 900)
        if step.is_news(told[-1] if told else None):
            told.append(step)

    assert [each.done for each in told] == list(range(0, 901, 90))


def test_a_folder_that_is_no_validation_is_refused(tmp_path: Path) -> None:
    assert validations_of(tmp_path, 1) == []
    with pytest.raises(InputError, match="is not a readable validation"):
        read_validation(tmp_path)
    (tmp_path / "validation.json").write_text('{"maps": {"origins": {}}}')
    (tmp_path / "fsc.csv").write_text("shell,frequency_per_angstrom\n")
    with pytest.raises(InputError, match="lacks in_the_images"):
        read_validation(tmp_path)
