"""Tables and figures of explanations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from glasshouse import Column, Feature, Figure, Groups, Table
from glasshouse.statistics import Estimate
from numpy.typing import NDArray

from glasshouse_audits.explain.features.measurements import Attributions

# Most features in a figure; the tables have all.
_MAX_FEATURES = 15
_MAX_FEATURES_BY_GROUP = 5
_MAX_FEATURES_OF_A_ROW = 8
# Bins along the axis of a beeswarm; attributions in one bin are drawn as one dot.
_SWARM_BINS = 90
# A mean over fewer rows is too uncertain to draw; the tables have all groups.
_MIN_ROWS = 10


def descending(one: Attributions) -> list[int]:
    """Features by mean absolute attribution, the largest first."""
    return [int(k) for k in np.argsort(-np.abs(one.values).mean(axis=0), kind="stable")]


def output_name(output: str | None) -> str:
    """The explained output, in words."""
    return f"the probability of {output}" if output else "the predicted value"


def _title_suffix(output: str | None) -> str:
    return f" for {output}" if output else ""


def table_of_features(found: Sequence[Attributions], features: Sequence[str]) -> Table:
    """Every feature by every method, for one output; the first method's most important features come first."""
    columns = [Column(name="feature")]
    for one in found:
        columns += [Column(name=f"{one.title}{part}", format=".4f") for part in ("", ", low", ", high")]
    rows = []
    for position in descending(found[0]):
        cells: list[str | float | None] = [features[position]]
        for one in found:
            cells += _numbers(one.mean(position))
        rows.append(tuple(cells))
    return Table(
        title=f"Mean absolute attribution of every feature{_title_suffix(found[0].output)}",
        columns=tuple(columns),
        rows=tuple(rows),
        description="How far a feature moves the output on average, up or down. Methods have different definitions "
        "and units: compare the order of features, not the numbers.",
    )


def _numbers(estimate: Estimate) -> list[str | float | None]:
    interval = estimate.interval
    return [estimate.value, interval.low if interval else None, interval.high if interval else None]


def figure_of_features(one: Attributions, features: Sequence[str]) -> Figure:
    """The most important features with their intervals."""
    shown = descending(one)[:_MAX_FEATURES]
    estimates = [one.mean(position) for position in shown]
    rest = (
        f" The {len(features) - len(shown)} least important are in the table." if len(features) > _MAX_FEATURES else ""
    )
    return Figure(
        kind="dot_interval",
        title=f"{one.title}: feature importance{_title_suffix(one.output)}",
        description=f"Mean absolute attribution to {output_name(one.output)} with a 95 % interval: how far each "
        f"feature moves it on average, up or down.{rest}",
        data={
            "labels": [features[position] for position in shown],
            **_intervals(estimates),
            "n": [estimate.n for estimate in estimates],
            "x_label": "mean absolute attribution",
            "y_label": "feature",
            "reference": None,
        },
    )


def _intervals(estimates: Sequence[Estimate]) -> dict[str, list[float | None]]:
    ends = [_numbers(estimate) for estimate in estimates]
    return {key: [end[at] for end in ends] for at, key in enumerate(("values", "low", "high"))}  # type: ignore[misc]


