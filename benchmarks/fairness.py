"""Group fairness: glasshouse against fairlearn, scikit-learn and DuckDB: the same results, and the speed-up.

    python benchmarks/fairness.py [--rows 100_000_000] [--repeats 5] [--quick] [--parts scores file rates]

1. Six rates, overall and over 10 intersectional groups, with bootstrap intervals: fairlearn's
   ``MetricFrame(n_boot=...)`` against resampling of one count table. Group columns are strings; encoding them is part
   of the time. If fairlearn is measured on fewer replicates and scaled, the table says so.
2. AUC, calibration and Brier score of each of 10 groups on 1,000,000 rows: scikit-learn group by group against one
   score histogram; the error bound of the histogram and the actual error, also for rare events. The goal applies to
   groups given as codes, as in a run; for groups given as text, which is encoded first, only the ratio is shown.
3. A Parquet file created here: the whole ``glasshouse audit --predictions`` in its own process, its peak memory, and
   DuckDB only grouping and counting the same columns.

All measurements are taken in turn, round after round. Exit code 1 if results differ or a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402
from glasshouse.data.raw_table import Coded, as_column  # noqa: E402
from glasshouse.statistics import (  # noqa: E402
    Bootstrap,
    bootstrap,
    count,
    expected_calibration_error,
    rate,
    score_histogram,
)
from machine import facts  # noqa: E402

RATES = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
    "accuracy",
)
PARTS = ("scores", "file", "rates")
MEMORY = 500.0
"""Megabytes."""


@dataclass(kw_only=True)
class Line:
    """One comparison: seconds of glasshouse and of the other library, and the goal."""

    title: str
    peer: str
    goal: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    times_faster: float = 0.0
    remarks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def faster(self) -> float:
        """The other library's median over ours."""
        return median(self.theirs) / median(self.ours)

    @property
    def met(self) -> bool:
        """Whether results agree and the goal is met."""
        return not self.faults and self.faster >= self.times_faster

    def cells(self) -> list[str]:
        """The table's row."""
        times = f"{self.faster:,.0f}" if self.faster >= 10 else f"{self.faster:.2f}"
        notes = "; ".join([*self.remarks, *self.faults])
        seconds = [f"{1e3 * median(values):,.1f}" for values in (self.ours, self.theirs)]
        return [self.title, *seconds, self.peer, times, self.goal, notes, "yes" if self.met else "NO"]


# -------------------------------------------------------------------- 1. rates with bootstrap intervals


@dataclass(frozen=True)
class People:
    """Rows with two string attributes, a target and a decision."""

    frame: pd.DataFrame
    targets: np.ndarray
    predicted: np.ndarray

    @classmethod
    def make(cls, rows: int, *, seed: int = 0) -> People:
        """5 x 2 groups of unequal size, with different base rates and error rates."""
        rng = np.random.default_rng(seed)
        region = rng.choice(["north", "south", "east", "west", "centre"], rows, p=[0.3, 0.25, 0.2, 0.15, 0.1])
        sex = rng.choice(["female", "male"], rows)
        targets = (rng.random(rows) < 0.3 + 0.2 * (sex == "male")).astype(np.int64)
        flip = rng.random(rows) < 0.15 + 0.1 * (region == "east")
        return cls(pd.DataFrame({"region": region, "sex": sex}), targets, np.where(flip, 1 - targets, targets))


@dataclass(frozen=True)
class _Group:
    name: str
    levels: tuple[str, ...]
    codes: np.ndarray


def by_table(people: People, replicates: int) -> tuple[Bootstrap, Bootstrap, tuple[dict[str, str], ...]]:
    """Overall and by group: six rates with their replicates."""
    groups = []
    for name in people.frame:
        coded = as_column(pa.array(people.frame[name]), str(name), who="benchmark")
        assert isinstance(coded, Coded)
        groups.append(_Group(str(name), coded.levels, coded.codes))
    table = count(groups, people.targets, people.predicted, classes=("no", "yes"))

    def six(cells: np.ndarray) -> np.ndarray:
        return np.stack([rate(cells, name).values for name in RATES], axis=-1)

    rng = np.random.default_rng(1)
    drawn = bootstrap(table, lambda cells: _with_everyone(cells, six), rng=rng, replicates=replicates)
    intervals = drawn.intervals()
    assert intervals.low.shape == (len(table) + 1, len(RATES))
    return drawn, drawn, table.groups


