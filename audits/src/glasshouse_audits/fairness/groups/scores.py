"""Scores by group: ranking (AUC), quality as probabilities (log loss, Brier score), distribution and exposure."""

from __future__ import annotations

import numpy as np
from glasshouse import Column, Figure, Measurement, Table
from glasshouse.statistics import BIN_SHIFT, CERTIFICATE, MISSING, ScoreHistogram, exposure_at_k

from glasshouse_audits.fairness.groups import clustered, gaps
from glasshouse_audits.fairness.groups.gaps import Measure
from glasshouse_audits.fairness.groups.report import MAX_ATTRIBUTES_DRAWN, group_label
from glasshouse_audits.fairness.groups.study import PartialResult, Study

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DRAWN_BINS = 20
# More curves than this cannot be distinguished in a figure.
_MAX_CURVES = 8


def measure(study: Study) -> PartialResult:
    """AUC, log loss, Brier score, distribution and exposure for every class or label with scores."""
    found = PartialResult()
    if not study.tables.scores:
        return found
    bounds: list[Measurement] = []
    for names in study.detailed_sets:
        for label, histogram in study.tables_over[names].scores.items():
            output = None if study.tables.kind == "binary" else label
            found.measurements += score_measures(histogram, names, study, label, output)
            if len(names) == 1:
                found.measurements += score_quantiles(histogram, study, output)
                found.measurements += exposure(histogram, study, output)
            if histogram.has_targets and not (study.clustered and study.rows is not None):
                bounds.append(auc_error_bound(histogram, names, study, output))
    found.measurements += bounds
    if bounds:
        found.notes.append(auc_error_note(max(bound.value or 0.0 for bound in bounds), study))
    if study.tables.kind == "binary":
        found.tables.append(distribution_table(study))
        for name in study.detailed_attributes[:MAX_ATTRIBUTES_DRAWN]:
            figure = distribution_figure(study, name)
            found.figures += [figure] if figure is not None else []
    found.notes.append(
        "Exposure: rows are ranked by score, and position j has the weight 1 / log2(1 + j); a ratio of 1 is a group's "
        "proportional share."
    )
    return found


def auc_error_bound(histogram: ScoreHistogram, names: tuple[str, ...], study: Study, output: str | None) -> Measurement:
    """Upper bound of the error of any group's ROC AUC, because scores are counted in bins; 0 is exact."""
    known = histogram.roc_auc_error()
    known = known[np.isfinite(known)]
    return Measurement(
        name="roc_auc_error_bound",
        value=float(known.max()) if len(known) else None,
        undefined=None if len(known) else "no group has rows of both targets",
        n=int(histogram.sizes.sum()),
        over=names,
        output=output,
        split=study.split,
    )


def auc_error_note(worst: float, study: Study) -> str:
    """The error bound of the AUCs, as a sentence."""
    if not worst:
        return "ROC AUC by group is exact: every distinct score has its own bin."
    finest = min(histogram.shift for histogram in study.tables.scores.values())
    bins = f"bins of scores, {2 ** (52 - finest):,} for each doubling of the odds,"
    refined = " refined in a second pass over the rows," if finest < BIN_SHIFT else ""
    beyond = f" This exceeds the intended {CERTIFICATE:g}." if worst > CERTIFICATE else ""
    return f"ROC AUC by group is computed from {bins}{refined} with an error of at most {worst:.1e}.{beyond}"


def score_measures(
    histogram: ScoreHistogram, names: tuple[str, ...], study: Study, label: str, output: str | None
) -> list[Measurement]:
    """AUC, log loss, Brier score and mean score of every group, and their gaps."""
    measures: dict[str, Measure] = {"mean_score": lambda level: histogram.mean(level=level)}
    if histogram.has_targets:
        measures |= {
            "roc_auc": lambda level: histogram.roc_auc(level=level),
            "log_loss": lambda level: histogram.log_loss(level=level),
            "brier_score": lambda level: histogram.brier_score(level=level),
        }
    if study.clustered:
        if study.rows is None:
            measures = {name: clustered.without_intervals(measure) for name, measure in measures.items()}
        else:
            measures = clustered.score_measures(study.rows, histogram.groups, *study.scores_and_targets(label))
    everyone = study.tables_over[()].scores[label] if len(names) == 1 else None
    overall = {} if everyone is None else {"mean_score": everyone.mean()[0]}
    if everyone is not None and everyone.has_targets:
        overall |= {name: getattr(everyone, name)()[0] for name in ("roc_auc", "log_loss", "brier_score")}
    return [
        measurement
        for name, measure in measures.items()
        for measurement in gaps.measurements(
            name,
            histogram.groups,
            measure,
            over=names,
            split=study.split,
            output=output,
            overall=overall.get(name),
            ratio=len(names) == 1,
        )
    ]


