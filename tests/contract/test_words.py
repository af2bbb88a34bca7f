"""Texts use the field's words: the dialect of the first versions does not come back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

READ = ("core", "audits", "plugins", "docs", "examples", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tox.ini")
ENDINGS = {".py", ".md", ".yaml", ".toml", ".ini", ".html", ".jinja", ".css", ".j2"}

DIALECT = re.compile(
    r"\b(foretell\w*|strangers?|stranger's|beside|gone on with|goes on with|go on with|at hand|comes of"
    r"|(?:is|are|was|were|be|been) (?:told|said|held)(?! out)|stays? told|rests on|of which nothing)\b",
    re.IGNORECASE,
)
"""Words of our own where fairlearn, scikit-learn, SHAP, Captum or Lightning have a term."""


def test_the_dialect_of_the_first_versions_does_not_come_back() -> None:
    listed = subprocess.check_output(["git", "ls-files", *READ], cwd=REPOSITORY, text=True).splitlines()
    texts = [REPOSITORY / name for name in listed if Path(name).suffix in ENDINGS]
    assert len(texts) > 500
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {match[0]!r}"
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (match := DIALECT.search(line))
    ]
    assert found == []


def test_the_pattern_finds_what_it_is_for() -> None:
    for text in ("a rate is told with its count", "what a run rests on", "a stranger's plugin", "it foretells words"):
        assert DIALECT.search(text)
    for text in ("held-out rows are compared", "rows are held out", "the test split was used"):
        assert not DIALECT.search(text)