def _with_everyone(cells: np.ndarray, six: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return six(np.concatenate([cells.sum(axis=1, keepdims=True), cells], axis=1))


def by_fairlearn(people: People, replicates: int) -> object:
    """The same with fairlearn's `MetricFrame`."""
    from fairlearn.metrics import (
        MetricFrame,
        false_negative_rate,
        false_positive_rate,
        selection_rate,
        true_negative_rate,
        true_positive_rate,
    )
    from sklearn.metrics import accuracy_score

    return MetricFrame(
        metrics={
            "selection_rate": selection_rate,
            "true_positive_rate": true_positive_rate,
            "false_positive_rate": false_positive_rate,
            "true_negative_rate": true_negative_rate,
            "false_negative_rate": false_negative_rate,
            "accuracy": accuracy_score,
        },
        y_true=people.targets,
        y_pred=people.predicted,
        sensitive_features=people.frame,
        n_boot=replicates,
        ci_quantiles=[0.025, 0.975],
        random_state=1,
    )


def rates_line(rows: int, replicates: int, measured: int, goal: float, repeats: int) -> Line:
    """Bootstrap of six rates; fairlearn on `measured` replicates, scaled to `replicates`."""
    people = People.make(rows)
    line = Line(
        title=f"6 rates, 10 groups, {rows:,} rows, {replicates:,} replicates",
        peer="fairlearn MetricFrame(n_boot)",
        goal=f">= {goal:,.0f} times",
        times_faster=goal,
    )
    by_table(people, 10)
    for k in range(repeats):
        seconds, (drawn, _, groups) = timed(lambda: by_table(people, replicates))
        line.ours.append(seconds)
        if k < 3:  # fairlearn takes minutes
            seconds, frame = timed(lambda: by_fairlearn(people, measured))
            line.theirs.append(seconds * replicates / measured)
    if measured < replicates:
        line.remarks.append(f"fairlearn measured on {measured} replicates and scaled")
    found = drawn.observed
    theirs = np.vstack([frame.overall[list(RATES)].to_numpy(float)] + [_of(frame.by_group, group) for group in groups])
    difference = float(np.nanmax(np.abs(found - theirs)))
    line.remarks.append(f"values differ by {difference:.0e}")
    if not difference <= 1e-12:
        line.faults.append("POINT VALUES DIFFER")
    line.remarks.append(f"interval ends by {_interval_ends(drawn, frame, groups, measured):.2f} Monte-Carlo sd (rms)")
    return line


def _of(by_group: pd.DataFrame, group: dict[str, str]) -> np.ndarray:
    return by_group.loc[(group["region"], group["sex"]), list(RATES)].to_numpy(float)


def _interval_ends(drawn: Bootstrap, frame: object, groups: tuple[dict[str, str], ...], measured: int) -> float:
    """Root mean square difference of the ends, in Monte-Carlo standard errors of fairlearn and glasshouse combined."""
    ours = drawn.intervals()
    distances = []
    for ends, theirs, share in zip((ours.low, ours.high), frame.by_group_ci, (0.025, 0.975), strict=True):
        for k, group in enumerate(groups, start=1):
            values = _of(theirs, group)
            replicates = drawn.replicates[:, k]
            # Standard error of a quantile: sqrt(share (1 - share)) / density, the density that of a normal.
            density = np.exp(-(1.959964**2) / 2) / np.sqrt(2 * np.pi) / np.nanstd(replicates, axis=0)
            one = np.sqrt(share * (1 - share)) / density
            error = one * np.sqrt(1 / measured + 1 / len(replicates))
            distances.append((ends[k] - values) / error)
    return float(np.sqrt(np.nanmean(np.square(distances))))


# -------------------------------------------------------------------- 2. scores


def scores_line(rows: int, shift: float, what: str, repeats: int, *, text: bool) -> Line:
    """AUC, ten-bin calibration and Brier score of each group; groups are codes, as in a run, or text."""
    frame = scored(rows, shift, text=text)
    positive = f"{what} ({frame['target'].mean():.2%} positive)"
    line = Line(
        title=f"AUC, calibration, Brier by group, {rows:,} rows, groups as {'text' if text else 'codes'}, {positive}",
        peer="scikit-learn by group",
        goal="certificate < 1e-4" if text else ">= 20 times, certificate < 1e-4",
        times_faster=0 if text else 20,
    )
    if text:
        line.remarks.append("a third of the time is spent on encoding the text")
    worked: tuple[list[float], list[float]] = [], []
    for _ in range(repeats):
        begun = time.process_time()
        seconds, (found, allowed) = timed(lambda: scores_by_histogram(frame))
        line.ours.append(seconds)
        worked[0].append(time.process_time() - begun)
        begun = time.process_time()
        seconds, wanted = timed(lambda: scores_by_sklearn(frame))
        line.theirs.append(seconds)
        worked[1].append(time.process_time() - begun)
    ours, theirs = (1e3 * median(values) for values in worked)
    line.remarks.append(f"processor time {ours:,.0f} ms in two threads and {theirs:,.0f} ms in one")
    auc, brier, ece = (np.abs(found[:, k] - wanted[:, k]).max() for k in range(3))
    line.remarks.append(f"certificate {allowed:.1e}, AUC differs by {auc:.1e}, Brier {brier:.0e}, ECE {ece:.0e}")
    if not allowed < 1e-4:
        line.faults.append("CERTIFICATE")
    if not (auc <= allowed + 1e-12 and brier < 1e-8 and ece < 1e-12):
        line.faults.append("RESULTS DIFFER")
    return line


def scored(rows: int, shift: float, *, text: bool) -> pd.DataFrame:
    """Ten groups, calibrated probabilities, and targets drawn from them."""
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 10, rows, dtype=np.int32)
    groups = np.array([f"group {k}" for k in range(10)])[codes] if text else codes
    scores = 1 / (1 + np.exp(-(1.5 * rng.normal(size=rows) + shift)))
    targets = (rng.random(rows) < scores).astype(np.int64)
    return pd.DataFrame({"group": groups, "target": targets, "score": scores})


