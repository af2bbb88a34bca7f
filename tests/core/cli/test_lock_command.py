"""``plugins lock`` and ``--only-locked`` as typed, on real distributions."""

from __future__ import annotations

import json

import pytest

HEAVY = {"torch", "pytorch_lightning", "pandas", "sklearn", "pyarrow", "scipy"}
LAB = {
    "our_lab.py": """
        from glasshouse import ModelPlugin, hookimpl

        @hookimpl
        def glasshouse_models():
            yield ModelPlugin(name="line", target="our_lab:Net", summary="one layer")

        class Net: ...
    """
}


@pytest.fixture
def lab(site):
    site.install("our-lab", LAB, version="2.5")


def test_a_lock_is_written_and_lets_in_what_it_holds(glasshouse, lab, site, tmp_path):
    file = tmp_path / "plugins.lock.json"
    done = glasshouse("plugins", "lock", "--out", str(file), python=("-X", "importtime"))
    assert (done.code, done.out, done.err) == (0, "", "")
    assert not HEAVY & done.imported
    written = json.loads(file.read_text())
    assert written["schema"] == "glasshouse/plugins/1"
    assert "our-lab==2.5" in written["plugins"]
    assert glasshouse("plugins", "lock").json == written
    site.install("strange-lab", {"strange_lab.py": "print('imported')"})
    done = glasshouse("plugins", "list", "--kind", "model", "--only-locked", str(file))
    assert (done.code, done.err) == (0, "")
    assert any(line.split()[1:4] == ["line", "our-lab", "2.5"] for line in done.out.splitlines())
    assert done.out.splitlines()[-1] == "not in the lock: strange-lab:plugin (1.0)"
    assert "imported" not in done.out
    listed = glasshouse("plugins", "list", f"--only-locked={file}", "--json").json
    assert listed["not_in_the_lock"] == ["strange-lab:plugin (1.0)"]


def test_what_differs_is_refused_by_every_command_that_looks_at_plugins(glasshouse, lab, site, tmp_path):
    file = tmp_path / "plugins.lock.json"
    assert glasshouse("plugins", "lock", "--out", str(file)).code == 0
    (site.folder / "our_lab-2.5.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: our-lab\nVersion: 3.0\n")
    for command in (["plugins", "list"], ["run", "--model", "line"], ["audit", "--predictions", "x.csv"]):
        done = glasshouse("--only-locked", str(file), *command)
        assert (done.code, done.out) == (2, "")
        assert done.err == (
            f"error: --only-locked {file}: our-lab is 3.0 instead of 2.5.\n"
            "       Run: pip install our-lab==2.5, or lock the installed plugins with "
            "`glasshouse plugins lock --out FILE`.\n"
        )


def test_a_lock_does_not_quietly_leave_out_what_is_broken(glasshouse, lab, site):
    site.install("broken-lab", {"broken_lab.py": "1 / 0"}, version="0.1")
    done = glasshouse("plugins", "lock")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: plugins lock: some plugins are broken: broken-lab 0.1.\n")
    assert glasshouse("plugins", "lock", "--no-plugin", "broken-lab").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only-locked", "nowhere"], "error: --only-locked nowhere: nowhere cannot be read: No such file"),
        (["--only-locked", "a", "--only-locked", "b"], "error: --only-locked: expected once, received a, b."),
        (["lock", "--out", "no/folder/x"], "error: --out: no/folder/x cannot be written: No such file or directory."),
    ],
)
def test_what_cannot_be_used(glasshouse, arguments, said):
    done = glasshouse("plugins", *(["list"] if arguments[0] != "lock" else []), *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(said)
