"""Deletion and insertion curves and infidelity: glasshouse against Quantus and Captum, on the same network and rows.

    python benchmarks/explanation_checks.py [--rows 500] [--features 14 30 100] [--repeats 3] [--threads 1]

- all faithfulness checks of one explanation: both curves, those of random orders, and infidelity over random subsets
  of features and background rows. Goal: under 10 s for 500 rows.
- deletion curves with one baseline, against Quantus' `PixelFlipping` at its best batch size: the same curves.
- both curves of one explanation with as many background rows as glasshouse uses; Quantus takes one at a time.
- infidelity with one baseline and the same perturbations, against `captum.metrics.infidelity` at its best
  `max_examples_per_batch`: the same values.
- infidelity with the whole background and equally many evaluations, against Captum: only time is compared, because
  Captum squares before averaging over background rows, and glasshouse after.

With more features than points of a curve, glasshouse replaces several at a time and is timed alone. Libraries that
are not installed are named and left out. All take turns, round after round; ratios are those of medians. With one
thread, processor time is measured, which depends less on the machine's load; with more threads, wall time. Exit code
1 if the goal is missed or quantities that must be equal differ.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
import torch
from glasshouse_audits.explain.checks.curves import MOST_STEPS, replacement_curves
from glasshouse_audits.explain.checks.infidelity import change, infidelity, subsets
from glasshouse_audits.explain.checks.replacement import FeatureReplacement
from machine import facts
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]

BACKGROUND = 100
DRAWS = 10
SUBSETS = 20
HIDDEN = 64
GOAL = 10.0
"""Seconds for 500 rows."""
SAME = 1e-4
"""Largest relative difference between quantities that must be equal, in single precision."""


@dataclass(frozen=True)
class Case:
    """A network with two outputs, rows, background rows, and attributions of the second output to explain them."""

    network: nn.Module
    rows: Tensor
    background: Tensor
    values: Array

    @classmethod
    def make(cls, features: int, rows: int) -> Case:
        """An untrained network with scaled weights; gradient times input serves as the explanation."""
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Linear(features, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2)
        ).eval()
        with torch.no_grad():
            for layer in (network[0], network[2], network[4]):
                layer.weight.mul_(2)
        x = torch.randn(rows, features, requires_grad=True)
        (gradient,) = torch.autograd.grad(network(x)[:, 1].sum(), x)
        values = (gradient * x).detach().double().numpy()
        return cls(network, x.detach(), torch.randn(BACKGROUND, features), values)

    def replacement(self, background: Tensor) -> FeatureReplacement:
        d = self.rows.shape[1]
        return FeatureReplacement(
            score=self.network, rows=self.rows, background=background, owner=torch.arange(d), shape=(d,)
        )

    @property
    def one_baseline(self) -> Tensor:
        return self.background[:1]


def clock() -> float:
    """Seconds."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def everything(case: Case) -> Array:
    """All faithfulness checks: gains of both curves and infidelity, (3, n)."""
    replacement = case.replacement(case.background)
    curves = replacement_curves(replacement, orders=10, draws=DRAWS).curves(case.values, 1)
    replaced = subsets(replacement, SUBSETS)
    return np.stack([curves.deletion_gain, curves.insertion_gain, our_infidelity(case, replaced, case.background)])


# ---------------------------------------------------------------- deletion and insertion


def deletion(case: Case) -> Array:
    """Deletion curves against one baseline, (n, d), without the initial score, like Quantus."""
    replacement = case.replacement(case.one_baseline)
    order = np.argsort(-case.values, axis=1)
    n, d = order.shape
    scores = replacement.scores(np.arange(n), np.zeros((n, 1), dtype=np.int64), np.argsort(order, axis=1) + 1, steps=d)
    return scores[:, :, 1]


def both_curves(case: Case) -> Array:
    """Areas of deletion and insertion of one explanation against `DRAWS` background rows, (2, n)."""
    replacement = case.replacement(case.background[:DRAWS])
    curves = replacement_curves(replacement, orders=2, draws=DRAWS).curves(case.values, 1)
    return np.stack([curves.deletion_area, curves.insertion_area])


