"""``plugins doctor``: every trouble on a real installed distribution, with why it matters and a remedy to paste."""

from __future__ import annotations

from importlib import metadata

import pytest
from glasshouse import SPEC_VERSION
from glasshouse.plugins import Registry
from glasshouse.plugins.doctor import diagnosis
from glasshouse.plugins.doctor.diagnosis import plugin_problems
from glasshouse.plugins.doctor.problems import BREAKS, COSTS

HEAVY = {"torch", "pytorch_lightning", "pandas", "sklearn", "pyarrow", "scipy"}
LINE = """
    from glasshouse import ModelPlugin, hookimpl

    class Net: ...

    @hookimpl
    def glasshouse_models():
        yield ModelPlugin(name="line", target="{module}:Net", summary="one layer")
"""
MAJOR, MINOR = map(int, SPEC_VERSION.split("."))


def line(module: str, further: str = "", **stated: str) -> dict[str, str]:
    return {f"{module}.py": LINE.format(module=module) + further}


@pytest.fixture
def complaints(glasshouse):
    """What the doctor says of plugins that are not ours, by check."""

    def ask(*arguments: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
        done = glasshouse("plugins", "doctor", "--json", *arguments)
        assert done.err == ""
        report = done.json
        assert report["healthy"] is (not report["problems"]) is (done.code == 0)
        assert {one["check"] for one in report["problems"]} <= BREAKS.keys()
        assert {one["check"] for one in report["notes"]} <= COSTS.keys()
        found: dict[str, list[dict[str, str]]] = {}
        for one in report["problems"] + report["notes"]:
            assert all(one.values())
            found.setdefault(one["check"], []).append(one)
        return done.code, found

    return ask


def test_it_is_content_with_ours_and_imports_nothing_heavy(glasshouse):
    done = glasshouse("plugins", "doctor", python=("-X", "importtime"))
    assert (done.code, done.err) == (0, ""), done.out
    assert done.out.startswith("3 plugins, ")
    assert done.out.endswith(" components, 0 problems, 0 notes\n")
    assert not HEAVY & done.imported


def test_it_says_what_why_and_what_to_do(glasshouse, site):
    site.install("our-lab", line("our_lab", "\n    @hookimpl\n    def glasshouse_optimiser():\n        return []\n"))
    done = glasshouse("plugins", "doctor")
    assert done.code == 1
    assert done.out.splitlines()[:-1] == [
        "problem: our-lab:plugin: glasshouse_optimiser: there is no such hook; did you mean 'glasshouse_optimizers'?",
        "    effect: its components are not available",
        "    fix:    pip install --upgrade our-lab (installed: 1.0), report it to its author, "
        "or exclude it: --no-plugin our-lab",
    ]


def test_declarations_that_cost_lack_or_clash(complaints, site):
    site.install(
        "our-lab",
        {
            "our_lab.py": """
                import jax
                from glasshouse import ModelPlugin, hookimpl

                @hookimpl
                def glasshouse_models():
                    yield ModelPlugin(name="ghost", target="our_lab:Ghost", summary="not there")
                    yield ModelPlugin(name="gone", target="no_such_package.nets:Net", summary="not there either")
                    yield ModelPlugin(name="graph", target="our_lab:Graph", summary="needs something",
                                      requires_import=("no_such_lib",), install_hint="pip install our-lab[graph]")
                    yield ModelPlugin(name="mlp", target="json:JSONDecoder", summary="has a name that is taken")
            """,
            "jax.py": "",  # stands for the real one, which takes seconds
        },
    )
    code, found = complaints()
    assert code == 1
    assert {check: len(ones) for check, ones in found.items()} == {
        "target": 2,
        "missing": 1,
        "ambiguous": 2,
        "heavy": 1,
    }
    ghost, gone = found["target"]
    assert ghost["problem"] == "model 'ghost': our_lab:Ghost has no 'Ghost'."
    assert gone["problem"].startswith("model 'gone': no_such_package.nets cannot be imported: ModuleNotFoundError")
    assert ghost["remedy"].endswith("or exclude it: --no-plugin our-lab/ghost")
    [missing] = found["missing"]
    assert missing["problem"] == "model 'graph' requires no_such_lib, which is not installed"
    assert missing["remedy"] == "pip install our-lab[graph]"
    ours, theirs = found["ambiguous"]
    assert ours["problem"] == "model 'mlp' is also declared by our-lab 1.0"
    assert theirs["remedy"] == "write our-lab/mlp, or exclude one: --no-plugin glasshouse-plugins/mlp"
    [heavy] = found["heavy"]
    assert heavy["problem"].startswith("imports jax to list its components (0.")


def test_a_plugin_that_is_slow_to_list_is_told_with_the_seconds(site, monkeypatch):
    site.install("our-lab", line("our_lab"))
    monkeypatch.setattr(diagnosis, "SLOW_SECONDS", 0.0)
    slow = [one for one in plugin_problems(Registry(only=["our-lab"])) if one.plugin == "our-lab:plugin"]
    assert [one.check for one in slow] == ["slow"]
    assert slow[0].problem.startswith("takes 0.0")
    assert slow[0].remedy == "its author: python -X importtime -c 'import our_lab'"


@pytest.mark.parametrize(
    ("further", "check", "problem"),
    [
        (
            f"\n    glasshouse_spec = '{MAJOR + 1}.0'\n",
            "broken",
            f"is written for specification {MAJOR + 1}.0 of the hooks; this glasshouse has {SPEC_VERSION}",
        ),
        (
            f"\n    glasshouse_spec = '{MAJOR}.{MINOR + 1}'\n",
            "newer",
            f"is written for specification {MAJOR}.{MINOR + 1} of the hooks; this glasshouse has {SPEC_VERSION}",
        ),
        ("\n    from glasshouse import Teleporter\n", "broken", "cannot be imported: ImportError: cannot import name"),
    ],
)
def test_a_plugin_that_is_ahead_of_us_makes_us_the_remedy(complaints, site, further, check, problem):
    site.install("our-lab", line("our_lab", further))
    code, found = complaints()
    assert code == int(check == "broken")
    [one] = found[check]
    assert one["problem"].startswith(problem)
    editable = metadata.distribution("glasshouse").read_text("direct_url.json")
    assert ("git -C " if editable else "pip install --upgrade glasshouse glasshouse-audits") in one["remedy"]
    assert "upgrade our-lab" not in one["remedy"]


def test_a_plugin_that_is_behind_is_to_be_updated_itself(complaints, site):
    site.install("our-lab", line("our_lab", f"\n    glasshouse_spec = '{MAJOR - 1}.9'\n"))
    _, found = complaints()
    assert found["broken"][0]["remedy"].startswith("pip install --upgrade our-lab (installed: 1.0)")


def test_updates_come_from_where_the_plugin_came_from(complaints, site):
    """An index may know a stranger's distribution by the same name."""
    broken = "import no_such_module"
    git = {"url": "https://a.example/lab.git", "vcs_info": {"vcs": "git", "commit_id": "c"}}
    edited = {"url": f"file://{site.folder}", "dir_info": {"editable": True}}
    site.install("git-lab", {"git_lab.py": broken}, direct_url=git)
    site.install("edited-lab", {"edited_lab.py": broken}, direct_url=edited)
    (site.folder / ".git").mkdir()
    _, found = complaints()
    remedies = {one["plugin"]: one["remedy"].partition(" (installed")[0] for one in found["broken"]}
    assert remedies == {
        "git-lab:plugin": "pip install --upgrade 'git-lab @ git+https://a.example/lab.git'",
        "edited-lab:plugin": f"git -C {site.folder} pull",
    }
    (site.folder / ".git").rmdir()
    _, found = complaints()
    remedy = next(one["remedy"] for one in found["broken"] if one["plugin"] == "edited-lab:plugin")
    assert remedy.startswith(f"replace {site.folder} with a newer version")


def test_an_editable_install_without_its_folder(complaints, site, tmp_path):
    gone = tmp_path / "gone"
    site.install("our-lab", line("our_lab"), direct_url={"url": gone.as_uri(), "dir_info": {"editable": True}})
    (site.folder / "our_lab.py").unlink()
    code, found = complaints()
    assert (code, list(found)) == (1, ["gone"])
    assert found["gone"][0]["problem"] == f"is an editable install of {gone}, which no longer exists"
    assert found["gone"][0]["remedy"].startswith("pip uninstall our-lab, or restore the folder and pip install -e ")


def test_two_distributions_that_lead_to_one_module(complaints, site):
    site.install("new-name", line("our_lab"))
    site.install("old-name", {}, entry_points={"plugin": "our_lab"})
    _, found = complaints()
    [broken] = found["broken"]
    assert broken["plugin"] == "old-name:plugin"
    assert broken["problem"].startswith("its entry point is the same object as that of new-name:plugin")


def test_one_distribution_in_two_versions(complaints, site):
    site.install("our-lab", line("our_lab"), version="1.0")
    site.install("our-lab", {}, version="2.0", entry_points={"plugin": "our_lab"})
    code, found = complaints()
    assert (code, list(found)) == (0, ["twice"])
    assert found["twice"][0]["problem"].startswith("is installed 2 times: ")
    assert found["twice"][0]["remedy"].count("pip uninstall -y our-lab") == 2


def test_versions_of_ours_that_do_not_go_together(complaints, site):
    site.install("glasshouse-audits", line("older_audits"), version="0.0.9")
    code, found = complaints()
    assert code == 1
    assert "glasshouse-audits 0.0.9" in found["versions"][0]["problem"]
    assert f"glasshouse {metadata.version('glasshouse')}" in found["versions"][0]["problem"]


NMS = "raise RuntimeError('operator torchvision::nms does not exist')"


@pytest.mark.parametrize(("content", "complained"), [(NMS, True), ("", False)])
def test_a_torchvision_of_another_build_is_imported_elsewhere_to_be_sure(complaints, site, content, complained):
    version = "0.28.0+rocm6"  # no build of torch that tests run with
    site.install("torchvision", {"torchvision.py": content}, version=version, entry_points={})
    code, found = complaints()
    assert code == int(complained)
    if complained:
        [one] = found["torchvision"]
        torch = metadata.version("torch")
        reason = "RuntimeError: operator torchvision::nms does not exist"
        assert one["problem"] == f"torchvision {version} is incompatible with torch {torch}: {reason}"


def test_a_torchvision_of_the_same_build_is_not_imported(complaints, site):
    build = metadata.version("torch").partition("+")[2]
    version = "0.28.0" + (f"+{build}" if build else "")
    site.install("torchvision", {"torchvision.py": NMS}, version=version, entry_points={})
    assert complaints() == (0, {})
