"""What the command line imports with Lightning, counted in a process of its own, and what it leaves out."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CODE = """
import gc, json, sys, types
from glasshouse.system.heavy_imports import heavy_imports
with heavy_imports():
    collecting = gc.isenabled()
    import pytorch_lightning.cli
imported = sorted(sys.modules)
frozen, later = gc.get_freeze_count(), gc.isenabled()
import scipy.signal, torchmetrics.functional.audio
from scipy.stats import norm
window = scipy.signal.windows.hamming(3).tolist()
answer = {"imported": imported, "frozen": frozen, "collecting": [collecting, later], "window": window}
try:
    import transformers
    from torchmetrics.functional.text import bert
    answer["transformers"] = [
        bert.AutoModel.__class__.__name__,
        bert.AutoModel.from_pretrained == transformers.AutoModel.from_pretrained,
        isinstance(3, bert.AutoModel),
        issubclass(types.new_class("Mine", (bert.AutoModel,)), transformers.AutoModel),
    ]
except ModuleNotFoundError:
    answer["transformers"] = None
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def answer():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_lightning_is_imported_without_what_it_does_not_use(answer):
    parts = {name.partition(".")[0] for name in answer["imported"]}
    assert {"pytorch_lightning", "torchmetrics", "jsonargparse"} <= parts
    assert "transformers" not in parts
    assert not {"scipy.signal", "scipy.stats"} & set(answer["imported"])


def test_nothing_is_collected_meanwhile_nor_looked_at_again(answer):
    assert answer["collecting"] == [False, True]
    assert answer["frozen"] > 100_000


def test_the_libraries_are_there_when_they_are_used(answer):
    assert answer["window"] == pytest.approx([0.08, 1.0, 0.08])
    assert answer["transformers"] in (None, ["_Later", True, False, True])
