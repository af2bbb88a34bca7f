"""Discovery against `importlib.metadata`, which it must agree with, and PEP 503's own implementation."""

from __future__ import annotations

import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from glasshouse.plugins.discovery import EntryPoint, installed, normalized
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name


def as_the_library_has_it() -> set[tuple[str, str, str, str]]:
    found = set()
    for entry in metadata.entry_points(group="glasshouse"):
        assert entry.dist is not None
        found.add((entry.dist.metadata["Name"], entry.dist.version, entry.name, entry.value))
    return found


def as_we_have_it() -> list[tuple[str, str, str, str]]:
    return [(entry.distribution, entry.version, entry.name, entry.value) for entry in installed()]


def test_agrees_with_the_library_on_what_is_installed_here():
    assert set(as_we_have_it()) == as_the_library_has_it()
    assert {"glasshouse-audits", "glasshouse-plugins"} <= {entry.distribution for entry in installed()}


def test_agrees_with_the_library_on_two_distributions_with_one_entry_name(site):
    site.install("first-lab", {"first_lab.py": ""})
    site.install("second-lab", {"second_lab.py": ""}, entry_points={"plugin": "second_lab:plugins.all [extra]"})
    found = as_we_have_it()
    assert ("first-lab", "1.0", "plugin", "first_lab") in found
    assert ("second-lab", "1.0", "plugin", "second_lab:plugins.all [extra]") in found
    assert set(found) == as_the_library_has_it()


def test_of_two_versions_the_first_on_the_path_counts_even_without_entry_points(site, tmp_path, monkeypatch):
    for folder, entry_points in (("far", {"old": "lab"}), ("near", {})):
        elsewhere = type(site)(tmp_path / folder)
        elsewhere.install(
            "Some.Lab", {"lab.py": ""}, version="1.0" if entry_points else "2.0", entry_points=entry_points
        )
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    assert not [entry for entry in installed() if entry.distribution == "Some.Lab"]
    assert set(as_we_have_it()) == as_the_library_has_it()


def test_egg_info_of_an_old_development_install(site):
    folder = site.folder / "old_lab.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old-lab\nVersion: 0.3\n\nName: not-this\n")
    (folder / "entry_points.txt").write_text("[glasshouse]\nplugin = old_lab\n")
    assert ("old-lab", "0.3", "plugin", "old_lab") in as_we_have_it()
    assert set(as_we_have_it()) == as_the_library_has_it()


def test_a_zip_file_on_the_path(site, tmp_path, monkeypatch):
    site.install("zipped-lab", {"zipped_lab.py": ""})
    archive = tmp_path / "zipped.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in site.folder.rglob("*"):
            file.write(path, path.relative_to(site.folder))
    monkeypatch.setattr(sys, "path", [str(archive), *(p for p in sys.path if p != str(site.folder))])
    assert ("zipped-lab", "1.0", "plugin", "zipped_lab") in as_we_have_it()
    assert set(as_we_have_it()) == as_the_library_has_it()


def test_finders_of_other_tools_are_asked(monkeypatch, tmp_path):
    class Frozen(metadata.DistributionFinder):
        @classmethod
        def find_distributions(cls, context=None):
            folder = tmp_path / "frozen_lab-7.0.dist-info"
            folder.mkdir(exist_ok=True)
            (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: frozen-lab\nVersion: 7.0\n")
            (folder / "entry_points.txt").write_text("[glasshouse]\nplugin = frozen_lab\n")
            yield metadata.PathDistribution(folder)

        @classmethod
        def find_spec(cls, fullname, path=None, target=None):
            return None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Frozen])
    assert ("frozen-lab", "7.0", "plugin", "frozen_lab") in as_we_have_it()


def test_what_an_interrupted_removal_leaves_behind_is_no_distribution(site):
    site.install("half-gone", {"half_gone.py": ""})
    (site.folder / "half_gone-1.0.dist-info").rename(site.folder / "~alf_gone-1.0.dist-info")
    assert "half-gone" not in {entry.distribution for entry in installed()}


def test_folders_that_do_not_exist_or_cannot_be_read_are_passed_over(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path("/no/such/folder"))])
    assert set(as_we_have_it()) == as_the_library_has_it()


@pytest.mark.parametrize(
    ("value", "module", "attribute"),
    [("lab", "lab", None), ("lab.sub : Plugin.all", "lab.sub", "Plugin.all"), ("lab:x [extra]", "lab", "x")],
)
def test_the_parts_of_a_value_are_those_of_the_library(value, module, attribute):
    entry = EntryPoint(distribution="lab", version="1", name="plugin", value=value)
    theirs = metadata.EntryPoint(name="plugin", value=value, group="glasshouse")
    assert (entry.module, entry.attribute or "") == (theirs.module, theirs.attr or "")
    assert (entry.module, entry.attribute, entry.id) == (module, attribute, "lab:plugin")


def test_a_malformed_value_is_refused():
    entry = EntryPoint(distribution="lab", version="1", name="plugin", value="not a module")
    with pytest.raises(ValueError, match="'not a module' is not 'module' or 'module:attribute'"):
        _ = entry.module


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,12}[A-Za-z0-9])?", fullmatch=True))
def test_names_are_normalized_as_packaging_does(name):
    assert normalized(name) == canonicalize_name(name)
