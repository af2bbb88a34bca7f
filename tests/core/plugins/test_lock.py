"""What a lock holds, how it differs from what is here, and what `--only-locked` lets in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from glasshouse.errors import UserError
from glasshouse.plugins import Registry
from glasshouse.plugins.lock.lock_file import Lock, LockedPlugin, LockGate, differences, lock_of, read_lock
from glasshouse.run_folder.provenance import plugin_changes, provenance

LINE = """
    from glasshouse import ModelPlugin, hookimpl

    @hookimpl
    def glasshouse_models():
        yield ModelPlugin(name="{name}", target="a:B", summary="one layer")
"""
EDITABLE = {"url": "file:///home/me/lab", "dir_info": {"editable": True}}


def install(site, name, version="1.0", **options):
    code = LINE.format(name=name.replace("-", "_")) + options.pop("further", "")
    site.install(name, {f"{name.replace('-', '_')}.py": code}, version=version, **options)


def lock_here(*names, files=()):
    plugins = Registry(only=names, files=files)
    plugins.check_all()
    return lock_of(plugins.loaded)


def gated(lock, *names, files=(), blocked=()):
    plugins = Registry(only=names, files=files, blocked=blocked, gate=LockGate(lock=lock, path=Path("lock.json")))
    return [component.name for component in plugins.components("model")]


@pytest.fixture
def own(site, tmp_path):
    file = tmp_path / "own.py"
    file.write_text("from glasshouse import hookimpl\n")
    return file


def test_versions_for_what_came_from_an_index_and_contents_for_the_rest(site, own):
    install(site, "index-lab", "2.5")
    install(site, "edited-lab", direct_url=EDITABLE)
    lock = lock_here("index-lab", "edited-lab", files=[own])
    values = lock.to_dict()
    assert [p for p in values["plugins"] if "lab" in p] == ["edited-lab==1.0", "index-lab==2.5"]
    assert "index-lab" not in values["plugin_contents"]
    assert {"edited-lab", "own.py"} <= values["plugin_contents"].keys()
    [single] = [plugin for plugin in values["plugins"] if plugin.startswith("own.py==")]
    assert values["plugin_contents"]["own.py"].startswith(single.removeprefix("own.py=="))
    assert Lock.from_dict(json.loads(json.dumps(values))) == lock


def test_a_runs_provenance_is_a_lock(site, tmp_path):
    install(site, "our-lab", "2.5")
    plugins = Registry(only=["our-lab"])
    written = provenance(plugins, command=["glasshouse", "run"], seed=1, data_fingerprint=None)
    (tmp_path / "provenance.json").write_text(json.dumps(written))
    assert read_lock(tmp_path) == read_lock(tmp_path / "provenance.json") == lock_of(plugins.loaded)
    assert written["plugin_specification"] == lock_of(plugins.loaded).specification


def made(**plugins):
    """A lock from ``name="version"`` or ``name=(version, content)``."""
    pairs = {name: value if isinstance(value, tuple) else (value, None) for name, value in plugins.items()}
    return Lock.of(LockedPlugin(name=name, version=v, content=c) for name, (v, c) in pairs.items())


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (made(lab="1"), made(lab="1"), []),
        (made(Our_Lab="1"), made(our_lab="1"), []),
        (made(lab="1"), made(lab="2"), ["lab is 2 instead of 1"]),
        (made(lab="1"), made(), ["lab 1 is missing"]),
        (made(), made(lab="1"), ["lab 1 is added"]),
        (made(lab=("1", "sha256:a")), made(lab=("1", "sha256:b")), ["the files of lab 1 differ"]),
        (made(lab=("1", "sha256:a")), made(lab="1"), ["the files of lab 1 differ"]),
        (made(own=("sha256:a", "sha256:aa")), made(own=("sha256:b", "sha256:bb")), ["the files of own differ"]),
        (made(own=("sha256:a", "sha256:aa")), made(), ["own is missing"]),
        (
            made(a="1", b="1", c="1"),
            made(b="2", d="1"),
            "a 1 is missing;b is 2 instead of 1;c 1 is missing;d 1 is added",
        ),
    ],
)
def test_each_way_to_differ(then, now, said):
    found = [difference.text for difference in differences(then, now)]
    assert found == (said.split(";") if isinstance(said, str) else said)
    assert differences(now, now) == []


def test_runs_of_earlier_versions_hold_versions_alone():
    then = Lock.from_dict({"plugins": ["lab==1", "own.py==sha256:abc"]})
    assert differences(then, made(**{"lab": ("1", "sha256:a"), "own.py": ("sha256:abc", "sha256:abcd")})) == []
    assert [d.text for d in differences(then, made(lab="2"))] == ["lab is 2 instead of 1", "own.py is missing"]


def test_what_moved_on_since_a_run_began_is_one_line():
    began, now = ({"plugins": [f"lab=={version}"], "plugin_contents": {}} for version in ("1", "2"))
    assert plugin_changes(began, began) is None
    assert (
        plugin_changes(began, now) == "note: plugins differ from those at the start of the run: lab is 2 instead of 1"
    )


# ---------------------------------------------------------------- what is let in


def test_what_is_as_locked_is_let_in_and_strangers_are_never_imported(site):
    install(site, "our-lab")
    lock = lock_here("our-lab")
    install(site, "strange-lab", further="\n    raise SystemExit('imported')\n")
    plugins = Registry(only=["our-lab", "strange-lab"], gate=LockGate(lock=lock, path=Path("lock.json")))
    assert [component.name for component in plugins.components("model")] == ["our_lab"]
    assert [entry.distribution for entry in plugins.unlocked] == ["strange-lab"]
    assert plugins.broken == ()
    assert "strange_lab" not in sys.modules


def test_every_difference_is_named_at_once_and_nothing_is_imported(site, own):
    install(site, "gone-lab", "3.0")
    install(site, "moved-lab", "2.5")
    install(site, "edited-lab", direct_url=EDITABLE)
    lock = Lock.of([*lock_here("gone-lab", "moved-lab", "edited-lab").plugins.values()])
    for module in ("moved_lab", "edited_lab"):
        del sys.modules[module]
    (site.folder / "moved_lab-2.5.dist-info").rename(site.folder / "moved_lab-2.6.dist-info")
    file = site.folder / "moved_lab-2.6.dist-info/METADATA"
    file.write_text(file.read_text().replace("2.5", "2.6"))
    with (site.folder / "edited_lab.py").open("a") as source:
        source.write("# another line\n")
    with pytest.raises(UserError) as raised:
        gated(lock, "gone-lab", "moved-lab", "edited-lab", files=[own], blocked=["gone-lab"])
    assert (raised.value.who, raised.value.exit_code) == ("--only-locked lock.json", 2)
    assert raised.value.problem == (
        "the files of edited-lab 1.0 differ; gone-lab 3.0 is missing; moved-lab is 2.6 instead of 2.5; own.py is added."
    )
    assert raised.value.remedy == (
        "Run: pip install gone-lab==3.0 moved-lab==2.5, or lock the installed plugins with "
        "`glasshouse plugins lock --out FILE`."
    )
    assert not {"moved_lab", "edited_lab", "own"} & sys.modules.keys()


def test_a_file_is_let_in_as_it_was(site, own):
    lock = lock_here(files=[own])
    assert gated(lock, files=[own]) == []
    own.write_text(own.read_text() + "# another line\n")
    with pytest.raises(UserError, match=r"the files of own\.py differ\. Restore the locked plugins, or lock"):
        gated(lock, files=[own])
    with pytest.raises(UserError, match=r"own\.py is missing"):
        gated(lock)


def test_an_editable_install_whose_folder_is_gone_differs(site):
    install(site, "edited-lab", direct_url=EDITABLE)
    lock = lock_here("edited-lab")
    (site.folder / "edited_lab.py").unlink()
    with pytest.raises(UserError, match=r"the files of edited-lab 1\.0 differ"):
        gated(lock, "edited-lab")


def test_a_locked_plugin_that_cannot_be_loaded_any_more_is_no_small_matter(site):
    install(site, "our-lab", further="\n    import a_helper_of_ours\n")
    site.install("helper", {"a_helper_of_ours.py": ""}, entry_points={})
    lock = lock_here("our-lab")
    (site.folder / "a_helper_of_ours.py").unlink()
    for module in ("our_lab", "a_helper_of_ours"):
        del sys.modules[module]
    with pytest.raises(UserError, match=r"our-lab 1\.0 cannot be loaded: cannot be imported: ModuleNotFoundError"):
        gated(lock, "our-lab")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"plugins\.json cannot be read: No such file or directory\. Give the folder of a run"),
        ("{", r"plugins\.json is not valid JSON\."),
        ("[]", r"plugins\.json is not a lock: `plugins` is not a list of name==version\."),
        ('{"plugins": ["lab"]}', r"is not a lock: `plugins` is not a list of name==version\."),
        ('{"plugins": "lab==1"}', r"is not a lock"),
        ('{"plugins": [], "plugin_contents": []}', r"is not a lock"),
    ],
)
def test_what_is_no_lock_is_refused(tmp_path, content, said):
    file = tmp_path / "plugins.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=said):
        read_lock(file)