def score_quantiles(histogram: ScoreHistogram, study: Study, output: str | None) -> list[Measurement]:
    """Quantiles of the scores of every group, exact to one bin of the histogram."""
    found = []
    for group, size, row in zip(histogram.groups, histogram.sizes, histogram.quantiles(QUANTILES), strict=True):
        for share, value in zip(QUANTILES, row, strict=True):
            known = bool(np.isfinite(value))
            found.append(
                Measurement(
                    name="score_quantile",
                    value=float(value) if known else None,
                    undefined=None if known else "no rows",
                    n=int(size),
                    group=group,
                    output=output,
                    split=study.split,
                    parameters={"quantile": share},
                )
            )
    return found


def exposure(histogram: ScoreHistogram, study: Study, output: str | None) -> list[Measurement]:
    """Each group's share of the first k positions, and its exposure per row over that of all rows."""
    found = []
    total = int(histogram.sizes.sum())
    sizes = _group_weights(histogram)
    for k in study.options.top:
        if k >= total:
            continue
        result = exposure_at_k(top_counts(histogram, k), k, sizes=sizes)
        for name, values in (("top_share", result.top_share), ("exposure_ratio", result.exposure_ratio)):
            for group, size, value in zip(histogram.groups, histogram.sizes, values, strict=True):
                known = bool(np.isfinite(value))
                found.append(
                    Measurement(
                        name=name,
                        value=float(value) if known else None,
                        undefined=None if known else "no rows",
                        n=int(size),
                        group=group,
                        output=output,
                        split=study.split,
                        parameters={"k": k},
                    )
                )
    return found


def top_counts(histogram: ScoreHistogram, k: float) -> np.ndarray:
    """(B, G) rows (or weights) of each group in the highest bins, the highest bin first, down to the k-th position."""
    found, groups = histogram.occupied, len(histogram)
    weight = np.asarray(found.rows if found.weights is None else found.weights, dtype=np.float64).sum(axis=0)
    bins, place = np.unique(-found.number, return_inverse=True)
    depth = np.cumsum(np.bincount(place, weights=weight, minlength=len(bins)))
    needed = int(np.searchsorted(depth, k)) + 1
    chosen = place < needed
    cell = place[chosen] * groups + found.group[chosen]
    return np.bincount(cell, weights=weight[chosen], minlength=needed * groups)[: needed * groups].reshape(-1, groups)


def distribution_table(study: Study) -> Table:
    """Quantiles of the favourable class's scores of every group of a single attribute."""
    rows = []
    for name in study.detailed_attributes:
        for histogram in study.tables_over[(name,)].scores.values():
            for group, size, row in zip(histogram.groups, histogram.sizes, histogram.quantiles(QUANTILES), strict=True):
                cells = (float(value) if np.isfinite(value) else None for value in row)
                rows.append((name, group_label(group), int(size), *cells))
    return Table(
        title="Scores by group",
        columns=(
            Column(name="attribute"),
            Column(name="group"),
            Column(name="rows", format="d"),
            *(Column(name=f"{share:.0%} below", format=".3f") for share in QUANTILES),
        ),
        rows=tuple(rows),
        description="Quantiles of the score, the probability of the favourable class.",
        count_column="rows",
    )


def distribution_figure(study: Study, name: str) -> Figure | None:
    """Cumulative distribution of each group's scores; None if no group has rows."""
    (histogram,) = study.tables_over[(name,)].scores.values()
    edges = np.linspace(0, 1, _DRAWN_BINS + 1)
    series: list[dict[str, object]] = []
    for group, size, counts in zip(
        histogram.groups, histogram.sizes, histogram.distribution(edges).sum(axis=1), strict=True
    ):
        if size and counts.sum() and len(series) < _MAX_CURVES and group[name] != MISSING:
            share = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
            series.append({"name": group[name], "x": edges.tolist(), "y": share.tolist()})
    if not series:
        return None
    return Figure(
        kind="line",
        title=f"Distribution of scores by {name}",
        description="Share of each group's rows with a score up to a value. A curve further to the left means lower "
        "scores for that group.",
        data={
            "series": series,
            "x_label": "score",
            "y_label": "share of rows up to this score",
            "diagonal": False,
            "x_log": False,
        },
    )


def _group_weights(histogram: ScoreHistogram) -> np.ndarray:
    """(G,) rows, or sums of weights, of every group."""
    found = histogram.occupied
    weight = np.asarray(found.rows if found.weights is None else found.weights, dtype=np.float64).sum(axis=0)
    return np.bincount(found.group, weights=weight, minlength=len(histogram))
