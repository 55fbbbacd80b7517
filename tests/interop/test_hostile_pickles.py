"""Pickles are read as data: whatever else they ask for is refused by its name, and nothing of it is run."""

import io
import pickle
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.pickles import read_pickles
from napari_tomodrgn.interop.tomodrgn_files import TomodrgnRun, latents
from napari_tomodrgn.interop.torch_archive import read_torch

from .hostile import PROTO, RUN_BY_PICKLE, call, damaged, in_tuple, name, payloads, text, value, whole

CANARY = Path(tempfile.gettempdir()) / "canary-that-nothing-touches"
HOSTILE, DAMAGED = payloads(CANARY), damaged()


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Hold every test to this: no payload of it was carried out."""
    modules = set(sys.modules)
    yield
    assert not CANARY.exists()
    assert not {"antigravity", "runpy"} & (set(sys.modules) - modules)


def refused(read: Callable[[], object], path: Path, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read()
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert says in sentence
    assert "\n" not in sentence
    assert len(sentence) < 500


@pytest.mark.parametrize("payload", HOSTILE)
def test_a_hostile_pickle_is_refused_by_the_name_of_what_it_asks_for(payload: str, tmp_path: Path) -> None:
    data, says = HOSTILE[payload]
    path = tmp_path / "z.train.pkl"
    path.write_bytes(data)
    refused(lambda: latents(path), path, says)
    refused(lambda: list(read_pickles(path)), path, "nothing was run")


@pytest.mark.parametrize("payload", HOSTILE)
def test_so_is_one_within_the_settings_and_within_weights(payload: str, tmp_path: Path) -> None:
    """Deep in a dictionary, after values that are sound."""
    data, says = HOSTILE[payload]
    body = data.removeprefix(PROTO).removesuffix(b".")
    inner = whole(b"}(", text("epoch"), value(2), text("model_state_dict"), b"}(", text("bias"), body, b"uu")
    config = tmp_path / "config.pkl"
    config.write_bytes(inner)
    for other in ("weights.pkl", "z.train.pkl"):
        (tmp_path / other).write_bytes(b"")
    refused(lambda: TomodrgnRun.open(tmp_path), config, says)
    weights = tmp_path / "weights.pkl"
    write_archive(weights, inner)
    says = says if payload != "persistent id" else "persistent id that is no storage"
    refused(lambda: read_torch(weights), weights, says)


def test_the_payloads_are_hostile(tmp_path: Path) -> None:
    """Python's own unpickler carries them out, in a process of its own; so the tests above can fail."""
    program = (
        "import pickle, sys\nfor path in sys.argv[1:]:\n    try:\n        pickle.loads(open(path, 'rb').read())\n"
        "    except Exception:\n        pass\n"
    )
    paths = [tmp_path / f"{number}.pkl" for number in range(len(RUN_BY_PICKLE))]
    for path, payload in zip(paths, RUN_BY_PICKLE, strict=True):
        path.write_bytes(payloads(path.with_suffix(".canary"))[payload][0])
    subprocess.run([sys.executable, "-c", program, *paths], check=True)
    touched = [path.with_suffix(".canary").exists() for path in paths]
    assert [payload for payload, ran in zip(RUN_BY_PICKLE, touched, strict=True) if not ran] == []


@pytest.mark.parametrize("payload", DAMAGED)
def test_a_file_that_is_no_table_of_latents_is_one_sentence(payload: str, tmp_path: Path) -> None:
    data, says = DAMAGED[payload]
    path = tmp_path / "z.train.pkl"
    path.write_bytes(data)
    with little_memory():
        refused(lambda: latents(path), path, says)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "config.pkl"
    with open(path, "wb") as stream:
        stream.truncate(5 << 30)
    refused(lambda: list(read_pickles(path)), path, "has 5368709120 bytes")


def test_steps_without_end_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_tomodrgn.interop.pickles.MOST_STEPS", 1000)
    path = tmp_path / "config.pkl"
    path.write_bytes(whole(b"N0" * 1000, b"N"))
    refused(lambda: list(read_pickles(path)), path, "more than 1000 steps")


