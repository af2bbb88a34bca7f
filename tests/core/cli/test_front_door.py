"""The first word, the options of every command, errors and exit codes, as a user meets them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

HEAVY = {"torch", "pytorch_lightning", "pandas", "sklearn", "pyarrow", "scipy"}

COMMANDS_LAB = """
    import os
    from glasshouse import CommandPlugin, UserError, hookimpl

    @hookimpl
    def glasshouse_commands():
        yield CommandPlugin(name="greet", target="commands_lab:greet", summary="say hello", aliases=("hi",))
        for name in ("fail", "crash", "wait", "much"):
            yield CommandPlugin(name=name, target=f"commands_lab:{name}", summary=name)

    def greet(argv):
        print("hello", *argv)
        return 3

    def fail(argv):
        raise UserError("fail", "expected much, received little.", "Give more.")

    def crash(argv):
        return 1 / 0

    def wait(argv):
        raise KeyboardInterrupt

    def much(argv):
        for _ in range(100_000):
            print("a line that nobody reads")
"""


@pytest.fixture
def commands_lab(site):
    site.install("commands-lab", {"commands_lab.py": COMMANDS_LAB})


def test_version_imports_next_to_nothing(glasshouse):
    done = glasshouse("--version", python=("-X", "importtime"))
    assert (done.code, done.out) == (0, "glasshouse 0.1.0\n")
    assert not {*HEAVY, "pluggy", "argparse", "rich"} & done.imported


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command_and_never_waits_for_torch(glasshouse, commands_lab, arguments):
    done = glasshouse(*arguments, python=("-X", "importtime"))
    assert (done.code, done.err) == (0, "")
    words = {line.split()[0] for line in done.out.splitlines() if line.startswith("  ")}
    assert {"run", "fit", "validate", "test", "predict", "audit", "report", "runs", "plugins", "greet"} <= words
    assert "--no-plugin NAME" in done.out
    assert not HEAVY & done.imported


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["rnus"], "error: glasshouse: there is no command 'rnus'.\n       Did you mean 'runs'? Known: audit, "),
        (["geet"], "error: glasshouse: there is no command 'geet'.\n       Did you mean 'greet'? Known: audit, "),
        (["--config", "run.yaml"], "error: glasshouse: expected a command first, received '--config'.\n"),
        (["plugins", "list", "--no-plugin"], "error: --no-plugin: expected a value.\n"),
        (["--plugin", "--debug", "runs"], "error: --plugin: expected a value, received '--debug'.\n"),
        (["--plugin=", "runs"], "error: --plugin: expected a value.\n"),
    ],
)
def test_words_that_are_not_understood(glasshouse, commands_lab, arguments, error):
    done = glasshouse(*arguments, python=("-X", "importtime"))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(error)
    assert len(done.err.splitlines()) <= 2
    assert not HEAVY & done.imported


def test_a_command_brought_by_a_plugin_gets_the_rest_of_the_line_and_gives_the_exit_code(glasshouse, commands_lab):
    for word in ("greet", "hi", "commands-lab/greet"):
        done = glasshouse(word, "--loud", "--debug", "you")
        assert (done.code, done.out, done.err) == (3, "hello --loud you\n", "")


def test_what_follows_two_dashes_is_left_alone(glasshouse, commands_lab):
    assert glasshouse("greet", "--", "--debug", "--plugin").out == "hello -- --debug --plugin\n"


def test_a_user_error_is_two_lines_and_a_traceback_only_with_debug(glasshouse, commands_lab):
    said = "error: fail: expected much, received little.\n       Give more.\n"
    done = glasshouse("fail")
    assert (done.code, done.out, done.err) == (2, "", said)
    debugged = glasshouse("fail", "--debug")
    assert debugged.code == 2
    assert debugged.err.startswith("Traceback (most recent call last)")
    assert debugged.err.endswith(said)


def test_a_defect_keeps_its_traceback_and_is_never_taken_for_a_verdict(glasshouse, commands_lab):
    done = glasshouse("crash")
    assert done.code == 70
    assert "ZeroDivisionError: division by zero" in done.err
    assert done.err.endswith("error: this is a bug of glasshouse or of a plugin, not an error in your input.\n")


def test_an_interruption_is_one_word(glasshouse, commands_lab):
    done = glasshouse("wait")
    assert (done.code, done.err) == (130, "interrupted\n")


def test_a_reader_that_goes_away_ends_it_quietly(commands_lab):
    process = subprocess.Popen(
        [sys.executable, "-m", "glasshouse", "much"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 128 + signal.SIGPIPE
    assert said == b""


def test_options_of_every_command_before_and_after_its_word(glasshouse, site, tmp_path):
    for lab in ("one", "two"):
        (tmp_path / f"{lab}_lab.py").write_text(
            "from glasshouse import ModelPlugin, hookimpl\n@hookimpl\ndef glasshouse_models():\n"
            f"    return [ModelPlugin(name='{lab}', target='{lab}_lab:Net', summary='a net')]\nclass Net: ...\n"
        )
    arguments = ["--plugin", str(tmp_path / "one_lab.py"), "plugins", "list", "--no-plugin=glasshouse-plugins"]
    arguments += [f"--plugin={tmp_path / 'two_lab.py'}", "--kind", "model", "--no-plugin", "glasshouse-audits/fairness"]
    done = glasshouse(*arguments)
    assert done.code == 0, done.err
    assert [line.split()[1] for line in done.out.splitlines()] == ["NAME", "one", "two"]


def test_strict_plugins_from_the_environment(glasshouse, site):
    site.install("broken-lab", {"broken_lab.py": "1 / 0"})
    assert glasshouse("plugins", "list").code == 0
    done = glasshouse("plugins", "list", env={"GLASSHOUSE_STRICT_PLUGINS": "1"})
    assert done.code == 2
    assert done.err == (
        "error: plugin 'broken-lab:plugin': cannot be imported: ZeroDivisionError: division by zero.\n"
        "       GLASSHOUSE_STRICT_PLUGINS=1 makes this fatal.\n"
    )


def test_a_plugin_may_refuse_to_start_and_is_named_when_it_fails(glasshouse, commands_lab, site):
    code = "from glasshouse import hookimpl\n@hookimpl\ndef glasshouse_startup():\n    1 / 0\n"
    site.install("early-lab", {"early_lab.py": code})
    done = glasshouse("greet")
    assert done.code == 2
    assert done.err.startswith("error: plugin 'early-lab:plugin': glasshouse_startup raised ZeroDivisionError")
    assert glasshouse("greet", "--no-plugin", "early-lab").code == 3
