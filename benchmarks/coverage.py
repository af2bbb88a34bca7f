"""The coverage of intervals by simulation, over grids of rows, rates and imbalance.

    python benchmarks/coverage.py [--samples 400] [--parts areas ratios errors scores calibration]

Every cell draws samples of a population whose value is known, and counts how often the 95 % interval contains it.
Printed are the worst and the mean coverage of each line, and the least share of samples that have an interval; a cell
counts if at least half of them have. Standard error of a coverage of .95 with 400 samples: .011. Exit code 1 where a
goal is missed by more than three standard errors.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
from glasshouse.evidence.predictions import Groups  # noqa: E402
from glasshouse.statistics import (  # noqa: E402
    calibration_error_interval,
    calibration_p_value,
    count,
    gap_interval,
    group_rates,
    r2_score,
    reliability_curve,
    roc_auc,
    root_mean_squared_error,
)
from scipy import stats  # noqa: E402


@dataclass
class Line:
    """One line of the table: a quantity over several cells."""

    what: str
    goal: float
    cells: list[tuple[str, float, float, float]] = field(default_factory=list)
    """Cell, coverage of the samples with an interval, their share, and the mean width."""

    def add(self, cell: str, value: float, intervals: list[tuple[float | None, float | None]]) -> None:
        """Count the intervals of one cell that contain the value."""
        made = [(low, high) for low, high in intervals if low is not None and high is not None]
        covered = np.mean([low - 1e-12 <= value <= high + 1e-12 for low, high in made]) if made else np.nan
        width = float(np.mean([high - low for low, high in made])) if made else np.nan
        self.cells.append((cell, float(covered), len(made) / len(intervals), width))

    def shown(self) -> str:
        """The line of the table: the worst cell among those where at least half of the samples have an interval."""
        judged = [cell for cell in self.cells if cell[2] >= 0.5]
        worst = min(judged, key=lambda cell: cell[1])
        mean, least = np.mean([cell[1] for cell in judged]), min(cell[2] for cell in self.cells)
        cells = f"{len(self.cells)} | {worst[1]:.3f} ({worst[0]}) | {mean:.3f} | {least:.2f}"
        return f"| {self.what} | {cells} | {self.goal:.2f} |"

    def met(self, samples: int) -> bool:
        """Whether no judged cell is below the goal by more than three standard errors."""
        slack = 3 * np.sqrt(self.goal * (1 - self.goal) / samples)
        return all(cell[1] >= self.goal - slack for cell in self.cells if cell[2] >= 0.5)


SCORES: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "normal, equal spread": lambda rng, a, m, n: (rng.normal(stats.norm.ppf(a) * 2**0.5, 1, m), rng.normal(size=n)),
    "normal, positives twice as wide": lambda rng, a, m, n: (
        rng.normal(stats.norm.ppf(a) * 5**0.5, 2, m),
        rng.normal(size=n),
    ),
    "normal, negatives twice as wide": lambda rng, a, m, n: (
        rng.normal(stats.norm.ppf(a) * 5**0.5, 1, m),
        rng.normal(0, 2, n),
    ),
    "two points": lambda rng, a, m, n: (np.where(rng.random(m) < a, 9.0, -9.0), rng.normal(size=n)),
}


def areas(rng: np.random.Generator, samples: int) -> Iterator[Line]:
    """ROC AUC with few rows of one class."""
    for name, draw in SCORES.items():
        line = Line(f"ROC AUC, {name}", 0.92)
        for area in (0.5, 0.7, 0.9, 0.95, 0.99):
            for m in (5, 20, 100):
                for n in (20, 500, 2000):
                    y = np.repeat([1, 0], [m, n])
                    found = [roc_auc(y, np.concatenate(draw(rng, area, m, n))).interval for _ in range(samples)]
                    line.add(f"{area}, {m} of {m + n}", area, [(i.low, i.high) for i in found])
        yield line


def ratios(rng: np.random.Generator, samples: int) -> Iterator[Line]:
    """The ratio of the lowest to the highest selection rate: small groups of equal rates and one of 5,000 rows."""
    for p in (0.005, 0.01, 0.02, 0.05, 0.3):
        line = Line(f"demographic parity ratio, rate {p}, true ratio 1", 0.93)
        for rows in (10, 20, 30, 100):
            for groups in (2, 5, 30, 60):
                levels = tuple(f"g{k}" for k in range(groups + 1))
                codes = np.repeat(np.arange(groups + 1), [rows] * groups + [5000]).astype(np.int32)
                found = []
                for _ in range(samples):
                    selected = (rng.random(len(codes)) < p).astype(int)
                    table = count([Groups(name="g", levels=levels, codes=codes)], None, selected, classes=("0", "1"))
                    found.append(gap_interval(table, "demographic_parity_ratio"))
                line.add(f"{groups} of {rows}", 1.0, [(i.low, i.high) for i in found])
        yield line


def errors(rng: np.random.Generator, samples: int) -> Iterator[Line]:
    """RMSE and R2 for errors of three kinds."""
    draws: dict[str, tuple[Callable[[int], np.ndarray], float]] = {
        "normal": (lambda n: rng.normal(size=n), 1),
        "t5": (lambda n: rng.standard_t(5, size=n), 5 / 3),
        "uniform": (lambda n: rng.uniform(-1, 1, n), 1 / 3),
    }
    for name, (draw, variance) in draws.items():
        lines = {
            "RMSE": (root_mean_squared_error, np.sqrt(variance), Line(f"RMSE, {name} errors", 0.93)),
            "R2": (r2_score, 0.5, Line(f"R2, {name} errors", 0.93)),
        }
        for measure, value, line in lines.values():
            for n in (30, 100, 1000):
                found = []
                for _ in range(samples):
                    f, e = rng.normal(size=n) * np.sqrt(variance), draw(n)
                    found.append(measure(f - e, f).interval)
                line.add(f"{n} rows", float(value), [(i.low, i.high) for i in found])
            yield line


def scores(rng: np.random.Generator, samples: int) -> Iterator[Line]:
    """F1 and balanced accuracy at a recall of .8 and a false positive rate of .2."""
    for name in ("f1", "balanced_accuracy"):
        line = Line(name, 0.93)
        for n in (10, 40, 200, 1000):
            for share in (0.1, 0.3, 0.5):
                value = 2 * share * 0.8 / (share * 0.8 + share + (1 - share) * 0.2) if name == "f1" else 0.8
                found = []
                for _ in range(samples):
                    y = (rng.random(n) < share).astype(int)
                    decided = (rng.random(n) < np.where(y, 0.8, 0.2)).astype(int)
                    interval = group_rates(count([], y, decided, classes=("0", "1")), name)[0].interval
                    found.append((None, None) if interval is None else (interval.low, interval.high))
                line.add(f"{n} rows, {share} positive", value, found)
        yield line


def calibration(rng: np.random.Generator, samples: int) -> Iterator[Line]:
    """Expected calibration error of scores that are off by a constant; the share of p-values up to .05 is printed."""
    for shift in (0.0, 0.02, 0.05):
        line, rejected = Line(f"expected calibration error of {shift}", 0.93), []
        for n in (100, 1000, 10_000):
            found, p_values = [], []
            for _ in range(samples):
                p = rng.uniform(0.05, 0.8, n)
                curve = reliability_curve((rng.random(n) < p + shift).astype(int), p)
                found.append(calibration_error_interval(curve, rng=rng, replicates=200))
                p_values.append(calibration_p_value(curve, rng=rng, replicates=199).value)
            line.add(f"{n} rows", shift, [(i.low, i.high) for i in found])
            rejected.append(f"{n}: {np.mean(np.asarray(p_values) <= 0.05):.3f}, width {line.cells[-1][3]:.3f}")
        print(f"calibration error {shift}, share of p-values up to .05 and mean width: {'; '.join(rejected)}")
        yield line


PARTS = {"areas": areas, "ratios": ratios, "errors": errors, "scores": scores, "calibration": calibration}


def main() -> int:
    """Print the table; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description="Coverage of intervals by simulation.")
    parser.add_argument("--samples", type=int, default=400, help="samples of each cell (400)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="which quantities (all)")
    asked = parser.parse_args()
    lines = [line for part in asked.parts for line in PARTS[part](np.random.default_rng(0), asked.samples)]
    print("\n| quantity | cells | worst coverage | mean | least share with an interval | goal |")
    print("|---|---:|---|---:|---:|---:|")
    print("\n".join(line.shown() for line in lines))
    return 0 if all(line.met(asked.samples) for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