def test_bytes_changed_at_random_give_values_or_one_sentence(shared_data: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    sound = (shared_data / "tomodrgn_run" / "config.pkl").read_bytes()
    path = tmp_path / "config.pkl"
    sentences = []
    for _ in range(500):
        data = bytearray(sound)
        for place in generator.integers(len(data), size=generator.integers(1, 5)):
            data[place : place + 1] = generator.bytes(generator.integers(3))
        path.write_bytes(data)
        try:
            list(read_pickles(path))
        except InputError as error:
            sentences.append(str(error))
    assert all(each.startswith(f"{path}: ") and each.isprintable() for each in sentences)
    assert 300 < len(sentences) < 500


@contextmanager
def little_memory() -> Iterator[None]:
    """Hold what is done inside to 50 MB."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def write_archive(
    path: Path, data: bytes, storages: dict[str, bytes] | None = None, compression: int = zipfile.ZIP_STORED
) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("weights/data.pkl", data)
        for number, content in (storages or {}).items():
            archive.writestr(f"weights/data/{number}", content)


FLOATS = name("torch", "FloatStorage")


def tensor(
    size: tuple[int, ...], stride: tuple[int, ...], length: int = 4, kind: bytes = FLOATS, number: str = "0"
) -> bytes:
    storage = in_tuple(text("storage"), kind, text(number), text("cpu"), value(length)) + b"Q"
    arguments = in_tuple(storage, value(0), value(size), value(stride), b"\x89", b"}")
    return whole(name("torch._utils", "_rebuild_tensor_v2") + arguments + b"R")


FOUR = {"0": np.arange(4, dtype=np.float32).tobytes()}


@pytest.mark.parametrize(
    ("data", "storages", "says"),
    [
        (tensor((10**6, 10**6), (0, 0)), FOUR, "claims 1000000000000 numbers"),
        (tensor((2, 3), (3, 1)), FOUR, "claims 6 numbers"),
        (tensor((2, 2), (4, 1)), FOUR, "claims 4 numbers"),
        (tensor((2,), (-1,)), FOUR, "no possible size"),
        (tensor((4,), (1,), length=10**12), FOUR, "claims 1000000000000 numbers and has 4"),
        (tensor((4,), (1,), number="1"), FOUR, "data/1"),
        (tensor((4,), (1,), number="../../0"), FOUR, "no number"),
        (tensor((4,), (1,), kind=name("numpy", "ndarray")), FOUR, "storage of numpy.ndarray"),
        (tensor((4,), (1,), kind=name("os", "system")), FOUR, "os.system"),
        (tensor((4,), (1,), kind=text("FloatStorage")), FOUR, "storage of str"),
        (whole(call("torch", "FloatStorage", 10**12)), FOUR, "type of storage"),
        (whole(call("torch", "load", "x")), FOUR, "torch.load"),
        (whole(call("torch._utils", "_rebuild_parameter", 1, True, {})), FOUR, "no tensor"),
        (whole(value(("module", "os", "system", "cpu", 1)) + b"Q"), FOUR, "storage of str"),
        (whole(b"N") * 2, FOUR, "2 values"),
        (b"", FOUR, "0 values"),
    ],
)
def test_weights_that_claim_too_much_are_refused(
    data: bytes, storages: dict[str, bytes], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pkl"
    write_archive(path, data, storages)
    with little_memory():
        refused(lambda: read_torch(path), path, says)


def test_what_torch_wrote_is_read_as_it_reads_it(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(6, 5, generator=generator)
    saved = {
        "transposed": table.T, "row": table[2], "half": table.half(), "bf16": table.bfloat16(), "mask": table > 0,
        "count": torch.tensor([3, 4]), "scalar": torch.tensor(2.5), "empty": torch.empty(0, 3),
        "plain": [1, 2.5, None, ("a", True), {"b": 1 << 70}],
    }  # fmt: skip
    saved["state"] = torch.nn.Linear(2, 3).state_dict()
    path = tmp_path / "weights.pkl"
    torch.save(saved, path)
    read, expected = read_torch(path), torch.load(path, weights_only=True)
    assert read.keys() == expected.keys()
    for key in set(saved) - {"plain", "state"}:
        torch.testing.assert_close(read[key], expected[key], rtol=0, atol=0)
    assert read["plain"] == expected["plain"]
    torch.testing.assert_close(dict(read["state"]), dict(expected["state"]), rtol=0, atol=0)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_of_every_protocol_are_read_as_python_reads_them(protocol: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    table = generator.standard_normal((7, 3))
    plain = {"a": [1, -2, 1 << 40, 2.5, None, True], "b": ("text é", b"bytes"), "c": {"d": []}}
    arrays = [
        table,
        table.astype("f4"),
        np.asfortranarray(table),
        table > 0,
        table.astype(">f4"),
        np.zeros((0, 3)),
        table[0],
    ]
    saved = {**plain, "scalar": np.float32(1.5), "arrays": arrays}
    path = tmp_path / "config.pkl"
    path.write_bytes(pickle.dumps(saved, protocol=protocol))
    (read,) = read_pickles(path)
    assert {key: read[key] for key in plain} == plain
    assert read["scalar"] == 1.5
    for own, expected in zip(read["arrays"], arrays, strict=True):
        assert own.dtype == expected.dtype
        np.testing.assert_array_equal(own, expected)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "weights.pkl"
    write_archive(path, tensor((4,), (1,), length=1 << 24), {"0": bytes(1 << 26)}, zipfile.ZIP_DEFLATED)
    with little_memory():
        refused(lambda: read_torch(path), path, "is compressed")


def spoiled(run: Path, kind: str) -> bytes:
    """Return an archive of torch's, spoiled in one way."""
    sound = (run / "weights.pkl").read_bytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        if kind == "two of a name":
            archive.writestr("weights/data.pkl", whole(b"N"))
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("weights/data.pkl", whole(b"N"))
        elif kind == "other names":
            archive.writestr("../data.pkl/x", whole(b"N"))
        elif kind == "big-endian":
            archive.writestr("weights/data.pkl", whole(b"N"))
            archive.writestr("weights/byteorder", "big")
    return {
        "truncated": sound[: len(sound) // 2],
        "a bit changed": sound[:5000] + bytes([sound[5000] ^ 1]) + sound[5001:],
        "empty": b"",
        "a plain pickle": pickle.dumps({"epoch": 1}),
        "a begin alone": sound[:4],
    }.get(kind, stream.getvalue())


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("truncated", "not a whole archive"),
        ("a bit changed", "not a whole archive"),
        ("empty", "not what torch.save writes"),
        ("a plain pickle", "not what torch.save writes"),
        ("a begin alone", "not a whole archive"),
        ("two of a name", "claims more bytes"),
        ("other names", "no data.pkl"),
        ("big-endian", "big-endian"),
    ],
)
def test_a_spoiled_archive_is_one_sentence(shared_data: Path, tmp_path: Path, kind: str, says: str) -> None:
    path = tmp_path / "weights.pkl"
    path.write_bytes(spoiled(shared_data / "tomodrgn_run", kind))
    refused(lambda: read_torch(path), path, says)


def test_the_command_leaves_nothing_of_a_hostile_run(shared_data: Path, tmp_path: Path) -> None:
    from napari_tomodrgn.interop.import_options import ImportOptions
    from napari_tomodrgn.interop.import_tomodrgn import import_tomodrgn

    for file in ("config.pkl", "weights.pkl", "z.train.pkl"):
        theirs = Path(shutil.copytree(shared_data / "tomodrgn_run", tmp_path / file[:1], copy_function=shutil.copyfile))
        theirs.chmod(0o755)
        hostile = HOSTILE["os.system"][0]
        if file == "weights.pkl":
            write_archive(theirs / file, hostile)
        else:
            (theirs / file).write_bytes(hostile)
        options = ImportOptions(folder=theirs, outdir=tmp_path / "out")
        refused(partial(import_tomodrgn, options), theirs / file, "os.system")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "w", "z"]
