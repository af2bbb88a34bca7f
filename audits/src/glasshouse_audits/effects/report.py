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

# Features in a figure; the table has all.
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
        description=f"{METRICS[metric].capitalize()} when a feature's values are shuffled among the rows, with "
        f"95 % intervals over rows and shuffles; 0 means that the model does as well without it.{rest}",
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
        description="How much worse the model does, and how far its output moves, when a feature's values are shuffled "
        "among the rows. Every interval is among the measurements.",
    )


# ---------------------------------------------------------------- effects


def effect_figures(
    grid: Grid, curves: Curves, sampled: Sequence[int], effects: LocalEffects, output: str | None
) -> Iterator[Figure]:
    """Means with intervals, and the spread of the rows around them, of one feature and one output."""
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
        "same from small steps between rows that are alike, its mean set to that of the first. With 95 % intervals. "
        "Where the two part, the feature goes together with others.",
        [
            _series("partial dependence", values, centre, interval.low, interval.high),
            _accumulated_series(effects, float(np.average(centre, weights=grid.counts))),
        ],
        name,
        what,
    )
    yield _lines(
        f"{name}: how rows differ{of}",
        f"What the model says of single rows as {name} alone changes: the median row, the middle 80 % of rows, and "
        f"{len(sampled)} rows drawn at random. Lines that are not parallel show interactions.",
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
        f"The mean {what} with every row told as one level, with 95 % intervals; the line is their mean, n counts the "
        "rows of the level.",
        grid,
        centre,
        interval,
        what,
        float(centre.mean()),
    )
    yield _by_level(
        f"{name}: how rows differ{of}",
        f"The {what} with rows told as one level: the median row, and the range of the middle 80 % of rows.",
        grid,
        median,
        Intervals(low, high, _HIGH - _LOW, "quantile"),
        what,
        float(centre.mean()),
    )
    yield _by_level(
        f"{name}: accumulated local effects{of}",
        f"By how much a level moves the {what} against the mean row, with 95 % intervals, where rows are only told as "
        "levels whose rows are like them.",
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
    """Every pair's mean size; the players are numbered, since a column is too narrow for names."""
    sizes = np.abs(found.values[:, :, k]).mean(axis=0)
    values: list[list[float | None]] = [[None] * len(players) for _ in players]
    per_cent = 1.0 if output is None else 100.0  # short numbers, for cells are narrow
    for (i, j), size in zip(found.pairs, (per_cent * sizes).tolist(), strict=True):
        values[i][j] = values[j][i] = size
    unit = "" if output is None else ", in percentage points"
    what = f"the probability of {output}" if output else "the predicted value"
    return Figure(
        kind="heatmap",
        title="Which features act together" + (f" for {output}" if output else ""),
        description=f"Mean absolute Shapley interaction of two features on {what}{unit}: how much the two move it "
        "together beyond what each does alone, whichever way. What each does alone is in the table.",
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
        title="What features do alone and in pairs" + (f": {output}" if output else ""),
        columns=(
            Column(name="features"),
            Column(name="effect"),
            *(Column(name=f"mean size{part}", format=".4f") for part in ("", ", low", ", high")),
            Column(name="mean, with its sign", format="+.4f"),
        ),
        rows=tuple(rows),
        description="Shapley values of each row, split into what a feature does alone and what two do together, in "
        "units of the output.",
    )


# ---------------------------------------------------------------- surrogate


def surrogate_table(tree: Surrogate, outputs: Floats, fidelity: Estimate, output: str | None) -> Table:
    """The rules, and beside each what the model itself says of the unseen rows that it covers."""
    rows: list[tuple[Cell, ...]] = []
    for number, leaf in enumerate(tree.leaves):
        inside = outputs[tree.leaf == number]
        rows.append((leaf.rule, leaf.value, *_cells(mean(inside)), len(inside)))
    what = f"the probability of {output}" if output else "the predicted value"
    return Table(
        title="The model as a small tree" + (f": {output}" if output else ""),
        columns=(
            Column(name="rule"),
            Column(name="tree says", format=".3f"),
            *(Column(name=f"model says{part}", format=".3f") for part in ("", ", low", ", high")),
            Column(name="unseen rows", format="d"),
        ),
        rows=tuple(rows),
        description=f"A decision tree that imitates {what}. {fidelity_sentence(fidelity)}",
        count_column="unseen rows",
    )


# Below it the rules are called a poor picture. A convention for a sentence, not a threshold that judges.
_LOW_FIDELITY = 0.8


def fidelity_sentence(fidelity: Estimate) -> str:
    """What a reader may make of the rules."""
    if fidelity.value is None:
        return f"How well is not known: {fidelity.undefined}."
    if fidelity.value <= 0:
        return "On unseen rows it tells no more than the mean output: do not read its rules as the model's."
    told = f"On unseen rows it tells {fidelity.value:.0%} of the output's variance"
    if fidelity.value < _LOW_FIDELITY:
        return f"{told}: a poor picture of the model, whose other {1 - fidelity.value:.0%} no rule here shows."
    return f"{told}; the rest no rule here shows."


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
