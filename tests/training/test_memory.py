"""Memory that is short: fewer points at a time once, then a clean end; images never pile up."""

import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_tomodrgn.errors import RunError
from napari_tomodrgn.model.decoder_gradient import DecodedPoints
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training import decoding
from napari_tomodrgn.training.decoding import is_out_of_memory
from napari_tomodrgn.training.train import train

from .test_train import same, small, weights

Refusal = Callable[[int], None]


@pytest.fixture
def memory_for(monkeypatch: pytest.MonkeyPatch) -> Refusal:
    """Return a function after which no more than so many points can be decoded at once: the device refuses."""
    decode = DecodedPoints.__init__

    def limit(points: int) -> None:
        def refuse(self: DecodedPoints, weights: object, k3: torch.Tensor, *rest: object) -> None:
            if len(k3) > points:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            decode(self, weights, k3, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(DecodedPoints, "__init__", refuse)

    monkeypatch.setitem(decoding.POINTS_PER_BLOCK, "cpu", 256)
    monkeypatch.setitem(decoding.MULTIPLE, "cpu", 1)
    return limit


def test_it_goes_on_with_half_as_many_points_to_the_same_end(
    tiny_set, tmp_path: Path, memory_for: Refusal, caplog: pytest.LogCaptureFixture
) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(dose=0.1)  # 4 images of 98 points a particle
    with_enough = train(small(path, tmp_path / "enough", decoder="256x1", amp="off", device="cpu"))
    memory_for(140)
    with caplog.at_level(logging.WARNING):
        with_less = train(small(path, tmp_path / "less", decoder="256x1", amp="off", device="cpu"))
    assert [r.message for r in caplog.records if "out of memory" in r.message] == [
        "out of memory on cpu; going on with half as many points at a time"
    ]
    for name, values in weights(with_enough).items():
        torch.testing.assert_close(weights(with_less)[name], values, rtol=1e-3, atol=1e-5)


def test_it_ends_in_one_sentence_where_that_is_not_enough(tiny_set, tmp_path: Path, memory_for: Refusal) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(dose=0.1)
    given = {"decoder": "256x1", "amp": "off", "device": "cpu"}
    train(small(path, tmp_path / "run", **given, epochs=1))
    memory_for(20)
    with pytest.raises(RunError, match=r"out of memory on cpu with half as many points .* go on with --resume"):
        train(small(path, tmp_path / "run", **given, epochs=2, resume=True))
    assert Run.open(tmp_path / "run").status == "failed"
    memory_for(10**6)
    resumed = train(small(path, tmp_path / "run", **given, epochs=2, resume=True))
    whole = train(small(path, tmp_path / "whole", **given, epochs=2))
    assert same(weights(resumed), weights(whole))


def test_a_cpu_that_can_not_allocate_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 55)
    assert is_out_of_memory(refused.value)
    with pytest.raises(RuntimeError) as other:
        torch.ones(2) @ torch.ones(3)
    assert not is_out_of_memory(other.value)
    assert re.search("allocate", str(refused.value))


GROWTH = """
import sys
from pathlib import Path
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

def most() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

import threading, time
peak, done = [0], threading.Event()
def watch():
    while not done.is_set():
        peak[0] = max(peak[0], most())
        time.sleep(0.02)
watcher = threading.Thread(target=watch); watcher.start()
path, folder = Path(sys.argv[1]), Path(sys.argv[2])
train(TrainOptions(particles=path, outdir=folder, epochs=1, latent_dim=2, pooling="mean", decoder="16x1",
      encoder_a="16x1", encoder_b="16x1", batch_size=8, workers=2))
done.set(); watcher.join()
print(peak[0])
"""


@pytest.mark.long
def test_memory_does_not_grow_with_the_set(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Anonymous memory at its peak, for a set and for one four times as large, of 79 MB more of images.

    Threads come and go when they like, so the peak of one run is some 30 MB above another's: the lower of two counts,
    and growth would show as more than half of what there is more of images.
    """
    found = []
    for times in (4, 16):
        path = tiny_set(f"data{times}", tilts=(40,) * (10 * times), box=64)
        peaks = []
        for run in range(2):
            command = [sys.executable, "-c", GROWTH, str(path), str(tmp_path / f"run-{run}-{times}" / "run")]
            answer = subprocess.run(command, capture_output=True, text=True, check=True)
            peaks.append(int(answer.stdout.split()[-1]) * 1024)
        found.append(min(peaks))
    assert found[1] < found[0] + 40e6
