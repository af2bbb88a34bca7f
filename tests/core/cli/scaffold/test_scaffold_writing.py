"""``plugins new`` writes a folder whole or not at all, and says what to do next."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
import yaml
from glasshouse import UserError, __version__
from glasshouse.cli.main import main
from glasshouse.cli.scaffold import KINDS, read_names, render_files, write_distribution
from glasshouse.plugins.discovery import normalized

FULL = {
    ".github/workflows/tests.yml",
    ".gitignore",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "src/my_net/__init__.py",
    "src/my_net/declarations.py",
    "src/my_net/model.py",
    "src/my_net/py.typed",
    "tests/test_my_net.py",
    "tox.ini",
}
MINIMAL = {"pyproject.toml", "my_net/__init__.py", "my_net/model.py"}


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("options", "expected"), [([], FULL), (["--minimal"], MINIMAL)], ids=["full", "minimal"])
def test_the_files(options, expected, tmp_path, capsys):
    code = main(["plugins", "new", "my-net", "--kind", "model", "--into", str(tmp_path), *options])
    assert code == 0
    folder = tmp_path / "my-net"
    assert files_below(folder) == expected
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines()[0].startswith(f"Wrote {folder}: model 'my_net', ")
    for file in expected:
        assert f"  {folder / file}" in said.out
    installed = str(folder) if options else f'"{folder}[test]"'
    assert f"  pip install -e {installed} && " in said.out


def test_a_name_that_others_use_is_said_and_then_avoided(tmp_path, capsys):
    assert main(["plugins", "new", "mlp", "--kind", "model", "--into", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("note: glasshouse-plugins ")
    assert "--model mlp/mlp" in said.out


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_is_shown_next_names_the_component(kind):
    assert kind.use.count("NAME") == 1


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_project_file_says_what_installing_needs(kind):
    names = read_names("glasshouse-net", kind)
    for minimal in (False, True):
        files = render_files(names, kind, minimal=minimal)
        project = tomllib.loads(files["pyproject.toml"])["project"]
        assert normalized(project["name"]) == "glasshouse-net"
        module = "glasshouse_net" if minimal else "glasshouse_net.declarations"
        assert project["entry-points"] == {"glasshouse": {"glasshouse_net": module}}
        assert project["dependencies"][0].split(">=")[0] == "glasshouse"
    files = render_files(names, kind)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    (needed,) = project["dependencies"]
    assert __version__.startswith(needed.removeprefix("glasshouse>="))
    assert {project["readme"], *project["license-files"]} <= files.keys()
    workflow = yaml.safe_load(files[".github/workflows/tests.yml"])
    setup = workflow["jobs"]["tests"]["steps"][1]
    assert setup["with"]["python-version"] == "${{ matrix.python }}"


def test_an_existing_folder_or_file_is_left_alone(tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for word in ("taken", "file", "nowhere"):
        assert main(["plugins", "new", word, "--kind", "data", "--into", str(tmp_path)]) == 2
        assert f"'{tmp_path / word}' exists already" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "nowhere", "taken"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_to_write_into_that_is_not_there_is_made(tmp_path, capsys):
    into = tmp_path / "one" / "two"
    assert main(["plugins", "new", "net", "--kind", "model", "--into", str(into)]) == 0
    assert (into / "net" / "pyproject.toml").is_file()
    assert [path.name for path in into.iterdir()] == ["net"]


def test_parents_that_were_made_go_when_nothing_can_be_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Path, "rename", _no_space)
    assert main(["plugins", "new", "net", "--kind", "model", "--into", str(tmp_path / "one" / "two")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_file_to_write_into_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(["plugins", "new", "net", "--kind", "model", "--into", str(tmp_path / "file")]) == 2
    assert "which is a file" in capsys.readouterr().err


def test_nothing_is_left_of_a_folder_that_cannot_be_written_to_its_end(tmp_path, monkeypatch):
    written: list[Path] = []
    write_text = Path.write_text

    def full_disk(path, *arguments, **options):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        return write_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(UserError, match=r"cannot be written: .*No space left on device"):
        write_distribution(tmp_path / "net", {"a": "1", "b/c": "2", "d": "3"})
    assert len(written) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_appears_meanwhile_is_left_alone(tmp_path, monkeypatch):
    rename = Path.rename

    def late(path, target):
        target.mkdir()
        (target / "mine").write_text("mine")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(UserError, match="cannot be written"):
        write_distribution(tmp_path / "net", {"a": "1"})
    assert files_below(tmp_path) == {"net/mine"}


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such rights")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_said(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UserError, match="cannot be written"):
            write_distribution(tmp_path / "net", {"a": "1"})
    finally:
        tmp_path.chmod(0o700)


def test_a_kind_that_cannot_be_begun_is_refused_with_those_that_can(tmp_path, capsys):
    assert main(["plugins", "new", "net", "--kind", "command", "--into", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert all(f"'{kind}'" in said for kind in KINDS)
