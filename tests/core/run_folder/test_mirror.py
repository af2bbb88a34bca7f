"""A folder and its copy elsewhere hold the same files; only what changed is sent."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from glasshouse.errors import UserError
from glasshouse.run_folder.mirror import Mirror, downloaded_arguments, is_url, local_parent, mirror_of


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    here = tmp_path / "here"
    (here / "audits").mkdir(parents=True)
    for name in ("config.yaml", "record.json", "manifest.json", "audits/fairness.json", "audits/.x.json.7.partial"):
        (here / name).write_text(name)
    return here


def test_what_changed_is_sent_and_record_and_manifest_go_last(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory = fsspec.filesystem("memory")
    sent: list[str] = []
    put = type(memory).put_file

    def noted(self, lpath, rpath, *arguments, **options):  # type: ignore[no-untyped-def]
        sent.append(rpath.rpartition("/there/")[2])
        return put(self, lpath, rpath, *arguments, **options)

    monkeypatch.setattr(type(memory), "put_file", noted)
    mirror = Mirror(folder, "memory://bucket/there/")
    mirror.send()
    assert sent == ["audits/fairness.json", "config.yaml", "manifest.json", "record.json"]
    sent.clear()
    mirror.send()
    assert sent == []
    (folder / "audits" / "fairness.json").write_text("another")
    (folder / "config.yaml").unlink()
    mirror.send(at_most_every=3600)
    assert sent == []
    mirror.send()
    assert sent == ["audits/fairness.json"]
    back = tmp_path / "back"
    Mirror(back, "memory://bucket/there").fetch()
    left = {name: text for name, text in content(folder).items() if not name.endswith(".partial")}
    assert content(back) == left
    assert set(left) == {"audits/fairness.json", "record.json", "manifest.json"}


def test_a_real_server_gets_whole_files_only(folder: Path, ftp: tuple[str, Path], tmp_path: Path) -> None:
    url, served = ftp
    mirror = Mirror(folder, f"{url}/runs/a/1")
    mirror.send()
    (folder / "record.json").write_text("newer")
    mirror.send()
    (folder / "audits" / ".x.json.7.partial").unlink()
    assert content(served / "runs/a/1") == content(folder)
    Mirror(tmp_path / "back", f"{url}/runs/a/1").fetch()
    assert content(tmp_path / "back") == content(folder)


def test_what_cannot_be_reached_is_said_without_its_password(folder: Path, ftp: tuple[str, Path]) -> None:
    url, served = ftp
    served.chmod(0o500)
    with pytest.raises(UserError) as refused:
        Mirror(folder, f"{url.replace('s3same', 'wrong')}/runs").send()
    served.chmod(0o700)
    assert "cannot be written" in str(refused.value)
    assert "wrong" not in str(refused.value)
    with pytest.raises(UserError, match="no files found"):
        Mirror(folder, "memory://bucket/nowhere").fetch()
    with pytest.raises(UserError, match="cannot be read"):
        Mirror(folder, "nosuchthing://bucket").fetch()


def test_a_driver_that_is_not_installed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(UserError, match=r"needs another package: .*s3fs"):
        Mirror(folder, "s3://bucket/runs").send()


def test_where_runs_below_a_url_work() -> None:
    assert is_url("s3://bucket/runs")
    assert not is_url("runs/a")
    there = local_parent("s3://bucket/runs")
    assert there == local_parent("s3://bucket/runs/") != local_parent("s3://bucket/other")
    mirror = mirror_of("s3://bucket/runs/", there / "adult" / "1")
    assert mirror is not None
    assert mirror.url == "s3://bucket/runs/adult/1"
    assert mirror_of("s3://bucket/runs", there / "adult" / "1" / "repeats" / "2") is None
    assert mirror_of("runs", Path("runs/adult/1")) is None


def test_only_folders_of_runs_are_fetched() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/bucket/a/config.yaml", b"x")
    given = ["--format", "md,html", "memory://bucket/a"]
    with downloaded_arguments("report", given) as local:
        assert local[:2] == given[:2]
        assert (Path(local[2]) / "config.yaml").read_bytes() == b"x"
        (Path(local[2]) / "report.md").write_text("made here")
    assert memory.cat_file("/bucket/a/report.md") == b"made here"
    assert not Path(local[2]).exists()
    for word, arguments in (
        ("run", ["--run_dir", "memory://bucket/runs"]),
        ("check", ["runs/a", "--policy", "https://example.org/p.yaml"]),
        ("audit", ["--predictions", "memory://bucket/p.parquet"]),
    ):
        with downloaded_arguments(word, arguments) as local:
            assert local == arguments
