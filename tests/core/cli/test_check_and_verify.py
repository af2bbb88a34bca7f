"""``glasshouse check`` and ``glasshouse verify``, on files written as a run writes them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from glasshouse import AuditResult, DataInfo, Measurement, Target
from glasshouse.cli.main import main
from glasshouse.record.record import build_record
from glasshouse.run_folder.manifest import differences, stamps, update_manifest, write_manifest
from glasshouse.system.atomic_files import write_json

INFO = DataInfo(
    name="toy", modality="tabular", target=Target(name="y", kind="binary", classes=("no", "yes")), input_shape=(3,)
)
RULE = {
    "audit": "performance",
    "severity": "high",
    "explanation": "By decree.",
    "source": "a test",
    "evidence": "value",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run: accuracy 0.75 between 0.6 and 0.9, and an audit that ended in error."""
    folder = tmp_path / "20260101-aa"
    (folder / "audits").mkdir(parents=True)
    header = {
        "id": folder.name,
        "name": "toy",
        "created": "2026-01-01T00:00:00+00:00",
        "glasshouse_version": "0.1.0",
        "command": ["glasshouse", "run"],
        "seed": 1,
        "config": {"policy": "default"},
        "provenance": {},
        "data": INFO.to_dict(),
        "model": None,
    }
    accuracy = Measurement(
        name="accuracy", value=0.75, low=0.6, high=0.9, level=0.95, interval_method="wilson", n=40, split="test"
    )
    audit = AuditResult(name="performance", family="performance", measurements=[accuracy])
    write_json(folder / "record.json", build_record(header, [audit]).to_dict())
    write_json(folder / "audits" / "performance.json", {})
    (folder / "config.yaml").write_text("model: mlp\n")
    return folder


def policy(folder: Path, **rules: str) -> str:
    """A file of rules about accuracy: title -> the bound and how it is judged."""
    import yaml

    listed = [
        {**RULE, "title": title, "measurement": "accuracy", **yaml.safe_load(rule)} for title, rule in rules.items()
    ]
    path = folder.parent / "policy.yaml"
    path.write_text(yaml.safe_dump({"name": "house", "rules": listed}))
    return str(path)


@pytest.mark.parametrize(
    ("rule", "strict", "code"),
    [
        ("{min: 0.7}", False, 0),
        ("{min: 0.8}", False, 1),
        ("{min: 0.5, evidence: interval}", True, 0),
        ("{min: 0.7, evidence: interval}", False, 0),  # the interval reaches below: inconclusive
        ("{min: 0.7, evidence: interval}", True, 1),
        ("{min: 0.95, evidence: interval}", False, 1),
    ],
)
def test_check_exits_by_the_rules(run: Path, rule: str, strict: bool, code: int) -> None:
    arguments = ["check", str(run), "--policy", policy(run, rule=rule), *(["--strict"] if strict else [])]
    assert main(arguments) == code


def test_check_writes_junit(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = {"held\x01": "{min: 0.7}", "not held": "{min: 0.8}", "open": "{min: 0.7, evidence: interval}"}
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main(["check", str(run), "--policy", policy(run, **rules), "--junit", str(run.parent / "junit.xml")]) == 1
    numbers = "0.750 (0.600 to 0.900), n = 40"
    assert capsys.readouterr().out.splitlines() == [
        "fail          not held",
        f"              {numbers}; expected at least 0.8",
        "inconclusive  open",
        f"              {numbers}; expected at least 0.7",
        "pass          held ",
        f"              {numbers}; expected at least 0.7",
        "1 fail, 1 inconclusive, 1 pass (policy 'house')",
    ]
    (suite,) = ElementTree.parse(run.parent / "junit.xml").getroot()
    assert {key: suite.attrib[key] for key in ("tests", "failures", "skipped")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
    }
    results = {case.attrib["name"]: [element.tag for element in case] for case in suite}
    assert results == {
        "held ": ["system-out"],
        "not held": ["failure", "system-out"],
        "open": ["skipped", "system-out"],
    }
    assert {case.findtext("system-out") for case in suite if case.attrib["name"] == "open"} == {
        f"{numbers}; expected at least 0.7"
    }
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "nowhere"], "error: nowhere/record.json: no such file."),
        (["check", "RUN", "--policy", "nowhere.yaml"], "error: policy 'nowhere.yaml': no such file, and no policy"),
        (
            ["check", "RUN", "--junit", "nowhere/junit.xml"],
            "error: --junit nowhere/junit.xml: cannot be written: No such",
        ),
        (
            ["verify", "RUN"],
            "has no manifest.json: it is not a run, or the run did not finish.\n       See `glasshouse runs`.",
        ),
    ],
)
def test_unusable_input(
    run: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parent)
    assert main([str(run) if part == "RUN" else part for part in arguments]) == 2
    assert said in capsys.readouterr().err


