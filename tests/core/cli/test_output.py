"""What a run prints, in a process of its own: progress on stderr, the folder as the last line of stdout."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("fresh_process")


def test_stdout_ends_with_the_folder_and_stderr_holds_our_own_lines(glasshouse, tmp_path):
    done = glasshouse(
        *("run", "--model", "mlp", "--data", "diabetes", "--optimizer", "adamw", "--trainer.max_epochs", "2"),
        *("--audits", "performance"),
        env={"OMP_NUM_THREADS": "1"},
    )
    assert done.code == 0, done.err
    (line,) = done.out.splitlines()
    assert (tmp_path / "here" / line / "report.html").is_file()
    assert [text.split()[0] for text in done.err.splitlines()] == ["training", "audit", "verdict:"], done.err
    assert Path(line).parts[:2] == ("runs", "diabetes")
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["runs"]
