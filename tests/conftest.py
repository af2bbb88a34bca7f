"""Set before torch is imported anywhere: two processes with default threads on two cores crawl."""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from helpers.fast import is_fast  # noqa: E402
from helpers.forks import Forks, forking  # noqa: E402

# The same examples on every machine, however busy.
settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("fixed")

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m fast``, what is not fast is not even imported."""
    left_out = config.option.markexpr == "fast" and collection_path.suffix == ".py" and not is_fast(collection_path)
    return True if left_out else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_fast(item.path):
            item.add_marker("fast")


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Fresh processes that need not import torch and Lightning again."""
    with forking() as server:
        yield server


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real data sets; tests that need it are skipped with a reason where it is missing."""
    folder = Path(os.environ.get("GLASSHOUSE_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not at hand: no folder {folder}; set GLASSHOUSE_DATA")
    return folder
