"""Folders that are replaced as a whole, and what is never removed with them."""

from pathlib import Path

import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_folder


def test_a_folder_of_own_files_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "vol_000.mrc").write_text("old")
    (folder / "vol_001.mrc").write_text("old")

    with atomic_folder(folder, overwrite=True, replaces=("vol_*.mrc",)) as temporary:
        (temporary / "vol_000.mrc").write_text("new")

    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("vol_000.mrc", "new")]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("stranger", ["notes.txt", "checkpoints/epoch-0001.pt"])
def test_a_folder_that_holds_anything_else_is_left_alone(tmp_path: Path, stranger: str) -> None:
    kept = tmp_path / "set" / stranger
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")

    with (
        pytest.raises(InputError, match="which --overwrite would remove too"),
        atomic_folder(tmp_path / "set", overwrite=True, replaces=("vol_*.mrc",)),
    ):
        pass

    assert kept.read_text() == "mine"


@pytest.mark.parametrize("patterns", [("*.cxc", "volumes/*.mrc"), ("*.cxc", "volumes/")])
def test_folders_within_are_replaced_where_they_are_named(tmp_path: Path, patterns: tuple[str, ...]) -> None:
    kept = tmp_path / "set" / "volumes"
    kept.mkdir(parents=True)
    (kept / "vol_000.mrc").write_text("old")
    with atomic_folder(tmp_path / "set", overwrite=True, replaces=patterns) as temporary:
        (temporary / "new.cxc").write_text("new")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["new.cxc"]


@pytest.mark.parametrize(
    "stranger", ["volumes/notes.txt", "volumes/older/vol_000.mrc", "others/vol_000.mrc", "volumes"]
)
def test_what_else_is_in_them_is_left_alone(tmp_path: Path, stranger: str) -> None:
    kept = tmp_path / "set" / stranger
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    with (
        pytest.raises(InputError, match="which --overwrite would remove too"),
        atomic_folder(tmp_path / "set", overwrite=True, replaces=("*.cxc", "volumes/*.mrc")),
    ):
        pass
    assert kept.read_text() == "mine"


def test_an_error_leaves_the_earlier_folder_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "vol_000.mrc").write_text("old")

    with (
        pytest.raises(ZeroDivisionError),
        atomic_folder(folder, overwrite=True, replaces=("vol_*.mrc",)) as temporary,
    ):
        (temporary / "vol_000.mrc").write_text(str(1 / 0))

    assert (folder / "vol_000.mrc").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_process_set_aside_is_put_back(tmp_path: Path) -> None:
    aside = tmp_path / ".set.ab12.previous"
    aside.mkdir()
    (aside / "vol_000.mrc").write_text("old")
    folder = tmp_path / "set"
    with pytest.raises(InputError, match="exists already"), atomic_folder(folder):
        pass
    assert (folder / "vol_000.mrc").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]
