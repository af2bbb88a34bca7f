"""How distributions came here (PEP 610, against `importlib.metadata`'s own reader) and what their files are."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
from glasshouse.plugins.lock.origin import content_of_file, content_of_modules, origin_of

FILES = {"lab/__init__.py": "a = 1\n", "lab/deep/table.csv": "1,2\n", "lab/net.py": "b = 2\n"}


@pytest.mark.parametrize(
    ("direct_url", "how", "shown"),
    [
        (None, "index", "index"),
        ({"url": "file:///home/me/our%20lab", "dir_info": {"editable": True}}, "editable", "/home/me/our lab"),
        ({"url": "file:///home/me/lab", "dir_info": {}}, "direct", "direct, from /home/me/lab"),
        ({"url": "https://a.example/lab.git", "vcs_info": {"vcs": "git", "commit_id": "c"}}, "direct", "a.example"),
        ({"url": "file:///lab-1.0-py3-none-any.whl", "archive_info": {}}, "direct", "lab-1.0-py3-none-any.whl"),
        ({"nothing": 1}, "unknown", "unknown"),
    ],
)
def test_how_a_distribution_was_installed(site, direct_url, how, shown):
    site.install("our-lab", FILES, direct_url=direct_url)
    origin = origin_of("our-lab")
    assert origin.how == how
    assert shown in str(origin)
    assert origin.version_says_all is (how == "index")


def test_ours_as_the_library_has_it():
    written = metadata.distribution("glasshouse").read_text("direct_url.json")
    assert (origin_of("glasshouse").how == "index") is (written is None)
    assert origin_of("no-such-lab").how == "unknown"


def test_content_changes_with_every_file_and_with_nothing_else(site):
    site.install("our-lab", FILES)
    before = content_of_modules(["lab.plugin"])
    assert before is not None
    assert before.startswith("sha256:")
    assert content_of_modules(["lab", "lab.net"]) == before  # one package, however many entry points lead into it
    (site.folder / "lab/__pycache__").mkdir()
    (site.folder / "lab/__pycache__/net.cpython-311.pyc").write_bytes(b"x")
    (site.folder / "lab/.net.py.swp").write_bytes(b"x")
    (site.folder / "other.py").write_text("")
    assert content_of_modules(["lab"]) == before
    seen = {before}
    for change in (
        lambda: (site.folder / "lab/deep/table.csv").write_text("1,3\n"),
        lambda: (site.folder / "lab/new.py").write_text(""),
        lambda: (site.folder / "lab/net.py").rename(site.folder / "lab/nets.py"),
        lambda: (site.folder / "lab/new.py").unlink(),
    ):
        change()
        seen.add(content_of_modules(["lab"]))
    assert len(seen) == 5
    assert None not in seen


def test_nothing_is_imported_to_hash_it(site):
    site.install("our-lab", {"lab/__init__.py": "raise SystemExit('imported')", "lab/deep/__init__.py": ""})
    assert content_of_modules(["lab.deep.plugin"])
    assert "lab" not in sys.modules


def test_of_a_namespace_only_the_part_that_holds_the_module_counts(site):
    site.install("one-lab", {"company/one/__init__.py": "", "company/single.py": "a = 1"})
    one, single = content_of_modules(["company.one.plugin"]), content_of_modules(["company.single"])
    site.install("two-lab", {"company/two/__init__.py": ""})
    assert content_of_modules(["company.one.plugin"]) == one is not None
    assert content_of_modules(["company.single"]) == single == content_of_modules(["company.single"])
    assert len({one, single, content_of_modules(["company.two"])}) == 3


def test_a_single_module_and_what_is_not_there(site):
    site.install("one-lab", {"one_module.py": "a = 1"})
    assert content_of_modules(["one_module"]) is not None
    assert content_of_modules(["one_module", "no_such_module"]) is None
    assert content_of_modules([""]) is None


def test_the_hash_of_a_file_is_that_of_sha256sum(tmp_path):
    file = tmp_path / "own.py"
    file.write_bytes(b"import glasshouse\n")
    done = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True)
    assert content_of_file(file) == f"sha256:{done.stdout.split()[0]}"
