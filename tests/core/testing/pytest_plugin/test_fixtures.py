"""The fixtures of the plugin, asked for as any suite does: this one has them from glasshouse's entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from glasshouse import RunRecord, UserError
from glasshouse.plugins import Registry, registry, set_registry
from glasshouse.testing.pytest.fixtures import TinyImages, TinyTable, TinyText

AUDIT = """
from glasshouse import AuditPlugin, AuditResult, Measurement, hookimpl

class Rows:
    def measure(self, evidence):
        rows = Measurement(name="rows", value=len(evidence.evaluated), n=len(evidence.evaluated))
        return AuditResult(name="rows", family="performance", measurements=[rows])

@hookimpl
def glasshouse_audits():
    yield AuditPlugin(name="rows", target="tiny_rows:Rows", summary="how many rows there are")
"""


@pytest.fixture
def rows_plugin(tmp_path: Path) -> Path:
    file = tmp_path / "tiny_rows.py"
    file.write_text(AUDIT, encoding="utf-8")
    return file


# ---------------------------------------------------------------- what it costs others


def test_it_is_registered_under_its_name() -> None:
    (entry,) = [entry for entry in entry_points(group="pytest11") if entry.name == "glasshouse"]
    assert entry.value == "glasshouse.testing.pytest.plugin"


def test_loading_it_imports_nothing_heavy_and_takes_milliseconds() -> None:
    code = (
        "import sys, time; t0 = time.process_time(); import pytest; t1 = time.process_time();"
        "before = set(sys.modules);"
        "import glasshouse.testing.pytest.plugin; t2 = time.process_time();"
        "print((t2 - t1) / (t1 - t0), *sorted(set(sys.modules) - before))"
    )
    ratio, *modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "glasshouse.testing.pytest.plugin" in modules
    ours = [name for name in modules if name.partition(".")[0] == "glasshouse"]
    allowed = {"difflib", "hashlib", "_hashlib", "importlib.util", "warnings", "__future__", "ast", "textwrap"}
    assert set(modules) - set(ours) <= allowed  # the standard library, not even all of it
    assert float(ratio) < 1.0  # pytest itself takes some 150 ms


def test_a_suite_that_has_nothing_to_do_with_it_never_imports_torch(suite) -> None:
    done = suite(
        """
        import sys

        def test_it_is_there(request):
            assert request.config.pluginmanager.hasplugin("glasshouse")
            assert not {"torch", "numpy", "pytorch_lightning", "jsonschema", "jinja2"} & set(sys.modules)
        """
    )
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- tiny data


def test_tiny_table_follows_its_rule(tiny_table: TinyTable) -> None:
    assert tiny_table.info.rows == {"train": 120, "validate": 48, "test": 72}
    assert [attribute.name for attribute in tiny_table.info.sensitive] == ["sex", "age_group"]
    income, debt = tiny_table.info.features[:2]
    for split in tiny_table.info.rows:
        (batch,) = [tiny_table.loader(split).rows]
        earned = batch.x[:, income.columns[0]] * income.scale + income.center
        owed = batch.x[:, debt.columns[0]] * debt.scale + debt.center
        assert ((earned - owed > 0).long() == batch.y).all()
    raw = tiny_table.load().columns
    approved = [int(raw["approved"].codes[raw["sex"].codes == sex].sum()) for sex in (0, 1)]
    assert approved == [30, 90]
    assert np.abs(raw["worth"]).min() > 0.19  # nobody near the border


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_tiny_table_has_other_tasks(task) -> None:
    data = TinyTable(task)
    data.setup()
    assert data.info.target.kind == task
    with pytest.raises(UserError, match="data 'tiny_table': task is 'ranking'; expected one of binary, multiclass, re"):
        TinyTable("ranking")  # type: ignore[arg-type]


def test_tiny_images_are_bright_where_they_say(tiny_images: TinyImages) -> None:
    x, y, *_ = tiny_images.loader("test").rows
    brighter = (x[..., 4:].amax(dim=(1, 2, 3)) > x[..., :4].amax(dim=(1, 2, 3))).long()
    assert x.shape == (72, 1, 8, 8)
    assert (brighter == y).all()


def test_tiny_text_says_what_it_means(tiny_text: TinyText) -> None:
    good = tiny_text.vocabulary.words.index("good")
    words = tiny_text.words("test", np.arange(72))
    assert good >= 0
    y = tiny_text.loader("test").rows.y
    assert [("good" in said, "bad" in said) for said in words] == [(bool(mood), not mood) for mood in y]


@pytest.mark.parametrize("data", [TinyTable, TinyImages, TinyText])
def test_tiny_data_are_the_same_every_time(data) -> None:
    first, second = data(), data()
    first.setup()
    second.setup()
    assert first.table_fingerprint == second.table_fingerprint
    assert first.info.synthetic
    assert all(set(a.levels) for a in first.info.sensitive)


# ---------------------------------------------------------------- runs and commands


def test_tiny_run_is_finished_and_has_the_known_answer(tiny_run: RunRecord) -> None:
    assert (tiny_run.folder / "config.yaml").is_file()
    assert tiny_run.measurement("accuracy", audit="performance").value == 1.0
    # the rule decides, and the test split has 9 of 36 women and 27 of 36 men above 0
    assert tiny_run.measurement("selection_rate", sex="woman").value == 0.25
    assert tiny_run.measurement("demographic_parity_difference", over="sex").value == 0.5


def test_a_command_runs_in_the_tests_folder_with_its_plugins(run_glasshouse, tmp_path, rows_plugin) -> None:
    (tmp_path / "people.csv").write_text("decision,sex\nyes,f\nno,m\nyes,m\n", encoding="utf-8")
    done = run_glasshouse(
        *("audit", "--predictions", "people.csv", "--prediction", "decision", "--sensitive", "sex"),
        *("--favourable", "yes", "--audits", "fairness"),
        plugins=[rows_plugin],
    )
    assert done.returncode == 0
    assert done.run_dir.is_relative_to(tmp_path)
    assert done.record.measurement("selection_rate", sex="m").value == 0.5
    listed = run_glasshouse("plugins", "list", plugins=["tiny_rows.py"])
    assert "how many rows there are" in listed.stdout
    with pytest.raises(AssertionError, match="the command made no run"):
        _ = listed.run_dir


def test_an_unexpected_exit_code_fails_the_test_with_what_was_said(run_glasshouse) -> None:
    told = r"(?s)expected exit code 0\nglasshouse verify nowhere\nexit code 2\n.*error: .*nowhere"
    with pytest.raises(AssertionError, match=told):
        run_glasshouse("verify", "nowhere")
    assert run_glasshouse("verify", "nowhere", exit_code=2).returncode == 2
    assert run_glasshouse("verify", "nowhere", exit_code=None).returncode == 2


def test_a_configuration_is_written_for_the_command(run_glasshouse, tmp_path) -> None:
    refused = run_glasshouse("run", config={"model": "nothing", "data": "such", "audits": []}, exit_code=2)
    assert "model 'nothing': is not known" in refused.stderr
    assert (tmp_path / "config.yaml").read_text(encoding="utf-8").startswith("model: nothing\n")


# ---------------------------------------------------------------- plugins


def test_isolated_plugins_see_core_and_those_named_alone(isolated_plugins, rows_plugin, run_glasshouse) -> None:
    assert set(registry().distributions) == {"glasshouse"}
    alone = isolated_plugins(rows_plugin)
    assert registry() is alone
    assert [component.name for component in alone.components("audit")] == ["rows"]
    assert callable(alone.load(alone.find("audit", "rows")))
    assert os.environ["GLASSHOUSE_LOAD_PLUGINS"] == ""
    assert "performance" not in run_glasshouse("plugins", "list").stdout
    assert "mlp" in {c.name for c in isolated_plugins("glasshouse-plugins").components("model")}
    assert registry().components("audit") == ()


def test_a_broken_plugin_under_test_is_an_error_at_once(isolated_plugins, tmp_path) -> None:
    file = tmp_path / "broken_rows.py"
    file.write_text(AUDIT.replace('name="rows", target', 'name="Rows", target'), encoding="utf-8")
    with pytest.raises(UserError, match="does not match"):
        isolated_plugins(file).components("audit")
    listed = isolated_plugins(file, strict=False)
    assert listed.components("audit") == ()
    assert len(listed.broken) == 1


@pytest.fixture
def outer() -> Iterator[Registry]:
    """A registry that must be there again when `isolated_plugins`, asked for later, is torn down."""
    mine = Registry(only=[])
    set_registry(mine)
    yield mine
    assert registry() is mine
    assert "tiny_rows" not in sys.modules
    set_registry(None)


def test_the_registry_is_restored(outer, isolated_plugins, rows_plugin) -> None:
    assert isolated_plugins(rows_plugin).components("audit")
    assert registry() is not outer
    assert "tiny_rows" in sys.modules
