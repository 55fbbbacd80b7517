"""Images on their way to a device: the same whether they are resident, or fetched a batch ahead."""

import threading
import time
from pathlib import Path

import pytest
import torch

from napari_tomodrgn.training import trainer
from napari_tomodrgn.training.feeding import ResidentImages, nearest_source, on_device, one_ahead
from napari_tomodrgn.training.packed import open_packed
from napari_tomodrgn.training.train import train

from .test_train import same, small, weights

CPU = torch.device("cpu")


def test_resident_images_are_the_packed_ones(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    packed = open_packed(small(tiny_set(), tmp_path / "run").open(), tmp_path / "store")
    resident, rows = ResidentImages(packed, CPU), torch.tensor([7, 7, 0, 23])
    assert torch.equal(resident.take(rows), packed.take(rows))
    assert resident.standard_deviation == packed.standard_deviation
    assert packed.data_bytes == packed.everything().numel() * 2
    assert nearest_source(packed, CPU) is packed
    assert torch.equal(on_device(packed.take(rows), CPU), packed.take(rows))


def test_one_is_made_ahead_and_no_more_in_order() -> None:
    made, in_use = [], []

    def make(number: int) -> int:
        made.append(number)
        return number * 10

    for number, result in one_ahead(make, range(5)):
        time.sleep(0.05)
        in_use.append((number, result))
        assert len(made) == min(number + 2, 5)
    assert in_use == [(number, number * 10) for number in range(5)]
    assert list(one_ahead(make, [])) == []


def test_an_error_on_the_way_is_the_trainings() -> None:
    def fail(number: int) -> int:
        raise ValueError(f"image {number}")

    with pytest.raises(ValueError, match="image 0"):
        next(one_ahead(fail, [0, 1]))
    assert threading.active_count() < 20


@pytest.mark.parametrize("pooling", ["mean", "linear"])
def test_a_training_that_is_fed_and_noted_as_on_a_gpu_ends_the_same(
    tiny_set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pooling: str
) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=(5, 4, 3, 6, 2, 4, 4))
    plain = train(small(path, tmp_path / "plain", pooling=pooling))
    monkeypatch.setitem(trainer.STEPS_PER_NOTE, "cpu", 3)
    monkeypatch.setattr(trainer, "FED_AHEAD", ("cpu",))
    noted = train(small(path, tmp_path / "noted", pooling=pooling))
    assert same(weights(plain), weights(noted))
    assert plain.metrics()["loss"].tolist() == noted.metrics()["loss"].tolist()
