"""Shapley values: glasshouse against SHAP and Captum, on the same network, rows and background.

    python benchmarks/explanations.py [--quick] [--repeats 5] [--rows 32] [--threads 1]

- against `shap.KernelExplainer` (its default, and with ``l1_reg=False``) and `shap.PermutationExplainer`, with 100
  background rows: time to explain a row at an equal or smaller error. Errors are distances from the exact values (14
  features, by enumeration, confirmed by SHAP's ExactExplainer) or from a converged reference (more features:
  permutation sampling, confirmed by kernel regression), divided by the norm of the values, averaged over rows and
  repeats. glasshouse gets the cheapest tolerance or budget of a ladder that was at least as accurate on other seeds,
  and its error is that of the timed seeds and eight more per round. The ladder is discrete, so glasshouse is often
  more accurate than required; the column "at equal error" converts its time by the law that both follow, error
  proportional to 1 / sqrt(time). Goals apply to the times as measured.
- exact values of up to 12 features, against the time of KernelExplainer's default.
- against Captum's `KernelShap` with one baseline, the same number of samples, and its best `perturbations_per_eval`.

The other libraries explain one row at a time, so a few rows are enough to time them; glasshouse explains a batch of
rows. All take turns, round after round; ratios are those of medians. With one thread, processor time is measured,
which depends less on the machine's load; with more threads, wall time. Exit code 1 if a goal is missed, an error is
larger than the other library's, or a reference is not confirmed.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import torch
from glasshouse_audits.explain.shapley import ShapleyValues, shapley_values
from machine import facts
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]

BACKGROUND = 100
TOLERANCES = (1.0, 0.5, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.04, 0.03, 0.025, 0.018, 0.013, 0.01)
GOALS = {"KernelExplainer": 50.0, "KernelExplainer, l1_reg=False": 20.0, "PermutationExplainer": 3.0}
"""Required speed-up with 64 hidden units; with 256 the ratios are only reported."""
GOAL_CAPTUM = 300.0
CAPTUM_SAMPLES = 2076
"""KernelExplainer's default for 14 features: 2 d + 2048."""
MARGIN = 0.85
"""Required ratio of errors on other seeds, glasshouse over the other library: errors of a few rows vary."""
ROUNDING = 1e-5
"""Errors below this are float32 rounding; KernelExplainer has then enumerated all coalitions as well."""
CONFIRMED = 0.01
"""Largest relative difference between a reference and its confirmation."""