def pixel_flipping(case: Case, values: Array, baseline: Array, batch: int) -> Array:
    """Quantus: scores (n, d) while features are replaced by those of one baseline row."""
    import quantus

    def replace(arr: Array, indices: NDArray[np.intp], **_: Any) -> Array:
        replaced = arr.copy()
        np.put_along_axis(replaced, indices, baseline[indices], axis=1)
        return replaced

    metric = quantus.PixelFlipping(
        features_in_step=1, perturb_func=replace, abs=False, normalise=False, disable_warnings=True
    )
    rows = case.rows.numpy()[:, None, :]
    found = metric(
        model=nn.Sequential(nn.Flatten(), case.network).eval(),
        x_batch=rows,
        y_batch=np.ones(len(rows), dtype=int),
        a_batch=values.astype(np.float32)[:, None, :],
        softmax=False,
        channel_first=True,
        batch_size=batch,
    )
    return np.asarray(found, dtype=np.float64)


def quantus_deletion(case: Case, batch: int) -> Array:
    return pixel_flipping(case, case.values, case.one_baseline[0].numpy(), batch)


def quantus_both(case: Case, batch: int) -> Array:
    """Deletion areas, and insertion areas by deleting in the reverse order, means over background rows."""
    with torch.no_grad():
        start = case.network(case.rows)[:, 1].double().numpy()
    areas = []
    for values in (case.values, -case.values):
        found = [pixel_flipping(case, values, z.numpy(), batch) for z in case.background[:DRAWS]]
        curve = np.column_stack([start, np.mean(found, axis=0)])
        areas.append(np.trapezoid(curve, dx=1 / (curve.shape[1] - 1), axis=1))
    return np.stack(areas)


# ---------------------------------------------------------------- infidelity


def our_infidelity(case: Case, replaced: NDArray[np.bool_], background: Tensor) -> Array:
    lower = change(case.replacement(background), replaced, draws=BACKGROUND)
    return infidelity(case.values, replaced, lower[:, :, 1]).raw


