"""A suite that asserts on a run, as a project has it: the option, the messages, and the page about them."""

from __future__ import annotations

import re
from pathlib import Path

from glasshouse import RunRecord

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "audits_as_tests.md").read_text(encoding="utf-8")

SUITE = """
    def test_holds(audit_record):
        assert audit_record["accuracy"] > 0.7

    def test_does_not_hold(audit_record):
        assert audit_record["demographic_parity_difference"] < 0.1

    def test_is_undefined(audit_record):
        assert not audit_record["recall"] < 0.9

    def test_is_not_sure(audit_record):
        assert audit_record["demographic_parity_difference"].surely_below(0.15)
"""


def test_a_failing_assertion_shows_value_interval_level_method_and_count(suite, loans) -> None:
    done = suite(SUITE, "--glasshouse-run", loans.folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 failed, 1 passed" in done.stdout
    for line in (
        "E       assert fairness/demographic_parity_difference[over=sex]@test < 0.1",
        "E         value     0.12",
        "E         interval  0.05 to 0.19 at 0.95, miettinen_nurminen",
        "E         n         400",
        "recall@test is undefined: there is no positive: it cannot be compared",
        "E       assert <surely below 0.15? demographic_parity_difference[over=sex]@test = 0.12 "
        "(0.05 to 0.19 at 0.95, miettinen_nurminen; n = 400): the upper end is 0.19>",
    ):
        assert line in done.stdout
    assert "audit_record.py" not in done.stdout  # the place shown is the test's


def test_without_the_option_tests_fail_and_say_what_to_give(suite) -> None:
    done = suite(SUITE)
    assert done.returncode == 1
    assert "4 errors" in done.stdout
    assert "audit_record: expected --glasshouse-run, received none" in done.stdout
    assert "pytest --glasshouse-run runs/NAME/TIME-ID" in done.stdout


def test_a_folder_that_cannot_be_used_ends_pytest_at_once(suite, tmp_path) -> None:
    done = suite(SUITE, "--glasshouse-run", "nowhere")
    assert done.returncode == 4
    assert re.search(r"--glasshouse-run nowhere: .*nowhere: no such file", done.stderr)
    assert "Traceback" not in done.stderr
    (tmp_path / "record.json").write_text("{}", encoding="utf-8")
    done = suite(SUITE, "--glasshouse-run", tmp_path)
    assert done.returncode == 4
    assert "expected a record of schema 'glasshouse/record/1', got None" in done.stderr


def test_the_page_holds_for_a_run(suite, tiny_run: RunRecord) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    wrong = "def test_wrong(audit_record):\n    gap = audit_record.measurement\n"
    wrong += '    assert gap("demographic_parity_difference", over="sex") < 0.1\n'
    done = suite("\n".join([*blocks, wrong]), "--glasshouse-run", tiny_run.folder)
    assert "1 failed, 3 passed" in done.stdout, done.stdout
    (shown,) = [block for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) if block.startswith("E")]
    assert shown in done.stdout
