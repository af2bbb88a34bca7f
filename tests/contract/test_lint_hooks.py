"""The hooks of pre-commit use the ruff of constraints.txt, so that a commit and CI agree."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


def test_hooks_and_constraints_name_the_same_ruff() -> None:
    (pinned,) = re.findall(r"^ruff==\S+$", (REPOSITORY / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    config = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert [hook["entry"].split()[:2] for hook in hooks] == [["ruff", "check"], ["ruff", "format"]]
    assert [hook["additional_dependencies"] for hook in hooks] == [[pinned]] * 2
