"""Names from elsewhere stay in their folder; a remote run with another one is refused before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from glasshouse import UserError
from glasshouse.run_folder import mirror
from glasshouse.run_folder.mirror import Mirror
from glasshouse.run_folder.safe_names import path_inside

OUTSIDE = ["../x", "a/../../x", "..", "/x", "C:/x", "C:x", "a\\..\\x", "a\x00b", "a\nb", ""]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="names a file outside its folder"):
        path_inside(tmp_path, name, who="a test")


@pytest.mark.parametrize("name", ["x", "a/b.json", "a/...", ".x", "a b/é"])
def test_other_names_are_joined(tmp_path: Path, name: str) -> None:
    assert path_inside(tmp_path, name, who="a test") == tmp_path / name


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "away").symlink_to(tmp_path)
    with pytest.raises(UserError, match="outside its folder"):
        path_inside(tmp_path / "folder", "away/x", who="a test")


class Listing:
    """A file system that lists one object and writes whatever it is asked for."""

    def __init__(self, path: str) -> None:
        self.path = path

    def find(self, root: str) -> list[str]:
        return [f"{root}/config.yaml", self.path]

    def get_file(self, path: str, target: str) -> None:
        Path(target).write_text(path)


@pytest.mark.parametrize("path", ["bucket/run/../../x", "bucket/run/audits/../../../x", "elsewhere/x", "bucket/run2/x"])
def test_nothing_is_downloaded_from_a_run_with_such_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    system: Any = Listing(path)
    monkeypatch.setattr(mirror, "_system", lambda url: (system, "bucket/run"))
    folder = tmp_path / "in" / "run"
    folder.mkdir(parents=True)
    with pytest.raises(UserError):
        Mirror(folder, "s3://bucket/run").fetch()
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []
