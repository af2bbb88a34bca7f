"""Figures and tables of the `feature_effects` audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from glasshouse import Cell, Column, Figure, Table
from glasshouse.statistics import Estimate, Intervals, mean

from glasshouse_audits.effects.accumulated import LocalEffects
from glasshouse_audits.effects.curves import Curves, partial_dependence
from glasshouse_audits.effects.grids import Floats, Grid
from glasshouse_audits.effects.interactions import Interactions
from glasshouse_audits.effects.surrogate import Surrogate

# Most features in a figure; the table has all.
_SHOWN = 15
_LOW, _HIGH = 0.1, 0.9
METRICS: Mapping[str, str] = {
    "output_change": "mean change of the output",
    "log_loss": "increase of the log loss",
    "squared_error": "increase of the squared error",
    "accuracy": "drop of the accuracy",
    "roc_auc": "drop of the ROC AUC",
    "r2": "drop of R2",
}


# ---------------------------------------------------------------- importance


def importance_figure(names: Sequence[str], metric: str, found: Sequence[Estimate]) -> Figure:
    shown = _descending(found)[:_SHOWN]
    rest = f" The {len(names) - len(shown)} weakest features are in the table." if len(names) > _SHOWN else ""
    return Figure(
        kind="dot_interval",
        title="Permutation importance",
        description=f"{METRICS[metric].capitalize()} when a feature's values are permuted among the rows, with "
        f"95 % intervals over rows and permutations; 0 means that the model performs as well without it.{rest}",
        data={
            "labels": [names[k] for k in shown],
            "values": [found[k].value for k in shown],
            **_ends([found[k] for k in shown]),
            "x_label": METRICS[metric],
            "y_label": "feature",
            "reference": 0.0,
        },
    )


def importance_table(names: Sequence[str], found: Mapping[str, Sequence[Estimate]]) -> Table:
    """Every feature by every metric, in the order of the first metric."""
    first = next(iter(found.values()))
    label, *others = (METRICS[metric] for metric in found)
    return Table(
        title="Permutation importance of every feature",
        columns=(
            Column(name="feature"),
            *(Column(name=f"{label}{part}", format=".4f") for part in ("", ", low", ", high")),
            *(Column(name=other, format=".4f") for other in others),
        ),
        rows=tuple(
            (names[k], *_cells(first[k]), *(other[k].value for other in list(found.values())[1:]))
            for k in _descending(first)
        ),
        description="How much worse the model performs, and how far its output moves, when a feature's values are "
        "permuted among the rows. The record has the intervals of all columns.",
    )


# ---------------------------------------------------------------- effects


def effect_figures(
    grid: Grid, curves: Curves, sampled: Sequence[int], effects: LocalEffects, output: str | None
) -> Iterator[Figure]:
    """Mean effects with intervals, and the spread over rows, of one feature and one output."""
    of = f" for {output}" if output else ""
    what = f"probability of {output}" if output else "predicted value"
    if grid.values is None:
        yield from _level_figures(grid, curves, effects, of, what)
    else:
        yield from _number_figures(grid, curves, sampled, effects, of, what)


def _number_figures(
    grid: Grid, curves: Curves, sampled: Sequence[int], effects: LocalEffects, of: str, what: str
) -> Iterator[Figure]:
    assert grid.values is not None
    name, values = grid.feature, grid.values.tolist()
    centre, interval = partial_dependence(curves)
    low, median, high = _spread(curves)
    yield _lines(
        f"{name}: mean effect{of}",
        f"Partial dependence: the mean {what} with {name} set to a value in every row. Accumulated local effects: the "
        "sum of small steps between similar rows, shifted to the same mean. With 95 % intervals. Where the two curves "
        "differ, the feature is correlated with others.",
        [
            _series("partial dependence", values, centre, interval.low, interval.high),
            _accumulated_series(effects, float(np.average(centre, weights=grid.counts))),
        ],
        name,
        what,
    )
    yield _lines(
        f"{name}: how rows differ{of}",
        f"The model's output for single rows as {name} alone changes: the median row, the middle 80 % of rows, and "
        f"{len(sampled)} random rows. Lines that are not parallel show interactions.",
        [
            _series("median and middle 80 % of rows", values, median, low, high),
            *(_series(f"a row ({k})", values, curves[row]) for k, row in enumerate(sampled, start=1)),
        ],
        name,
        what,
    )


def _level_figures(grid: Grid, curves: Curves, effects: LocalEffects, of: str, what: str) -> Iterator[Figure]:
    name = grid.feature
    centre, interval = partial_dependence(curves)
    low, median, high = _spread(curves)
    yield _by_level(
        f"{name}: partial dependence{of}",
        f"The mean {what} with the feature set to one category in every row, with 95 % intervals; the line is the mean "
        "over categories, n is the number of rows of the category.",
        grid,
        centre,
        interval,
        what,
        float(centre.mean()),
    )
    yield _by_level(
        f"{name}: how rows differ{of}",
        f"The {what} with the feature set to one category: the median row, and the range of the middle 80 % of rows.",
        grid,
        median,
        Intervals(low, high, _HIGH - _LOW, "quantile"),
        what,
        float(centre.mean()),
    )
    yield _by_level(
        f"{name}: accumulated local effects{of}",
        f"The effect of a category on the {what} relative to the mean row, with 95 % intervals; rows are moved only to "
        "categories of similar rows.",
        effects.grid,
        effects.effects,
        effects.intervals,
        f"effect on the {what}",
        0.0,
    )


def _spread(curves: Curves) -> Floats:
    """(3, g) the lower quantile of the rows, their median and the upper quantile at each point."""
    return np.quantile(curves, [_LOW, 0.5, _HIGH], axis=0).astype(np.float64)


def _accumulated_series(effects: LocalEffects, shift: float) -> dict[str, Any]:
    assert effects.grid.values is not None
    low, high = effects.intervals.low + shift, effects.intervals.high + shift
    return _series("accumulated local effects", effects.grid.values.tolist(), effects.effects + shift, low, high)


def _series(name: str, x: list[float], y: Any, low: Floats | None = None, high: Floats | None = None) -> dict[str, Any]:
    found = {"name": name, "x": x, "y": _plain(y)}
    return found if low is None or high is None else found | {"low": _plain(low), "high": _plain(high)}


def _lines(title: str, description: str, series: list[dict[str, Any]], x_label: str, y_label: str) -> Figure:
    return Figure(
        kind="line",
        title=title,
        description=description,
        data={"series": series, "x_label": x_label, "y_label": y_label, "diagonal": False, "x_log": False},
    )


def _by_level(
    title: str, description: str, grid: Grid, values: Floats, interval: Intervals, x_label: str, reference: float
) -> Figure:
    return Figure(
        kind="dot_interval",
        title=title,
        description=description,
        data={
            "labels": list(grid.labels),
            "values": _plain(values),
            "low": _plain(interval.low),
            "high": _plain(interval.high),
            "n": grid.counts.tolist(),
            "x_label": x_label,
            "y_label": grid.feature,
            "reference": reference,
        },
    )


# ---------------------------------------------------------------- interactions


def interaction_figure(players: Sequence[str], found: Interactions, k: int, output: str | None) -> Figure:
    """Mean absolute interaction of every pair; players are numbered, because columns are too narrow for names."""
    sizes = np.abs(found.values[:, :, k]).mean(axis=0)
    values: list[list[float | None]] = [[None] * len(players) for _ in players]
    per_cent = 1.0 if output is None else 100.0  # short numbers for narrow cells
    for (i, j), size in zip(found.pairs, (per_cent * sizes).tolist(), strict=True):
        values[i][j] = values[j][i] = size
    unit = "" if output is None else ", in percentage points"
    what = f"the probability of {output}" if output else "the predicted value"
    return Figure(
        kind="heatmap",
        title="Feature interactions" + (f" for {output}" if output else ""),
        description=f"Mean absolute Shapley interaction of two features on {what}{unit}: their joint effect beyond the "
        "effects of each alone, up or down. The table has the effects of each alone.",
        data={
            "rows": [f"{number} {name}" for number, name in enumerate(players, start=1)],
            "columns": [str(number) for number in range(1, len(players) + 1)],
            "values": values,
            "x_label": "features by their numbers",
            "y_label": "",
        },
    )


def interaction_table(players: Sequence[str], found: Interactions, k: int, output: str | None) -> Table:
    """Main effects and interactions, the largest first."""
    alone = [(name, "alone", found.main[:, number, k]) for number, name in enumerate(players)]
    together = [
        (f"{players[i]} × {players[j]}", "together", found.values[:, number, k])
        for number, (i, j) in enumerate(found.pairs)
    ]
    rows: list[tuple[Cell, ...]] = [
        (name, how, *_cells(mean(np.abs(values))), float(values.mean())) for name, how, values in (*alone, *together)
    ]
    rows.sort(key=lambda row: -float(row[2] or 0.0))
    return Table(
        title="Main effects and interactions" + (f": {output}" if output else ""),
        columns=(
            Column(name="features"),
            Column(name="effect"),
            *(Column(name=f"mean size{part}", format=".4f") for part in ("", ", low", ", high")),
            Column(name="mean, with its sign", format="+.4f"),
        ),
        rows=tuple(rows),
        description="Shapley values of each row, split into the effect of each feature alone and the interaction of "
        "each pair, in units of the output.",
    )


# ---------------------------------------------------------------- surrogate


def surrogate_table(tree: Surrogate, outputs: Floats, fidelity: Estimate, output: str | None) -> Table:
    """The rules of the tree, each with the model's mean output for the unseen rows that it covers."""
    rows: list[tuple[Cell, ...]] = []
    for number, leaf in enumerate(tree.leaves):
        inside = outputs[tree.leaf == number]
        rows.append((leaf.rule, leaf.value, *_cells(mean(inside)), len(inside)))
    what = f"the probability of {output}" if output else "the predicted value"
    return Table(
        title="Surrogate decision tree" + (f": {output}" if output else ""),
        columns=(
            Column(name="rule"),
            Column(name="tree output", format=".3f"),
            *(Column(name=f"model output{part}", format=".3f") for part in ("", ", low", ", high")),
            Column(name="unseen rows", format="d"),
        ),
        rows=tuple(rows),
        description=f"A decision tree that approximates {what}. {fidelity_sentence(fidelity)}",
        count_column="unseen rows",
    )


# Below this fidelity the description warns the reader. A convention for a sentence, not a threshold with a verdict.
_LOW_FIDELITY = 0.8


def fidelity_sentence(fidelity: Estimate) -> str:
    """How far the rules represent the model."""
    if fidelity.value is None:
        return f"Its fidelity is undefined: {fidelity.undefined}."
    if fidelity.value <= 0:
        return "On unseen rows it is no better than the mean output: its rules do not represent the model."
    explained = f"On unseen rows it explains {fidelity.value:.0%} of the output's variance"
    if fidelity.value < _LOW_FIDELITY:
        return f"{explained}: a poor approximation; the remaining {1 - fidelity.value:.0%} follow no rule shown here."
    return f"{explained}; the remaining variance follows no rule shown here."


# ---------------------------------------------------------------- plain numbers


def _descending(found: Sequence[Estimate]) -> list[int]:
    return [int(k) for k in np.argsort([-np.inf if e.value is None else -e.value for e in found], kind="stable")]


def _cells(estimate: Estimate) -> tuple[float | None, float | None, float | None]:
    interval = estimate.interval
    return estimate.value, interval.low if interval else None, interval.high if interval else None


def _ends(found: Sequence[Estimate]) -> dict[str, list[float | None]]:
    cells = [_cells(estimate) for estimate in found]
    return {"low": [low for _, low, _ in cells], "high": [high for _, _, high in cells]}


def _plain(values: Any) -> list[float | None]:
    """Numbers of an array, None for NaN."""
    return [float(value) if np.isfinite(value) else None for value in values]
