"""The statistics need NumPy and SciPy alone, and start fast."""

from __future__ import annotations

import inspect
import subprocess
import sys

import glasshouse.statistics as statistics


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, glasshouse.statistics; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"numpy", "scipy", "glasshouse"} <= loaded
    assert not loaded & {"torch", "pytorch_lightning", "pandas", "sklearn", "fairlearn", "pyarrow", "pluggy"}


def test_scipy_stats_is_not_imported() -> None:
    code = "import sys, glasshouse.statistics; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_public_name_exists_and_is_documented() -> None:
    for name in statistics.__all__:
        found = getattr(statistics, name)
        if inspect.isfunction(found) or inspect.isclass(found):
            assert found.__doc__, name
