"""Errors in a plugin's own code, before a run has a folder, are reported in two lines as the plugin's."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

PLUGIN = """
from glasshouse import DataPlugin, TabularDataModule, hookimpl

class Broken(TabularDataModule):
    name = "broken"

    def load(self):
        return {}["people"]

@hookimpl
def glasshouse_data():
    yield DataPlugin(name="broken", target=f"{__name__}:Broken", summary="of this test")
"""


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "broken_data.py").write_text(PLUGIN, encoding="utf-8")
    yield "broken_data.py"
    sys.modules.pop("broken_data", None)


def test_an_error_in_load_names_the_plugin_and_the_file_of_the_traceback(command, write_config, plugin):
    refused = command("run", "--config", write_config({"data": "broken"}), "--plugin", plugin)
    assert refused.code == 2
    said, remedy = refused.err.splitlines()
    assert said == "error: broken_data.py, line 8, in Broken.load: KeyError: 'people'."
    written = Path(re.search(r"The traceback is in (\S+);", remedy)[1])
    assert 'broken_data.py", line 8, in load' in written.read_text(encoding="utf-8")
    written.unlink()
    assert refused.written == []


def test_debug_shows_the_traceback(command, write_config, plugin):
    shown = command("run", "--config", write_config({"data": "broken"}), "--plugin", plugin, "--debug")
    assert 'broken_data.py", line 8, in load' in shown.err