def captum_infidelity(case: Case, replaced: Tensor, background: Tensor, per_batch: int) -> Array:
    """Captum: subsets `replaced` (n, s, d) by rows of the background, one sample each."""
    from captum.metrics import infidelity as captums

    n, samples, d = replaced.shape
    drawn = 0

    def perturb(inputs: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal drawn
        count = len(inputs) // n
        chosen = (torch.arange(drawn, drawn + count)) % samples
        mask = replaced[:, chosen].reshape(-1, d)
        z = background[(torch.arange(drawn, drawn + count) // samples) % len(background)].repeat(n, 1)
        drawn += count
        return mask, torch.where(mask > 0, z, inputs)

    found = captums(
        case.network,
        perturb,
        case.rows,
        torch.as_tensor(case.values, dtype=torch.float32),
        target=1,
        n_perturb_samples=samples * len(background),
        max_examples_per_batch=per_batch,
    )
    return found.double().numpy()


# ---------------------------------------------------------------- comparing


@dataclass
class Comparison:
    """Seconds of another library and of glasshouse by round, and the difference of equal quantities."""

    what: str
    library: str
    theirs: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    difference: float | None = None

    def run(self, theirs: Callable[[], Array], ours: Callable[[], Array], *, repeats: int, equal: bool) -> Comparison:
        for _ in range(repeats):
            start = clock()
            expected = theirs()
            self.theirs.append(clock() - start)
            start = clock()
            found = ours()
            self.ours.append(clock() - start)
        if equal:
            self.difference = float(np.abs(found - expected).max() / np.abs(expected).max())
        return self

    @property
    def met(self) -> bool:
        return self.difference is None or self.difference <= SAME

    def line(self) -> str:
        theirs, ours = median(self.theirs), median(self.ours)
        difference = "different quantity" if self.difference is None else f"{self.difference:.0e}"
        return f"| {self.what} | {self.library} | {theirs:,.3f} | {ours:,.3f} | {theirs / ours:,.1f} | {difference} |"


def best(run: Callable[[int], Array], sizes: list[int]) -> int:
    """The batch size with which a library is fastest."""
    seconds = {}
    for size in sizes:
        start = clock()
        run(size)
        seconds[size] = clock() - start
    return min(seconds, key=lambda size: seconds[size])


def against_quantus(case: Case, repeats: int) -> list[Comparison]:
    n, d = case.rows.shape
    batch = best(lambda size: quantus_deletion(case, size), [64, n])
    name = f"Quantus PixelFlipping, batches of {batch}"
    deleting = Comparison(f"{d} features: deletion, one baseline", name)
    both = Comparison(f"{d} features: both curves, {DRAWS} background rows", name)
    return [
        deleting.run(lambda: quantus_deletion(case, batch), lambda: deletion(case), repeats=repeats, equal=True),
        both.run(lambda: quantus_both(case, batch), lambda: both_curves(case), repeats=repeats, equal=True),
    ]


def against_captum(case: Case, repeats: int) -> list[Comparison]:
    n, d = case.rows.shape
    replaced = subsets(case.replacement(case.one_baseline), SUBSETS)
    masks = torch.as_tensor(replaced, dtype=torch.float32)

    def theirs(background: Tensor, size: int) -> Array:
        return captum_infidelity(case, masks, background, size)

    size = best(lambda size: theirs(case.one_baseline, size), [n, 4 * n, SUBSETS * n])
    name = f"captum.metrics.infidelity, {size:,} per batch"
    single = Comparison(f"{d} features: infidelity, one baseline", name)
    whole = Comparison(f"{d} features: infidelity, {BACKGROUND} background rows", name)
    return [
        single.run(
            lambda: theirs(case.one_baseline, size),
            lambda: our_infidelity(case, replaced, case.one_baseline),
            repeats=repeats,
            equal=True,
        ),
        whole.run(
            lambda: theirs(case.background, size),
            lambda: our_infidelity(case, replaced, case.background),
            repeats=repeats,
            equal=False,
        ),
    ]


def main() -> int:
    """Compare, print tables, and return 0 if results agree and the goal is met, else 1."""
    parser = argparse.ArgumentParser(description="Faithfulness: glasshouse against Quantus and Captum.")
    parser.add_argument("--rows", type=int, default=500, help="rows to explain (500)")
    parser.add_argument("--features", type=int, nargs="+", default=[14, 30, 100], help="of the networks (14 30 100)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    libraries = {"quantus": against_quantus, "captum": against_captum}
    installed = [name for name in libraries if find_spec(name) is not None]
    whole: dict[int, list[float]] = {}
    comparisons: list[Comparison] = []
    for features in options.features:
        case = Case.make(features, options.rows)
        for _ in range(options.repeats):
            start = clock()
            everything(case)
            whole.setdefault(features, []).append(clock() - start)
        for name in installed if features <= MOST_STEPS else ():
            comparisons += libraries[name](case, options.repeats)
    print("| features | rows | deletion, insertion, random orders and infidelity, seconds | goal | met |")
    print("|---:|---:|---:|---:|---|")
    for features, seconds in whole.items():
        reached = "yes" if median(seconds) < GOAL else "NO"
        print(f"| {features} | {options.rows} | {median(seconds):.2f} | {GOAL:g} | {reached} |")
    print("\n| what | library | seconds | glasshouse | times faster | difference |")
    print("|---|---|---:|---:|---:|---:|")
    print("\n".join(c.line() for c in comparisons))
    kind = "processor" if options.threads == 1 else "wall"
    print(
        f"\nMedians of {options.repeats} interleaved rounds, {kind} time, {options.threads} thread(s); {options.rows} "
        f"rows, {HIDDEN} hidden units, {SUBSETS} subsets; {facts('torch', *installed)}."
    )
    for name in sorted(set(libraries) - set(installed)):
        print(f"Not installed, so not compared: {name}.")
    met = all(median(seconds) < GOAL for seconds in whole.values()) and all(c.met for c in comparisons)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
