"""``glasshouse plugins list | show | doctor`` as typed, on real distributions."""

from __future__ import annotations

import os
import pty
import sys

import pytest
from glasshouse.commands import doctor as doctor_module
from glasshouse.plugins import Registry, set_registry

HEAVY = {"torch", "pytorch_lightning", "pandas", "sklearn", "pyarrow", "scipy"}
TIMED = ("-X", "importtime")

LAB = {
    "lab/__init__.py": """
        from glasshouse import AuditPlugin, ModelPlugin, hookimpl

        @hookimpl
        def glasshouse_models():
            yield ModelPlugin(name="mlp", target="lab.nets:Net", summary="our own", aliases=("perceptron",))
            yield ModelPlugin(name="graph", target="lab.nets:Net", summary="graphs", requires_import=("no_such_lib",),
                              install_hint="pip install lab[graph]")

        @hookimpl
        def glasshouse_audits():
            yield AuditPlugin(name="energy", target="lab.energy:EnergyAudit", summary="joules", family="efficiency",
                              requires=("model",))
    """,
    "lab/nets.py": '''
        import torch

        class Net(torch.nn.Module):
            """A net.

            Args:
                in_features: columns.
                width: units of
                    the hidden layer.
            """
            def __init__(self, in_features: int, shape: tuple[int, ...], width: int = 8): ...
    ''',
    "lab/energy.py": "class EnergyAudit: ...\n",
}


@pytest.fixture
def lab(site):
    site.install("our-lab", LAB, version="2.5")


def test_list_in_columns(glasshouse, lab):
    done = glasshouse("plugins", "list", python=TIMED)
    assert (done.code, done.err) == (0, "")
    header, *lines = done.out.splitlines()
    assert header.split() == ["KIND", "NAME", "FROM", "WHAT", "IT", "IS"]
    start = header.index("NAME")
    assert all(line[start - 2 : start] == "  " for line in lines)
    names = [tuple(line.split()[:4]) for line in lines]
    assert ("model", "our-lab/mlp", "our-lab", "2.5") in names
    assert ("model", "glasshouse-plugins/mlp", "glasshouse-plugins", "0.1.0") in names
    assert ("model", "linear", "glasshouse-plugins", "0.1.0") in names
    assert ("report_format", "html", "glasshouse", "0.1.0") in names
    assert not {*HEAVY, "rich", "importlib.metadata", "lab.nets"} & done.imported


def test_list_names_what_is_broken_with_the_reason(glasshouse, lab, site):
    site.install("broken-lab", {"broken_lab.py": "import no_such_lib"}, version="0.1")
    reason = "cannot be imported: ModuleNotFoundError: No module named 'no_such_lib'"
    done = glasshouse("plugins", "list", "--kind", "audit")
    assert done.code == 0
    assert done.out.splitlines()[-1] == f"broken: broken-lab:plugin (0.1): {reason}"
    assert {line.split()[0] for line in done.out.splitlines()[1:-1]} == {"audit"}
    listed = glasshouse("plugins", "list", "--kind", "model", "--json").json
    assert listed["broken"] == [
        {"plugin": "broken-lab:plugin", "distribution": "broken-lab", "version": "0.1", "hook": None, "reason": reason}
    ]
    graph = next(entry for entry in listed["components"] if entry["name"] == "graph")
    assert graph == {
        "kind": "model",
        "name": "graph",
        "use": "graph",
        "distribution": "our-lab",
        "version": "2.5",
        "plugin": "our-lab:plugin",
        "target": "lab.nets:Net",
        "summary": "graphs",
        "aliases": [],
        "requires_import": ["no_such_lib"],
        "install_hint": "pip install lab[graph]",
        "modalities": ["tabular"],
        "targets": ["binary", "multiclass", "multilabel", "regression"],
        "provides": [],
        "missing": ["no_such_lib"],
    }


def test_show_reads_options_without_importing_torch(glasshouse, lab):
    done = glasshouse("plugins", "show", "perceptron", python=TIMED)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "model our-lab/mlp: our own",
        "",
        "A net.",
        "",
        "  from             our-lab 2.5 (our-lab:plugin)",
        "  target           lab.nets:Net",
        "  aliases          perceptron",
        "  modalities       tabular",
        "  targets          binary, multiclass, multilabel, regression",
        "",
        "options",
        "  in_features: int (from the data)",
        "      columns.",
        "  shape: tuple[int, ...] (required)",
        "  width: int = 8",
        "      units of the hidden layer.",
    ]
    assert not {*HEAVY, "lab.nets"} & done.imported


