"""Hook plugins with options from `hooks:`, in runs of this process."""

from __future__ import annotations

import sys

import pytest

PLUGIN = """
from glasshouse import HookPlugin, UserError, hookimpl

class Limit:
    def __init__(self, rows: int = 100, word: str | None = None) -> None:
        if rows < 0:
            raise ValueError(f"rows is {rows}")
        self.rows, self.word = rows, word

    @hookimpl
    def glasshouse_check_run(self, run):
        if self.rows > 50:
            raise UserError("limit", f"expected {self.rows} rows.")

    @hookimpl
    def glasshouse_run_finished(self, run):
        with open("heard.txt", "a") as heard:
            print(run.command, self.rows, self.word, file=heard)

class Crashing:
    @hookimpl
    def glasshouse_check_run(self, run):
        raise RuntimeError("no luck")

class Nothing:
    pass

class Registers:
    @hookimpl
    def glasshouse_models(self):
        return []

@hookimpl
def glasshouse_hooks():
    for cls in (Limit, Crashing, Nothing, Registers):
        yield HookPlugin(name=cls.__name__.lower(), target=f"{__name__}:{cls.__name__}", summary="of this test")
"""


@pytest.fixture
def run(command, write_config, tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    config = {"trainer": {"max_epochs": 1}, "report": ["json"], "seed_everything": 1}

    def go(*arguments, **changes):
        return command("run", "--config", write_config({**config, **changes}), *arguments, "--plugin", "plugin.py")

    yield go
    sys.modules.pop("plugin", None)


def test_options_come_from_the_configuration_and_hooks_are_called(run, command, tmp_path):
    done = run(hooks={"limit": {"rows": 3, "word": "hi"}})
    assert command("audit", str(done.folder), "--force", "--plugin", "plugin.py").code == 0
    assert (tmp_path / "heard.txt").read_text() == "run 3 hi\nrun 3 hi\n"
    assert "limit" in (done.folder / "config.yaml").read_text()


def test_a_repeat_of_the_run_calls_them_too_and_the_next_run_does_not(run, tmp_path):
    assert run(hooks={"limit": {"rows": 0}}, repeats=2).code == 0
    assert (tmp_path / "heard.txt").read_text() == "run 0 None\n" * 2
    assert run().code == 0
    assert (tmp_path / "heard.txt").read_text() == "run 0 None\n" * 2


def test_options_have_defaults_and_the_command_line_sets_them(run):
    refused = run(hooks={"limit": None})
    assert (refused.code, "expected 100 rows" in refused.err) == (2, True)
    assert run("--hooks", "{limit: {rows: 7}}", hooks={"limit": None}).code == 0


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ({"limt": {}}, "Did you mean 'limit'?"),
        ({"limit": {"row": 3}}, "Limit has no option 'row'"),
        ({"limit": {"rows": "many"}}, "expected a whole number, received 'many'"),
        ({"limit": {"rows": -1}}, "cannot be set up: rows is -1"),
        ({"limit": 3}, "expected options of 'limit', received 3"),
        (["limit"], "hooks"),
        ({"nothing": {}}, "implements no hook"),
        ({"registers": {}}, "implements glasshouse_models"),
        ({"crashing": {}}, "glasshouse_check_run raised RuntimeError: no luck"),
    ],
)
def test_refusals(run, hooks, message):
    refused = run(hooks=hooks)
    assert refused.code == 2
    assert message in refused.err
    assert refused.written == []


def test_they_are_listed_and_shown(run, command):
    run()
    assert "limit" in command("plugins", "list", "--kind", "hook", "--plugin", "plugin.py").out
    shown = command("plugins", "show", "limit", "--plugin", "plugin.py").out
    assert "rows" in shown
