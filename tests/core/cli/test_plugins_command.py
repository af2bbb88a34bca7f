"""``glasshouse plugins list | show | doctor`` as typed, on real distributions."""

from __future__ import annotations

import os
import pty
import re
import sys
from textwrap import dedent

import pytest
from glasshouse import SPEC_VERSION

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
    assert header.split() == ["KIND", "NAME", "FROM", "SUMMARY"]
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
    told = {
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
    assert {key: graph[key] for key in told} == told  # declarations may grow


def test_show_reads_options_without_importing_torch(glasshouse, lab, site):
    done = glasshouse("plugins", "show", "perceptron", python=TIMED)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "model our-lab/mlp: our own",
        "",
        "A net.",
        "",
        "  from             our-lab 2.5 (our-lab:plugin), index",
        f"  specification    not stated (here: {SPEC_VERSION})",
        "  target           lab.nets:Net",
        f"  source           {site.folder}/lab/nets.py:4",
        "  conformance      glasshouse plugins check our-lab/mlp",
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


def test_show_tells_where_a_plugin_came_from_and_what_it_was_written_for(glasshouse, site, tmp_path):
    code = LAB["lab/__init__.py"] + f"\n        glasshouse_spec = '{SPEC_VERSION}'\n"
    edited = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    site.install("our-lab", {**LAB, "lab/__init__.py": code}, direct_url=edited)
    file = site.folder / "our_lab-1.0.dist-info/METADATA"
    file.write_text(file.read_text() + "Project-URL: Homepage, https://a.example\n")
    [page] = glasshouse("plugins", "show", "energy", "--json").json
    assert (page["origin"], page["editable"], page["place"]) == ("editable", True, tmp_path.as_uri())
    assert (page["specification"], page["documentation"]) == (SPEC_VERSION, "https://a.example")
    assert page["source"] == f"{site.folder}/lab/energy.py:1"
    own = tmp_path / "own.py"
    own.write_text(dedent(LAB["lab/__init__.py"]).replace("lab.energy:", "own:").replace("energy", "joules"))
    [page] = glasshouse("plugins", "show", "joules", "--plugin", str(own), "--json").json
    assert (page["origin"], page["editable"], page["place"]) == ("file", False, str(own))


def test_show_lists_every_component_that_a_name_may_mean(glasshouse, lab):
    pages = glasshouse("plugins", "show", "mlp", "--json").json
    assert [page["use"] for page in pages] == ["glasshouse-plugins/mlp", "our-lab/mlp"]


def test_show_an_unknown_name(glasshouse, lab):
    done = glasshouse("plugins", "show", "graf")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: plugins show: no component is called 'graf'.\n       Did you mean 'graph'?")


def test_actions_are_listed_when_one_is_missing(glasshouse):
    done = glasshouse("plugins")
    assert done.code == 2
    for action in ("list", "show NAME", "lock", "doctor"):
        assert action in done.err


def test_list_on_a_terminal_is_drawn_and_shows_what_plugins_wrote_as_it_is(site):
    site.install("red-lab", {"red_lab.py": LAB["lab/__init__.py"].replace("our own", "[red]our own[/red]")})
    seen = []

    def keep(descriptor: int) -> bytes:
        seen.append(os.read(descriptor, 65536))
        return seen[-1]

    with open(os.devnull, "wb") as nowhere, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pty, "STDOUT_FILENO", nowhere.fileno())
        patch.setenv("COLUMNS", "60")
        patch.setenv("TERM", "xterm")
        patch.setenv("GLASSHOUSE_LOAD_PLUGINS", "red-lab")
        status = pty.spawn([sys.executable, "-m", "glasshouse", "plugins", "list", "--kind", "model"], keep)
    text = b"".join(seen).decode()
    assert status == 0
    assert "[red]our own[/red]" in text
    assert "model (2)" in text
    assert "red-lab 1.0" in text
    assert "requires no_such_lib" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert plain != text  # colours
    assert max(map(len, plain.splitlines())) <= 60