def test_show_tells_capabilities_and_what_is_missing(glasshouse, lab):
    done = glasshouse("plugins", "show", "our-lab/graph")
    assert "  needs            no_such_lib (missing: no_such_lib; run pip install lab[graph])" in done.out.splitlines()
    [energy] = glasshouse("plugins", "show", "energy", "--json").json
    assert (energy["family"], energy["requires"], energy["options"]) == ("efficiency", ["model"], [])


def test_show_lists_every_component_that_a_name_may_mean(glasshouse, lab):
    pages = glasshouse("plugins", "show", "mlp", "--json").json
    assert [page["use"] for page in pages] == ["glasshouse-plugins/mlp", "our-lab/mlp"]


def test_show_an_unknown_name(glasshouse, lab):
    done = glasshouse("plugins", "show", "graf")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: plugins show: no component is called 'graf'.\n       Did you mean 'graph'?")


def test_doctor_is_content_with_ours(glasshouse):
    done = glasshouse("plugins", "doctor", python=TIMED)
    assert (done.code, done.err) == (0, ""), done.out
    assert done.out.startswith("3 plugins, ")
    assert done.out.endswith(" components, 0 problems, 0 notes\n")
    assert not HEAVY & done.imported


def test_doctor_names_each_trouble_with_a_remedy(glasshouse, lab, site):
    site.install(
        "bad-lab",
        {
            "bad_lab.py": """
                import jax
                from glasshouse import ModelPlugin, hookimpl

                @hookimpl
                def glasshouse_models():
                    yield ModelPlugin(name="ghost", target="bad_lab:Ghost", summary="not there")

                @hookimpl
                def glasshouse_optimiser():
                    return []
            """,
            "jax.py": "",  # stands for the real one, which takes seconds
        },
    )
    done = glasshouse("plugins", "doctor", "--json")
    assert done.code == 1
    report = done.json
    assert report["healthy"] is False
    assert [(found["check"], found["plugin"]) for found in report["problems"]] == [
        ("broken", "bad-lab:plugin"),
        ("target", "bad-lab:plugin"),
    ]
    misspelt, ghost = report["problems"]
    assert misspelt["problem"] == ("glasshouse_optimiser: there is no such hook; did you mean 'glasshouse_optimizers'?")
    assert ghost["problem"] == "model 'ghost': bad_lab:Ghost has no 'Ghost'."
    assert [(found["check"], found["plugin"]) for found in report["notes"]] == [
        ("missing", "our-lab:plugin"),
        ("ambiguous", "glasshouse-plugins:plugins"),
        ("ambiguous", "our-lab:plugin"),
        ("heavy", "bad-lab:plugin"),
    ]
    missing, *ambiguous, heavy = report["notes"]
    assert missing["remedy"] == "To use it: pip install lab[graph]"
    assert ambiguous[0]["problem"] == "model 'mlp' is also brought by our-lab 2.5"
    assert ambiguous[1]["remedy"] == "Write our-lab/mlp, or leave one out with --no-plugin."
    assert heavy["problem"] == "imports jax merely to say what it brings"
    assert all(found["remedy"] for found in report["problems"] + report["notes"])
    text = glasshouse("plugins", "doctor")
    assert text.code == 1
    assert "problem: bad-lab:plugin: glasshouse_optimiser: there is no such hook;" in text.out


def test_doctor_notes_a_plugin_that_is_slow_to_list(lab, monkeypatch, capsys):
    monkeypatch.setattr(doctor_module, "SLOW_SECONDS", 0.0)
    set_registry(Registry(only=["our-lab"], blocked=["our-lab/graph"]))
    try:
        assert doctor_module.doctor(as_json=False) == 0
    finally:
        set_registry(None)
    assert "note: our-lab:plugin: takes 0.0" in capsys.readouterr().out


def test_actions_are_listed_when_one_is_missing(glasshouse):
    done = glasshouse("plugins")
    assert done.code == 2
    assert "list | show NAME | lock | doctor" in done.err


def test_list_on_a_terminal_is_drawn_and_shows_what_plugins_wrote_as_it_is(site):
    site.install("red-lab", {"red_lab.py": LAB["lab/__init__.py"].replace("our own", "[red]our own[/red]")})
    seen = []

    def keep(descriptor: int) -> bytes:
        seen.append(os.read(descriptor, 65536))
        return seen[-1]

    with open(os.devnull, "wb") as nowhere, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pty, "STDOUT_FILENO", nowhere.fileno())
        patch.setenv("COLUMNS", "120")
        patch.setenv("TERM", "xterm")
        patch.setenv("GLASSHOUSE_LOAD_PLUGINS", "red-lab")
        status = pty.spawn([sys.executable, "-m", "glasshouse", "plugins", "list", "--kind", "model"], keep)
    text = b"".join(seen).decode()
    assert status == 0
    assert "─────" in text
    assert "[red]our own[/red]" in text
