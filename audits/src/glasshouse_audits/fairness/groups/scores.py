"""Scores by group: how well they rank, how good they are as probabilities, and how they are distributed."""

from __future__ import annotations

import numpy as np
from glasshouse import Column, Figure, Measurement, Table
from glasshouse.statistics import BIN_SHIFT, CERTIFICATE, MISSING, ScoreHistogram, exposure_at_k

from glasshouse_audits.fairness.groups import clustered
from glasshouse_audits.fairness.groups import gaps as spread
from glasshouse_audits.fairness.groups.gaps import Measure
from glasshouse_audits.fairness.groups.report import MOST_ATTRIBUTES_DRAWN, described
from glasshouse_audits.fairness.groups.study import Measured, Study

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DRAWN_BINS = 20
# Curves of more groups than these cannot be told apart.
_MOST_CURVES = 8


def measure(study: Study) -> Measured:
    """AUC, log loss, Brier score, distribution and exposure of the scores of every class or label that has them."""
    found = Measured()
    if not study.tables.scores:
        return found
    bounds: list[Measurement] = []
    for names in study.together:
        for label, histogram in study.over[names].scores.items():
            output = None if study.tables.kind == "binary" else label
            found.measurements += quality(histogram, names, study, label, output)
            if len(names) == 1:
                found.measurements += distribution(histogram, study, output)
                found.measurements += exposure(histogram, study, output)
            if histogram.has_targets and not (study.clustered and study.rows is not None):
                bounds.append(error_bound(histogram, names, study, output))
    found.measurements += bounds
    if bounds:
        found.notes.append(certificate(max(bound.value or 0.0 for bound in bounds), study))
    if study.tables.kind == "binary":
        found.tables.append(distribution_table(study))
        for name in study.attributes[:MOST_ATTRIBUTES_DRAWN]:
            figure = distribution_figure(study, name)
            found.figures += [figure] if figure is not None else []
    found.notes.append(
        "Exposure: the rows ranked by score, position j seen with weight 1 / log2(1 + j); 1 is a group's fair share."
    )
    return found


def error_bound(histogram: ScoreHistogram, names: tuple[str, ...], study: Study, output: str | None) -> Measurement:
    """The most by which the ROC AUC of any of the groups can be off, since scores were counted in bins; 0 is exact."""
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


def certificate(worst: float, study: Study) -> str:
    """What is known of the error of the AUCs, in a sentence."""
    if not worst:
        return "ROC AUC by group is exact: every distinct score was kept apart."
    finest = min(histogram.shift for histogram in study.tables.scores.values())
    bins = f"bins of scores, {2 ** (52 - finest):,} for each doubling of the odds,"
    again = " made finer in a second pass over the rows," if finest < BIN_SHIFT else ""
    beyond = f" This is more than the {CERTIFICATE:g} aimed at." if worst > CERTIFICATE else ""
    return f"ROC AUC by group is taken from {bins}{again} and off by at most {worst:.1e}.{beyond}"


def quality(
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
            measures = clustered.score_measures(study.rows, histogram.groups, *study.scored(label))
    everyone = study.over[()].scores[label] if len(names) == 1 else None
    overall = {} if everyone is None else {"mean_score": everyone.mean()[0]}
    if everyone is not None and everyone.has_targets:
        overall |= {name: getattr(everyone, name)()[0] for name in ("roc_auc", "log_loss", "brier_score")}
    return [
        measurement
        for name, measure in measures.items()
        for measurement in spread.measurements(
            name,
            histogram.groups,
            measure,
            over=names,
            split=study.split,
            output=output,
            everyone=overall.get(name),
            ratio=len(names) == 1,
        )
    ]


def distribution(histogram: ScoreHistogram, study: Study, output: str | None) -> list[Measurement]:
    """Quantiles of the scores of every group, to within a bin of the histogram."""
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
    """Share of the first k positions, and exposure per row over that of everyone, of every group."""
    found = []
    total = int(histogram.sizes.sum())
    sizes = _weights(histogram)
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
    """(B, G) rows (or weights) of each group in the highest bins, the highest first, down to the k-th position."""
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
    for name in study.attributes:
        for histogram in study.over[(name,)].scores.values():
            for group, size, row in zip(histogram.groups, histogram.sizes, histogram.quantiles(QUANTILES), strict=True):
                cells = (float(value) if np.isfinite(value) else None for value in row)
                rows.append((name, described(group), int(size), *cells))
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
    """Share of each group's rows with a score up to a value; None where no group has rows."""
    (histogram,) = study.over[(name,)].scores.values()
    edges = np.linspace(0, 1, _DRAWN_BINS + 1)
    series: list[dict[str, object]] = []
    for group, size, counts in zip(
        histogram.groups, histogram.sizes, histogram.distribution(edges).sum(axis=1), strict=True
    ):
        if size and counts.sum() and len(series) < _MOST_CURVES and group[name] != MISSING:
            share = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
            series.append({"name": group[name], "x": edges.tolist(), "y": share.tolist()})
    if not series:
        return None
    return Figure(
        kind="line",
        title=f"Distribution of scores by {name}",
        description="Share of each group's rows with a score up to that value. A curve further to the left means lower "
        "scores for that group.",
        data={
            "series": series,
            "x_label": "score",
            "y_label": "share of rows up to it",
            "diagonal": False,
            "x_log": False,
        },
    )


def _weights(histogram: ScoreHistogram) -> np.ndarray:
    """(G,) rows, or sums of weights, of every group."""
    found = histogram.occupied
    weight = np.asarray(found.rows if found.weights is None else found.weights, dtype=np.float64).sum(axis=0)
    return np.bincount(found.group, weights=weight, minlength=len(histogram))
