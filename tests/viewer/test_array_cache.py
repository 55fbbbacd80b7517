"""What is kept on the disk comes back, or counts as absent; it never stands in the way."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.viewer.array_cache import ArrayCache, cache_folder

VALUES = np.arange(1000, dtype=np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(tmp_path / "cache")


def test_arrays_come_back_under_their_key_alone(cache: ArrayCache) -> None:
    cache.put("a", values=VALUES, more=np.eye(3))
    found = cache.get("a")
    assert found is not None
    assert found.keys() == {"values", "more"}
    np.testing.assert_array_equal(found["values"], VALUES)
    assert cache.get("b") is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_file_counts_as_absent_and_is_removed(cache: ArrayCache, damage: str) -> None:
    cache.put("a", values=VALUES)
    path = cache.path("a")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:-300], "flipped": content, "empty": b"", "text": b"nothing of ours"}[damage])
    assert cache.get("a") is None
    assert not path.exists()
    cache.put("a", values=VALUES)
    assert cache.get("a") is not None


def test_the_file_of_another_key_counts_as_absent(cache: ArrayCache) -> None:
    cache.put("a", values=VALUES)
    cache.path("a").rename(cache.path("b"))
    assert cache.get("b") is None


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path, most_bytes=5 * 4600)
    for number, name in enumerate("abcde"):
        cache.put(name, values=VALUES)
        os.utime(cache.path(name), (number, number))
    assert cache.get("a") is not None  # used now
    cache.put("f", values=VALUES)
    assert [name for name in "abcdef" if cache.get(name) is None] == ["b", "c"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= cache.most_bytes


def test_what_a_killed_process_left_unfinished_goes(tmp_path: Path) -> None:
    for name, age in (("old", 0.0), ("new", 4e9)):
        (tmp_path / f".{name}.1.part.npz").write_bytes(b"0" * 9000)
        os.utime(tmp_path / f".{name}.1.part.npz", (age, age))
    ArrayCache(tmp_path, most_bytes=10000).put("a", values=VALUES)
    assert [path.name for path in tmp_path.glob(".*")] == [".new.1.part.npz"]


def test_a_full_disk_is_said_once_and_what_is_there_is_still_read(
    cache: ArrayCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put("a", values=VALUES)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with caplog.at_level("WARNING", logger="napari_tomodrgn"):
        cache.put("b", values=VALUES)
        cache.put("c", values=VALUES)
    assert len(caplog.records) == 1
    assert "no space left" in caplog.text
    assert [path.name for path in cache.folder.iterdir()] == [cache.path("a").name]
    assert cache.get("a") is not None
    assert cache.get("b") is None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = ArrayCache(tmp_path / "file" / "cache")
    cache.put("a", values=VALUES)
    assert cache.get("a") is None


def test_it_lies_where_the_system_keeps_what_can_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name == "posix":
        monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder().parts[-2:] == ("napari-tomodrgn", "volumes")
