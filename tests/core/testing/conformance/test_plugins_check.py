"""``glasshouse plugins check`` on a file, a folder, an installed distribution and a component."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from glasshouse import UserError
from glasshouse.cli.commands.plugins import main
from glasshouse.plugins import set_registry

SCHEDULES = """
    from glasshouse import SchedulerPlugin, hookimpl
    from torch.optim import lr_scheduler

    @hookimpl
    def glasshouse_lr_schedulers():
        yield SchedulerPlugin(name="{name}", target="{module}:{target}", summary="less and less", interval="step")

    class Decay(lr_scheduler.LambdaLR):
        '''A tenth less at every step.

        Args:
            rate: what is kept.
        '''

        def __init__(self, optimizer, rate: float = 0.9):
            super().__init__(optimizer, lambda step: rate**step)

    class Swings(Decay):
        '''Less and less, and below 0 every other step.

        Args:
            rate: what is kept.
        '''

        def __init__(self, optimizer, rate: float = 0.9):
            print("hello from a plugin")
            super().__init__(optimizer, -rate)
"""


@pytest.fixture(autouse=True)
def own_registry() -> Any:
    set_registry(None)
    yield
    set_registry(None)


def write(path: Path, text: str = SCHEDULES, **values: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).format(**values), encoding="utf-8")
    return path


def project(folder: Path, module: str, *, target: str = "Decay", extra: str = "") -> Path:
    write(folder / "src" / f"{module}.py", name="decay_there", module=module, target=target)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "glasshouse-{module}"\nversion = "1.2"\n'
        f'[project.entry-points.glasshouse]\nplugin = "{module}"\n{extra}',
        encoding="utf-8",
    )
    return folder


def test_a_single_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "one_schedule.py", name="decay_here", module="one_schedule", target="Decay")
    assert main(["check", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("lr scheduler 'decay_here' of one_schedule.py sha256:")
    assert lines[1] == (
        "  skipped  listing_imports_nothing_heavy: its plugin is a single file, which is imported completely"
    )
    assert "  passed   learning_rates_are_valid" in lines
    assert lines[-1] == "7 checks of 1 component: 6 passed, 0 failed, 1 skipped"


def test_the_folder_of_a_distribution_that_is_not_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project(tmp_path, "schedules_there", target="Swings")
    assert main(["check", str(folder)]) == 1
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "lr scheduler 'decay_there' of glasshouse-schedules_there 1.2"
    assert (
        "  failed   listing_imports_nothing_heavy: expected plugin 'glasshouse-schedules_there:plugin' to import none, "
        "received torch: put the declarations into a module that imports only glasshouse"
    ) in lines
    assert (
        "  failed   learning_rates_are_valid: expected finite rates of at least 0, received -0.09 at step 1, "
        "-0.0729 at step 3, -0.059049 at step 5"
    ) in lines
    assert lines[-1] == "7 checks of 1 component: 5 passed, 2 failed, 0 skipped"


def test_for_machines_and_with_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a_schedule.py", name="decay_json", module="a_schedule", target="Swings")
    assert main(["check", str(file), "--json", "--options", "{rate: 0.5}"]) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert "hello from a plugin" in captured.err
    (component,) = found["components"]
    assert (component["kind"], component["name"], component["distribution"]) == (
        "lr_scheduler",
        "decay_json",
        "a_schedule.py",
    )
    assert set(component["results"][0]) == {"check", "promise", "status", "reason", "seconds"}
    statuses = [result["status"] for result in component["results"]]
    assert (found["success"], found["passed"], found["failed"], found["skipped"]) == (False, 5, 1, 1)
    assert [statuses.count(status) for status in ("passed", "failed", "skipped")] == [5, 1, 1]
    (failed,) = [result for result in component["results"] if result["status"] == "failed"]
    assert "received -0.05 at step 1" in failed["reason"]


def test_a_plugin_that_is_broken_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project(tmp_path, "schedules_broken")
    (folder / "src" / "schedules_broken.py").write_text("import no_such_module_at_all\n", encoding="utf-8")
    assert main(["check", str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "plugin 'glasshouse-schedules_broken:plugin'"
    assert "ModuleNotFoundError: No module named 'no_such_module_at_all'" in lines[1]


@pytest.mark.parametrize("name", ["constant", "glasshouse-plugins/constant"])
def test_a_component_by_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", name]) == 0
    assert capsys.readouterr().out.startswith("lr scheduler 'constant' of glasshouse-plugins")


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ("constand", None, r"there is no component or distribution 'constand'. Did you mean 'constant'\?"),
        ("nowhere/plugin.py", None, "there is no file nowhere/plugin.py. Give a Python file"),
        ("constant", "{rate", "--options: cannot be read: "),
        ("constant", "[1]", "--options: expected a mapping, received '"),
        ("glasshouse-plugins", "{rate: 1}", "--options: apply to a single component, received .*:"),
    ],
)
def test_unusable_input(given: str, options: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        main(["check", given, *([] if options is None else ["--options", options])])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project", "cannot be read"),
        ("[tool]\n", r"has no \[project\] with a name"),
        ('[project]\nname = "it"\n', r"has no \[project.entry-points.glasshouse\]"),
    ],
)
def test_a_folder_that_is_no_plugins(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        main(["check", str(tmp_path)])


def test_a_folder_without_a_project(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no pyproject.toml in"):
        main(["check", str(tmp_path)])
