"""Waiting for what goes on beside the window."""

from typing import Any

from qtpy.QtTest import QTest

LONGEST_S = 30


def read(dataset: Any) -> None:
    """Wait until what the Dataset widget was asked for is read."""
    for _ in range(50 * LONGEST_S):
        if not dataset.reading.busy:
            return
        QTest.qWait(20)
    raise TimeoutError(f"{dataset.reading.what.text()}: after {LONGEST_S} s it still is")