def test_verify_names_what_is_changed_missing_and_added(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifest(run)
    assert main(["verify", str(run)]) == 0
    listed = json.loads((run / "manifest.json").read_text())["sha256"]
    assert listed["config.yaml"] == hashlib.sha256(b"model: mlp\n").hexdigest()
    assert sorted(listed) == ["audits/performance.json", "config.yaml", "record.json"]
    (run / "config.yaml").write_text("model: mlP\n")
    (run / "audits" / "performance.json").unlink()
    (run / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert main(["verify", str(run)]) == 1
    expected = ["changed  config.yaml", "missing  audits/performance.json", "added    notes.txt"]
    assert capsys.readouterr().out.splitlines() == expected
    assert main(["verify", "--json", str(run)]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "changed": ["config.yaml"],
        "missing": ["audits/performance.json"],
        "added": ["notes.txt"],
    }


def test_a_command_that_writes_does_not_hide_what_others_changed(run: Path) -> None:
    write_manifest(run)
    (run / "config.yaml").write_text("model: linear\n")
    (run / "notes.txt").write_text("mine")
    before = stamps(run)
    write_json(run / "record.json", {"of": "ours"})
    (run / "report.md").write_text("ours")
    update_manifest(run, before)
    assert differences(run).changed == ("config.yaml",)
    assert differences(run).added == ("notes.txt",)


def test_a_report_made_again_is_the_runs_own(run: Path) -> None:
    write_manifest(run)
    assert main(["report", str(run), "--format", "md"]) == 0
    assert not differences(run)


def test_neither_imports_torch(run: Path) -> None:
    write_manifest(run)
    code = (
        "import sys; from glasshouse.cli.main import main;"
        f"main(['check', {str(run)!r}]); main(['verify', {str(run)!r}]);"
        "print([name for name in ('torch', 'pandas', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("hired", "gated"), [("all of one group", 1), ("half of each", 0)])
def test_predictions_are_gated_as_well(tmp_path: Path, hired: str, gated: int) -> None:
    """Nobody of one group is hired: the four-fifths rule of the default policy is broken beyond doubt."""
    rows = []
    for row in range(400):
        chosen = row % 2 if hired == "all of one group" else row // 2 % 2
        rows.append(f"{'yes' if chosen else 'no'},{'FM'[row % 2]}")
    (tmp_path / "rows.csv").write_text("hired,sex\n" + "\n".join(rows) + "\n")
    arguments = ["audit", "--predictions", str(tmp_path / "rows.csv"), "--prediction", "hired", "--sensitive", "sex"]
    arguments += ["--favourable", "yes", "--audits", "fairness", "--out", str(tmp_path / "runs")]
    assert main(arguments) == 0
    assert main([*arguments, "--gate"]) == gated
    for folder in (tmp_path / "runs" / "predictions").iterdir():
        assert main(["verify", str(folder)]) == 0


PERFORMANCE = {"audit": "performance", "measurement": "accuracy", "min": "0.5"}


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({}, 0, ""),
        (
            {"audit": "performence"},
            2,
            "is neither installed nor in the record. Did you mean 'performance'",
        ),
        (
            {"measurement": "acuracy"},
            2,
            "'acuracy' of performance is neither installed nor in",
        ),
        ({"min": "majority_acuracy"}, 2, "'majority_acuracy' of performance is neither"),
        ({"measurement": "roc_auc"}, 1, "measured no roc_auc"),  # a known name that this record lacks
        ({"measurement": "roc_auc", "optional": "true"}, 0, ""),
        ({"audit": "membership_inference", "measurement": "attack_roc_auc"}, 1, "was not run"),
        ({"audit": "membership_inference", "measurement": "attack_roc_auc", "optional": "true"}, 0, ""),
        ({"audit": "subgroups", "measurement": "whatever"}, 1, "was not run"),  # names of another audit are not known
        ({"over": "[sex]"}, 2, "no sensitive attribute 'sex'"),
        ({"group": "{sex: f}"}, 2, "no sensitive attribute 'sex'"),
        ({"min": "5e-1"}, 0, ""),
        ({"min": "yes"}, 2, "'yes' of performance is neither"),
        ({"optional": "true", "required": "never"}, 2, "given together with `required`"),
        ({"optional": "maybe"}, 2, "expected true or false"),
    ],
)
def test_a_rule_that_checks_nothing_is_not_green(
    run: Path, changes: dict[str, str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """design.md: 2 for a name that is nowhere, 1 for a rule that applies to nothing, unless it is optional."""
    rule = ", ".join(f"{key}: {value}" for key, value in {**PERFORMANCE, **changes}.items())
    path = run.parent / "policy.yaml"
    fixed = "title: t, severity: high, explanation: e, source: s, evidence: value"
    path.write_text(f"name: house\nrules:\n  - {{{fixed}, {rule}}}\n")
    assert main(["check", str(run), "--policy", str(path)]) == code
    captured = capsys.readouterr()
    assert said in " ".join((captured.out + captured.err).split())


def test_a_policy_without_rules_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run.parent / "policy.yaml").write_text("name: house\nrules: []\n")
    assert main(["check", str(run), "--policy", str(run.parent / "policy.yaml")]) == 2
    assert "would pass every run" in capsys.readouterr().err


def test_an_audit_in_error_is_code_3_unless_a_rule_fails(run: Path) -> None:
    record = json.loads((run / "record.json").read_text())
    crashed = {"name": "fairness", "family": "fairness", "status": "error", "reason": "no luck"}
    record["audits"].append({**record["audits"][0], **crashed, "measurements": []})
    write_json(run / "record.json", record)
    assert main(["check", str(run), "--policy", policy(run, rule="{min: 0.7}")]) == 3
    assert main(["check", str(run), "--policy", policy(run, rule="{min: 0.8}")]) == 1


def test_an_edited_record_is_refused_unless_accepted(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifest(run)
    rules = policy(run, rule="{min: 0.8}")
    assert main(["check", str(run), "--policy", rules]) == 1
    edited = (run / "record.json").read_text().replace("0.75", "0.85")
    (run / "record.json").write_text(edited)
    for command in (["check", str(run), "--policy", rules], ["report", str(run), "--format", "md"]):
        capsys.readouterr()
        assert main(command) == 2
        assert "was changed after the run" in capsys.readouterr().err
    assert not (run / "report.md").exists()
    assert main(["check", str(run), "--policy", rules, "--unverified"]) == 0
    assert main(["report", str(run), "--format", "md", "--unverified"]) == 0


def test_verify_sees_links_and_unfinished_files(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifest(run)
    (run / "gone").symlink_to(run / "nowhere")
    (run / "audits" / "record.link").symlink_to(run / "record.json")
    (run / ".record.json.1.partial").write_text("{")
    assert main(["verify", str(run)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "added    .record.json.1.partial",
        "added    audits/record.link",
        "added    gone",
    ]


def test_a_small_group_is_not_printed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((run / "record.json").read_text())
    measurement = record["audits"][0]["measurements"][0]
    few = {**measurement, "id": "performance/accuracy[sex=f]@test", "group": {"sex": "f"}, "n": 7, "value": 0.571}
    record["audits"][0]["measurements"].append(few)
    record["performance"].append(few)
    record["run"]["data"]["sensitive"] = [{"name": "sex", "levels": ["f", "m"], "seen_by_model": False}]
    write_json(run / "record.json", record)
    rules = policy(run, rule="{min: 0.8, group: {sex: f}}")
    assert main(["check", str(run), "--policy", rules, "--junit", str(run.parent / "junit.xml")]) == 1
    printed = capsys.readouterr().out + (run.parent / "junit.xml").read_text()
    assert "suppressed (fewer than 10)" in printed
    assert "0.571" not in printed
    assert "n = 7" not in printed