@dataclass(frozen=True)
class Case:
    """A network d-hidden-hidden-1, the rows to explain and the background."""

    network: nn.Module
    hidden: int
    rows: Tensor
    background: Tensor

    @classmethod
    def make(cls, features: int, hidden: int, rows: int) -> Case:
        """Standard normal columns that all affect the target, some with interactions; the network is trained on it."""
        torch.manual_seed(0)
        x = torch.randn(4096, features)
        y = x.sum(dim=1) / features**0.5 + x[:, 0] * x[:, 1] + torch.sin(2 * x[:, 2]) * x[:, 3]
        network = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
        for step in range(300):
            batch = slice(256 * (step % 16), 256 * (step % 16 + 1))
            loss = (network(x[batch])[:, 0] - y[batch]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return cls(network.eval(), hidden, x[:rows], x[-BACKGROUND:])

    @property
    def features(self) -> int:
        return self.rows.shape[1]

    def predict(self, x: Array) -> Array:
        """The network as a function for SHAP."""
        with torch.no_grad():
            return self.network(torch.as_tensor(x, dtype=torch.float32))[:, 0].double().numpy()  # type: ignore[no-any-return]

    def explain(self, rows: Tensor, **options: Any) -> ShapleyValues:
        return shapley_values(self.network, rows, self.background, **options)


def clock() -> float:
    """Seconds."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def relative(values: Array, reference: Array) -> float:
    """Mean over rows of the distance from the reference, divided by the reference's norm."""
    return float(np.mean(np.linalg.norm(values - reference, axis=1) / np.linalg.norm(reference, axis=1)))


def kernel_explainer(case: Case, rows: Tensor, **options: Any) -> Array:
    import shap

    explainer = shap.KernelExplainer(case.predict, case.background.numpy())
    return np.asarray(explainer.shap_values(rows.numpy(), silent=True, **options))


def permutation_explainer(case: Case, rows: Tensor) -> Array:
    import shap

    masker = shap.maskers.Independent(case.background.numpy(), max_samples=BACKGROUND)
    return np.asarray(shap.PermutationExplainer(case.predict, masker)(rows.numpy(), silent=True).values)


LIBRARIES: dict[str, Callable[[Case, Tensor], Array]] = {
    "KernelExplainer": kernel_explainer,
    "KernelExplainer, l1_reg=False": lambda case, rows: kernel_explainer(case, rows, l1_reg=False),
    "PermutationExplainer": permutation_explainer,
}


@dataclass
class Comparison:
    """Milliseconds per row, round by round, and relative errors, of another library and of glasshouse."""

    case: Case
    library: str
    how: str
    goal: float | None
    theirs: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    their_errors: list[float] = field(default_factory=list)
    our_errors: list[float] = field(default_factory=list)

    def time(self, theirs: Callable[[], Array], their_rows: int, ours: Callable[[], Array], our_rows: int) -> None:
        """One round of each; the caller computes the errors."""
        start = clock()
        self.found = theirs()
        self.theirs.append(1e3 * (clock() - start) / their_rows)
        start = clock()
        self.own = ours()
        self.ours.append(1e3 * (clock() - start) / our_rows)

    @property
    def faster(self) -> float:
        return median(self.theirs) / median(self.ours)

    @property
    def at_equal_error(self) -> str:
        """Speed-up at the other library's error; blank if one of the two is exact."""
        theirs, own = float(np.mean(self.their_errors)), float(np.mean(self.our_errors))
        return f"{self.faster * (theirs / own) ** 2:,.0f}" if min(theirs, own) > ROUNDING else ""

    @property
    def accurate(self) -> bool:
        return float(np.mean(self.our_errors)) <= max(ROUNDING, float(np.mean(self.their_errors)))

    @property
    def met(self) -> bool:
        return self.accurate and (self.goal is None or self.faster >= self.goal)

    def line(self) -> str:
        cells = [
            f"{self.case.features} | {self.case.hidden} | {self.library} | {median(self.theirs):,.2f}",
            f"{np.mean(self.their_errors):.3f} | {self.how} | {median(self.ours):,.3f}",
            f"{np.mean(self.our_errors):.3f} | {self.faster:,.1f} | {self.at_equal_error}",
            "" if self.goal is None else f"{self.goal:g}",
            "yes" if self.met else "NO",
        ]
        return f"| {' | '.join(cells)} |"


def reference(case: Case, rows: Tensor) -> tuple[Array, list[str]]:
    """Exact or converged values (n, d), and the failures of their confirmation by an independent estimate."""
    if case.features <= 14:
        found = case.explain(rows, method="exact", budget=2**14 * BACKGROUND).values[:, :, 0]
        import shap

        masker = shap.maskers.Independent(case.background.numpy(), max_samples=BACKGROUND)
        one = shap.explainers.Exact(case.predict, masker)(rows[:1].numpy(), silent=True, max_evals=2**14)
        error, by = relative(found[:1], np.asarray(one.values)), "shap.ExactExplainer"
    else:
        sweeps = 2 * case.features * BACKGROUND * 250
        found = case.explain(rows, method="permutation", budget=sweeps, tolerance=0, seed=98).values[:, :, 0]
        other = case.explain(rows[:1], method="kernel", budget=sweeps // 6, tolerance=0, seed=99).values[:, :, 0]
        error, by = relative(found[:1], other), "kernel regression"
    print(f"reference for {case.features} features, {case.hidden} hidden: differs from {by} by {error:.1e}", flush=True)
    return found, [] if error <= CONFIRMED else [
        f"{case.features} features: {by} differs from the reference by {error:.3f}"
    ]


def compare(case: Case, *, repeats: int, other_rows: int) -> tuple[list[Comparison], list[str]]:
    """All libraries on one case."""
    rows = case.rows[:other_rows]
    exact, failures = reference(case, rows)
    found = []
    ladder = [(knobs, float(np.mean(_errors_at(case, rows, exact, knobs, range(1, 13))))) for knobs in _knobs(case)]
    for name, explain in LIBRARIES.items():
        np.random.seed(0)
        error = relative(explain(case, rows), exact)
        # The loosest few that are accurate enough; their cost is measured on the rows that will be timed.
        good = [knobs for knobs, own in ladder if own <= MARGIN * error][:4] or [ladder[-1][0]]
        knobs = min(good, key=lambda knobs: case.explain(case.rows, **knobs).evaluations)
        how = ", ".join(
            [case.explain(rows[:1], **knobs).method, *(f"{name} {value:,g}" for name, value in knobs.items())]
        )
        found.append(Comparison(case, name, how, GOALS[name] if case.hidden == 64 else None))
        for repeat in range(repeats):
            options = {**knobs, "seed": 1000 + repeat}
            c = found[-1]
            c.time(
                lambda explain=explain: explain(case, rows),  # type: ignore[misc]
                len(rows),
                lambda options=options: case.explain(case.rows, **options).values,  # type: ignore[misc]
                len(case.rows),
            )
            c.their_errors.append(relative(c.found, exact))
            c.our_errors.append(relative(c.own[: len(rows), :, 0], exact))
            c.our_errors += _errors_at(case, rows, exact, knobs, range(2000 + 8 * repeat, 2008 + 8 * repeat))
    return found, failures


def _knobs(case: Case) -> list[dict[str, Any]]:
    """Tolerances from loose to strict; between 0.15 and 0.1 budgets of one to two random orders per background row."""
    order = 2 * (case.features - 1) * BACKGROUND
    knobs: list[dict[str, Any]] = [{"tolerance": t} for t in TOLERANCES]
    if case.features >= 50:
        knobs[5:5] = [{"tolerance": 0.1, "budget": int(orders * order) + 1} for orders in (1, 1.25, 1.5, 1.75, 2)]
    return knobs


def _errors_at(case: Case, rows: Tensor, exact: Array, knobs: dict[str, Any], seeds: range) -> list[float]:
    """Errors for each seed: if only some rows stop early, the mean over a few seeds is imprecise."""
    return [relative(case.explain(rows, seed=seed, **knobs).values[:, :, 0], exact) for seed in seeds]


def exact_against_approximate(features: int, *, repeats: int, other_rows: int) -> Comparison:
    """Exact values, which KernelExplainer's default may approximate."""
    case = Case.make(features, 64, 8)
    rows = case.rows[:other_rows]
    exact = case.explain(rows, method="exact").values[:, :, 0]
    c = Comparison(case, "KernelExplainer", "exact", 1.0)
    for _ in range(repeats):
        c.time(lambda: kernel_explainer(case, rows), len(rows), lambda: case.explain(case.rows).values, len(case.rows))
        c.their_errors.append(relative(c.found, exact))
        c.our_errors.append(relative(c.own[: len(rows), :, 0], exact))
    return c


def against_captum(*, repeats: int, other_rows: int, our_rows: int) -> Comparison:
    """KernelShap against the mean row: one baseline."""
    from captum.attr import KernelShap

    case = Case.make(14, 64, our_rows)
    rows, baseline = case.rows[:other_rows], case.background.mean(dim=0, keepdim=True)
    exact = shapley_values(case.network, rows, baseline, method="exact").values[:, :, 0]
    explainer = KernelShap(lambda x: case.network(x)[:, 0])

    def theirs(per_eval: int) -> Array:
        one_by_one = [
            explainer.attribute(row[None], baseline, n_samples=CAPTUM_SAMPLES, perturbations_per_eval=per_eval)
            for row in rows
        ]
        return torch.cat(one_by_one).detach().double().numpy()

    seconds = {}
    for per_eval in (1, 64, 512, CAPTUM_SAMPLES):
        start = clock()
        theirs(per_eval)
        seconds[per_eval] = clock() - start
    best = min(seconds, key=lambda n: seconds[n])
    how = f"kernel, budget {CAPTUM_SAMPLES:,}"
    c = Comparison(case, f"captum KernelShap, {CAPTUM_SAMPLES:,} samples, {best} per eval", how, GOAL_CAPTUM)
    for repeat in range(repeats):
        options = {"method": "kernel", "budget": CAPTUM_SAMPLES, "tolerance": 0, "seed": repeat}
        c.time(
            lambda: theirs(best),
            len(rows),
            lambda options=options: shapley_values(case.network, case.rows, baseline, **options).values,  # type: ignore[misc]
            len(case.rows),
        )
        c.their_errors.append(relative(c.found, exact))
        c.our_errors.append(relative(c.own[: len(rows), :, 0], exact))
    return c


def main() -> int:
    """Compare, print a table, and return 0 if references are confirmed and goals are met, else 1."""
    parser = argparse.ArgumentParser(description="Shapley values: glasshouse against SHAP and Captum.")
    parser.add_argument("--quick", action="store_true", help="14 features and 64 hidden units alone, three rounds")
    parser.add_argument("--features", type=int, nargs="+", default=[14, 50, 100], help="of the networks (14 50 100)")
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 256], help="units of a layer (64 256)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (5)")
    parser.add_argument("--rows", type=int, default=32, help="rows that glasshouse explains in a batch (32)")
    parser.add_argument("--other-rows", type=int, default=3, help="rows that another library explains per round (3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    repeats = 3 if options.quick else options.repeats
    other_rows = 2 if options.quick else options.other_rows
    sizes = [(14, 64)] if options.quick else [(d, h) for h in options.hidden for d in options.features]
    comparisons, failures = [], []
    for features, hidden in sizes:
        found, failed = compare(Case.make(features, hidden, options.rows), repeats=repeats, other_rows=other_rows)
        comparisons += found
        failures += failed
    for features in (12,) if options.quick else (8, 10, 12):
        comparisons.append(exact_against_approximate(features, repeats=repeats, other_rows=other_rows))
    comparisons.append(against_captum(repeats=repeats, other_rows=1, our_rows=options.rows))
    print()
    print(
        "| features | hidden | library | ms per row | error | glasshouse | ms per row | error | times faster "
        "| at equal error | goal | met |"
    )
    print("|---:|---:|---|---:|---:|---|---:|---:|---:|---:|---:|---|")
    print("\n".join(c.line() for c in comparisons))
    kind = "processor" if options.threads == 1 else "wall"
    print(
        f"\nMedians of {repeats} interleaved rounds, {kind} time, {options.threads} thread(s); {BACKGROUND} background "
        f"rows (captum: one baseline); errors relative to the values' norm; {facts('torch', 'shap', 'captum')}."
    )
    for failure in failures:
        print(f"NOT CONFIRMED: {failure}")
    return 0 if not failures and all(c.met for c in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
