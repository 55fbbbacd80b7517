"""A run with a known decoder, which tests read."""

import pytest

from .points import KnownRun, known_run


@pytest.fixture(scope="package")
def known(tmp_path_factory: pytest.TempPathFactory) -> KnownRun:
    return known_run(tmp_path_factory.mktemp("known"))