def beeswarm(one: Attributions, features: Sequence[str], levels: NDArray[np.float64]) -> Figure:
    """Each row's attribution to the most important features, and whether the feature's value is low or high.

    `levels` (n, d) are thirds, see `importance.levels`. Rows in the same bin and third are drawn as one dot.
    """
    shown = descending(one)[:_MAX_FEATURES]
    lowest, highest = float(one.values.min(initial=0.0)), float(one.values.max(initial=0.0))
    edges = np.linspace(lowest, highest, _SWARM_BINS + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    swarm = []
    for position in shown:
        place = np.clip(np.searchsorted(edges, one.values[:, position], "right") - 1, 0, _SWARM_BINS - 1)
        third = np.nan_to_num(levels[:, position], nan=-1.0)
        kinds, counts = np.unique(np.column_stack([place, third]), axis=0, return_counts=True)
        swarm.append(
            {
                "name": features[position],
                "x": [float(centres[int(at)]) for at, _ in kinds],
                "n": [int(count) for count in counts],
                "level": [None if level < 0 else float(level) for _, level in kinds],
            }
        )
    return Figure(
        kind="beeswarm",
        title=f"{one.title}: attributions of each row{_title_suffix(one.output)}",
        description=f"Each dot is a row; further right, the feature increases {output_name(one.output)} more. Filled "
        "dots have a value in the highest third, open dots in the lowest; small dots lie between or have no order.",
        data={
            "swarms": swarm,
            "x_label": f"attribution to {output_name(one.output)}",
            "level_label": "value of the feature",
        },
    )


def example_rows(scores: NDArray[np.float64], most: int) -> list[int]:
    """Positions of at most `most` rows from the lowest to the highest score, evenly by rank."""
    order = np.argsort(scores, kind="stable")
    chosen = np.unique(np.linspace(0, len(scores) - 1, min(most, len(scores))).round().astype(int))
    return [int(order[at]) for at in chosen]


def figure_of_row(
    one: Attributions, row: int, *, index: int, score: float, split: str, labels: Sequence[str]
) -> Figure:
    """Attributions of one row, the largest first; the row is identified by its index only."""
    values = one.values[row]
    shown = [int(k) for k in np.argsort(-np.abs(values), kind="stable")[:_MAX_FEATURES_OF_A_ROW]]
    rest = float(values.sum() - values[shown].sum())
    others, subject = len(values) - len(shown), output_name(one.output)
    names = [labels[k] for k in shown] + ([f"{others} others together"] if others else [])
    base = (
        "" if one.change is None else f" Together with the base, {score - float(one.change[row]):.3g}, they sum to it."
    )
    return Figure(
        kind="bar",
        title=f"{one.title}: row {index} of the {split} split{_title_suffix(one.output)}",
        description=f"{subject[0].upper()}{subject[1:]} is {score:.3g} in this row. Bars to the right increase it, "
        f"bars to the left decrease it.{base}",
        data={
            "labels": names,
            "values": [float(values[k]) for k in shown] + ([rest] if others else []),
            "x_label": f"attribution to {output_name(one.output)}",
            "y_label": "feature",
        },
    )


def names_with_values(features: Sequence[Feature], encoded: NDArray[np.float32]) -> list[str]:
    """Features with their values in one encoded row (width,): the category, or the encoded number."""
    names = []
    for feature in features:
        columns = encoded[list(feature.columns)]
        if len(columns) == 1:
            names.append(f"{feature.name} = {columns[0]:.3g} (encoded)")
        elif feature.categories and len(feature.categories) == len(columns) and columns.any():
            names.append(f"{feature.name} = {feature.categories[int(columns.argmax())]}")
        else:
            names.append(feature.name)
    return names


def by_group(one: Attributions, features: Sequence[str], groups: Mapping[str, Groups]) -> Iterator[Table | Figure]:
    """Attributions by group: a table and a figure for each sensitive attribute."""
    for attribute, group in groups.items():
        members = {level: np.flatnonzero(group.codes == code) for code, level in enumerate(group.levels)}
        yield _table_of_groups(one, features, attribute, members)
        large = {level: rows for level, rows in members.items() if len(rows) >= _MIN_ROWS}
        if large:
            yield _figure_of_groups(one, features, attribute, large)


def _table_of_groups(
    one: Attributions, features: Sequence[str], attribute: str, members: Mapping[str, NDArray[np.intp]]
) -> Table:
    parts = [f"{name}{part}" for name in ("mean absolute", "mean") for part in ("", ", low", ", high")]
    rows: list[tuple[str | float | None, ...]] = []
    for position in descending(one):
        for level, rows_of in members.items():
            size, way = one.mean(position, rows_of), one.mean(position, rows_of, absolute=False)
            rows.append((features[position], level, len(rows_of), *_numbers(size), *_numbers(way)))
    return Table(
        title=f"{one.title} by {attribute}{_title_suffix(one.output)}",
        columns=(
            Column(name="feature"),
            Column(name=attribute),
            Column(name="rows", format=",.0f"),
            *(Column(name=name, format=".4f") for name in parts),
        ),
        rows=tuple(rows),
        description="Attribution to every feature within each group: mean absolute, and mean with sign. Differences "
        "of the signed means between two groups add up to the difference of their mean outputs.",
        count_column="rows",
    )


def _figure_of_groups(
    one: Attributions, features: Sequence[str], attribute: str, members: Mapping[str, NDArray[np.intp]]
) -> Figure:
    shown = descending(one)[:_MAX_FEATURES_BY_GROUP]
    pairs = [(position, level) for position in shown for level in members]
    estimates = [one.mean(position, members[level], absolute=False) for position, level in pairs]
    return Figure(
        kind="dot_interval",
        title=f"{one.title}: attributions by {attribute}{_title_suffix(one.output)}",
        description=f"Mean attribution to {output_name(one.output)} within each group, with a 95 % interval, for the "
        "most important features: right of 0 the feature increases it in the group, left of 0 it decreases it. The "
        "table has all groups.",
        data={
            "labels": [level for _, level in pairs],
            "under": [features[position] for position, _ in pairs],
            **_intervals(estimates),
            "n": [len(members[level]) for _, level in pairs],
            "x_label": "mean attribution",
            "y_label": attribute,
            "reference": 0.0,
        },
    )
