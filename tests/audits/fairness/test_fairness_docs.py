"""docs/fairness.md says what is so: its code runs and prints what it shows, and its methods are those of the audit."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from glasshouse_audits.fairness.groups.audit import FairnessAudit
from glasshouse_audits.fairness.subgroups.audit import SubgroupsAudit

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "fairness.md").read_text(encoding="utf-8")


def test_the_example_prints_what_is_shown() -> None:
    ((code, shown),) = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == shown


@pytest.mark.parametrize("weighted", [False, True])
def test_every_interval_method_is_on_the_page(weighted, make_predictions, make_evidence, binary_target) -> None:
    rng = np.random.default_rng(0)
    targets, sex = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    scores = np.clip(0.3 * targets + rng.uniform(0, 0.7, 400), 0, 1)
    judged = make_predictions(binary_target, scores, targets, groups={"sex": (("F", "M"), sex)})
    if weighted:
        judged = replace(judged, weights=rng.uniform(0.5, 2, 400), clusters=np.arange(400) // 4)
    audit = FairnessAudit(replicates=100, permutations=99, cross_check=False, reference={"sex": "M"})
    for measurement in audit.measure(make_evidence(judged)).measurements:
        method = measurement.interval_method
        if method is None:
            continue
        plain = method.removesuffix("_effective").removesuffix("_versus_rest").removeprefix("simultaneous_")
        assert f"{plain}`" in PAGE, measurement.id
        assert ("_effective" not in method) or "`..._effective`" in PAGE


def test_the_options_it_names_exist() -> None:
    for option in ("reference", "pair_intervals", "gap", "intersections", "sex", "race", "exclude_under_2_percent"):
        assert f"`{option}" in PAGE
        assert option in FairnessAudit().parameters
    assert re.search(r"`confirm: split`.*`confirm: permutation`", PAGE, re.DOTALL)
    assert SubgroupsAudit().permutations == 199