def scores_by_histogram(frame: pd.DataFrame) -> tuple[np.ndarray, float]:
    """One pass; also returns the largest possible error of the AUCs."""
    if frame["group"].dtype == np.int32:
        levels, codes = tuple(f"group {k}" for k in range(10)), frame["group"].to_numpy()
    else:
        coded = as_column(pa.array(frame["group"]), "group", who="benchmark")
        assert isinstance(coded, Coded)
        levels, codes = coded.levels, coded.codes
    groups = [_Group("group", levels, codes)]
    histogram = score_histogram(groups, frame["target"].to_numpy(), frame["score"].to_numpy())
    curves = histogram.reliability()
    values = [
        (area.value, brier.value, expected_calibration_error(curve).value)
        for area, brier, curve in zip(histogram.roc_auc(), histogram.brier_score(), curves, strict=True)
    ]
    return np.array(values, dtype=float), float(histogram.roc_auc_error().max())


def scores_by_sklearn(frame: pd.DataFrame) -> np.ndarray:
    """The same with a mask for each group; calibration error from the bins of `calibration_curve`."""
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss, roc_auc_score

    values = []
    for name in sorted(frame["group"].unique()):
        rows = frame["group"] == name
        y, p = frame["target"][rows], frame["score"][rows]
        observed, predicted = calibration_curve(y, p, n_bins=10)
        filled = np.histogram(p, bins=np.linspace(0, 1, 11))[0]
        error = np.sum(filled[filled > 0] * np.abs(observed - predicted)) / len(p)
        values.append((roc_auc_score(y, p), brier_score_loss(y, p), error))
    return np.array(values)


# -------------------------------------------------------------------- 3. a large file


def file_line(rows: int, repeats: int, folder: Path) -> Line:
    """The whole audit of a Parquet file in its own process, without start-up, against DuckDB's group-by."""
    path, small = folder / "predictions.parquet", folder / "small.parquet"
    write_predictions(path, rows)
    write_predictions(small, 1000)
    line = Line(
        title=f"audit --predictions, {rows:,} rows of Parquet ({path.stat().st_size / 1e6:,.0f} MB)",
        peer="DuckDB group and count",
        goal=f"<= 1.5 times its time, >= 30 Mrows/s, < {MEMORY:.0f} MB",
        times_faster=1 / 1.5,
    )
    peaks, whole = [], []
    audited(small, folder)
    for _ in range(repeats):
        started, _ = audited(small, folder)
        seconds, peak = audited(path, folder)
        whole.append(seconds)
        peaks.append(peak)
        line.ours.append(seconds - started)
        line.theirs.append(timed(lambda: duckdb_counts(path))[0])
    speed = rows / median(line.ours) / 1e6
    line.remarks.append(f"{speed:,.0f} Mrows/s, peak {max(peaks):,.0f} MB, with start-up {median(whole):.1f} s")
    if max(peaks) >= MEMORY:
        line.faults.append("MEMORY")
    if speed < 30:
        line.faults.append("SPEED")
    if not same_counts(path, folder):
        line.faults.append("COUNTS DIFFER")
    return line


