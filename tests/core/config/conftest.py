"""Each test of configurations starts in an empty folder, as a new process does."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _fresh_process(fresh_process: None) -> None:
    pass
