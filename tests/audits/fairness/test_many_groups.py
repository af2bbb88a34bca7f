"""Attributes with more groups than anybody reads: few numbers for each, the worst first, a page of modest size."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from glasshouse.cli.main import main


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.repeat(np.arange(40), 20), rng.integers(40, 400, 1200)])
    score = rng.random(len(groups))
    truth = (rng.random(len(groups)) < 0.2 + 0.6 * score).astype(int)
    columns = {"y": truth, "p": (score > 0.5).astype(int), "s": score, "zip": [f"z{k:03d}" for k in groups]}
    pq.write_table(pa.table(columns), folder / "p.parquet")
    roles = ["--target", "y", "--prediction", "p", "--score", "s", "--sensitive", "zip", "--favourable", "1"]
    assert main(["audit", "--predictions", str(folder / "p.parquet"), *roles, "--out", str(folder / "runs")]) == 0
    (run,) = (folder / "runs").glob("*/*")
    return json.loads((run / "record.json").read_text("utf-8")), run


def fairness(record):
    return next(audit for audit in record["audits"] if audit["name"] == "fairness")


def test_a_group_has_its_count_and_its_rates_and_nothing_else(audited):
    record, _ = audited
    by_group = [m for m in fairness(record)["measurements"] if m["group"]]
    groups = {m["group"]["zip"] for m in by_group}
    names = {m["name"] for m in by_group}
    assert len(groups) > 380
    assert len(by_group) == len(groups) * len(names)
    assert len(names) <= 16
    assert {"count", "selection_rate", "true_positive_rate", "accuracy", "impact_ratio"} <= names
    (note,) = [note for note in fairness(record)["notes"] if note.startswith("zip: ")]
    assert "half of them of at most" in note


def test_the_table_of_groups_has_all_of_them_the_worst_first(audited):
    record, _ = audited
    (table,) = [table for table in fairness(record)["tables"] if table["title"] == "By zip"]
    at = [column["name"] for column in table["columns"]].index("selection_rate")
    rates = [row[at] for row in table["rows"]]
    assert len(rates) > 380
    assert rates == sorted(rates)


def test_the_page_lists_the_worst_groups_and_says_what_it_leaves_out(audited):
    record, run = audited
    page = (run / "report.html").read_text("utf-8")
    listed = page.count('<tr id="m')
    by_group = [m for m in fairness(record)["measurements"] if m["group"]]
    names = {m["name"] for m in by_group}
    assert listed <= sum(len(a["measurements"]) for a in record["audits"]) - len(by_group) + 50 * len(names)
    assert f"the record has the {len(by_group) - 50 * len(names)} measurements left out here" in page
    assert "rows are left out: their groups are too small to be shown." in page
    assert len(page.encode()) < 500_000