def write_predictions(path: Path, rows: int) -> None:
    """Two string attributes, a target and a decision; the dictionaries of the row groups differ."""
    import pyarrow.parquet as pq

    rng = np.random.default_rng(3)
    sexes, races = ["female", "male"], ["asian", "black", "other", "white", "native"]
    writer = None
    step = 1_000_000
    for start in range(0, rows, step):
        n = min(step, rows - start)
        rng.shuffle(races)
        rng.shuffle(sexes)
        target = rng.integers(0, 2, n, dtype=np.int8)
        table = pa.table(
            {
                "sex": pa.DictionaryArray.from_arrays(rng.integers(0, 2, n, dtype=np.int32), sexes),
                "race": pa.DictionaryArray.from_arrays(rng.integers(0, 5, n, dtype=np.int32), races),
                "target": target,
                "prediction": np.where(rng.random(n, dtype=np.float32) < 0.2, 1 - target, target).astype(np.int8),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


_MEASURED = """\
import resource, sys
from glasshouse.cli.main import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def audited(path: Path, folder: Path) -> tuple[float, float]:
    """Seconds and peak memory (MB) of a whole audit."""
    argv = ["audit", "--predictions", str(path), "--target", "target", "--prediction", "prediction"]
    argv += ["--sensitive", "sex", "--sensitive", "race", "--favourable", "1", "--out", str(folder / "runs")]
    seconds, done = timed(
        lambda: subprocess.run([sys.executable, "-c", _MEASURED, *argv], capture_output=True, text=True, check=False)
    )
    if done.returncode != 0:
        sys.exit(f"the audit ended with {done.returncode}:\n{done.stderr}")
    return seconds, int(done.stderr.split()[-1]) / 1024


def duckdb_counts(path: Path) -> list[tuple[object, ...]]:
    """The same count table, in SQL."""
    import duckdb

    query = f"SELECT sex, race, target, prediction, count(*) FROM '{path}' GROUP BY ALL"
    rows: list[tuple[object, ...]] = duckdb.sql(query).fetchall()
    return rows


def same_counts(path: Path, folder: Path) -> bool:
    """Whether the counts of each group in the audit's record equal DuckDB's."""
    import json

    newest = max((folder / "runs" / "predictions").iterdir(), key=lambda run: run.stat().st_mtime_ns)
    audits = json.loads((newest / "record.json").read_text(encoding="utf-8"))["audits"]
    fairness = next(audit for audit in audits if audit["name"] == "fairness")
    ours = {
        (m["group"]["sex"], m["group"]["race"]): m["value"]
        for m in fairness["measurements"]
        if m["name"] == "count" and len(m["group"]) == 2
    }
    theirs: dict[tuple[object, object], int] = {}
    for sex, race, _, _, number in duckdb_counts(path):
        theirs[sex, race] = theirs.get((sex, race), 0) + int(str(number))
    return ours == theirs


# --------------------------------------------------------------------


def timed(job: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and the job's result."""
    begun = time.perf_counter()
    result = job()
    return time.perf_counter() - begun, result


def main() -> int:
    """Measure, print a table, and return 0 if every goal is met, else 1."""
    parser = argparse.ArgumentParser(description="Group fairness against fairlearn, scikit-learn and DuckDB.")
    parser.add_argument("--rows", type=int, default=100_000_000, help="rows of the Parquet file (100,000,000)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (5)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="which comparisons (all)")
    parser.add_argument("--quick", action="store_true", help="fewer rows, replicates and rounds")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    repeats, rows, scored = options.repeats, options.rows, 1_000_000
    if options.quick:
        repeats, rows, scored = 3, min(rows, 20_000_000), 1_000_000
    parts = {
        "scores": lambda folder: [
            scores_line(scored, shift, what, repeats, text=text)
            for text in (False, True)
            for shift, what in ((0.0, "common"), (-7.0, "rare"))
        ],
        "file": lambda folder: [file_line(rows, repeats, folder)],
        "rates": lambda folder: [
            rates_line(10_000, 100, 20 if options.quick else 100, 4_000, repeats),
            rates_line(100_000, 1_000, 5 if options.quick else 20, 10_000, repeats),
        ],
    }
    lines: list[Line] = []
    for part in options.parts:
        with tempfile.TemporaryDirectory() as temporary:
            lines += parts[part](Path(temporary))
        print(f"{part}: done", file=sys.stderr, flush=True)
    print("\n| what | glasshouse ms | peer ms | peer | times faster | goal | | met |")
    print("|---|---:|---:|---|---:|---|---|---|")
    for line in lines:
        print(f"| {' | '.join(line.cells())} |")
    print(f"\nMedians of {repeats} interleaved rounds (fairlearn: 3); {facts('fairlearn', 'scikit-learn', 'duckdb')}.")
    return 0 if all(line.met for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
