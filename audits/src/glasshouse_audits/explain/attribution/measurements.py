"""Measurements of attributions: completeness, faithfulness, similarity under random weights, and sparseness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from glasshouse import Column, Figure, Measurement, NotExplainableError, Table, UserError
from glasshouse.statistics import Estimate, mean
from numpy.typing import NDArray

from glasshouse_audits.explain.attribution.faithfulness import SHARES, Curves, InputParts, curves, random_curves
from glasshouse_audits.explain.attribution.predicted_class import (
    PredictedAttributions,
    explain_predicted,
    predicted_scores,
)
from glasshouse_audits.explain.attribution.sampling import Sample
from glasshouse_audits.explain.checks.check_result import (
    CheckResult,
    interval_columns,
    mean_of_defined,
    value_and_interval,
)
from glasshouse_audits.explain.checks.randomisation import cascade, layers
from glasshouse_audits.explain.checks.similarity import rank_correlation

Floats = NDArray[np.float64]

# Rows that are explained again with random weights, and the number of random networks.
_RANDOMISED_ROWS = 20
_NETWORKS = 3


def completeness(attributions: Sequence[PredictedAttributions], sample: Sample) -> CheckResult:
    """Completeness errors of methods that promise completeness: maximum and mean over rows."""
    found = []
    for one in attributions:
        if one.change is None:
            continue
        errors = one.errors(sample.random_rows)
        for statistic in ("max", "mean"):
            found.append(
                Measurement(
                    name="completeness_error",
                    value=None if errors is None else float(getattr(np, statistic)(errors)),
                    undefined="the model's output is the same for every explained row" if errors is None else None,
                    n=sample.random_count,
                    split=sample.predictions.split,
                    parameters={"method": one.method.name, "statistic": statistic},
                )
            )
    return CheckResult(tuple(found))


def faithfulness(
    attributions: Sequence[PredictedAttributions], sample: Sample, parts: InputParts, *, part_name: str
) -> CheckResult:
    """Deletion and insertion curves compared with random orders; `part_name` is ``pixels`` or ``words``."""
    seed = sample.question.seed
    chance = random_curves(parts, seed=seed)
    method_curves = [(one, curves(parts, one.values[sample.random_rows], seed=seed)) for one in attributions]
    split = sample.predictions.split
    measurements, rows = [], []
    for one, own in method_curves:
        estimates = _estimates(own, chance)
        for name, estimate in estimates.items():
            measurements.append(
                Measurement(name=name, split=split, parameters={"method": one.method.name}, **estimate.fields())
            )
        for which in ("deletion", "insertion"):
            rows.append(
                (
                    one.method.title,
                    which,
                    estimates[f"{which}_area"].value,
                    *value_and_interval(estimates[f"{which}_gain"]),
                )
            )
    measurements.append(Measurement(name="random_order_area", split=split, **mean(chance.deletion_area).fields()))
    table = Table(
        title="Areas under deletion and insertion curves",
        columns=(
            Column(name="method"),
            Column(name="curve"),
            Column(name="area", format=".4f"),
            *interval_columns("gain over random"),
        ),
        rows=tuple(rows),
        description="Areas are mean scores along the curve. A good order has a small deletion area and a large "
        "insertion area, and a gain above 0 over random orders.",
    )
    figures = tuple(_figure(method_curves, chance, which, part_name) for which in ("deletion", "insertion"))
    return CheckResult(tuple(measurements), figures, (table,))


def _estimates(own: Curves, chance: Curves) -> dict[str, Estimate]:
    return {
        "deletion_area": mean(own.deletion_area),
        "insertion_area": mean(own.insertion_area),
        "deletion_gain": mean(chance.deletion_area - own.deletion_area),
        "insertion_gain": mean(own.insertion_area - chance.insertion_area),
    }


def _figure(
    method_curves: Sequence[tuple[PredictedAttributions, Curves]], chance: Curves, which: str, part_name: str
) -> Figure:
    lines = [(one.method.title, getattr(own, which)) for one, own in method_curves]
    lines.append(("random order", getattr(chance, which)))
    how = (
        f"{part_name.capitalize()} are replaced by the reference, the largest attribution first: a faster fall of the "
        "score means a better order."
        if which == "deletion"
        else f"Starting from the reference, a row's {part_name} are inserted, the largest attribution first: a faster "
        "rise of the score means a better order."
    )
    return Figure(
        kind="line",
        title=f"{which.capitalize()} curves",
        description=f"Mean score of each row's prediction over {len(chance.deletion)} rows. {how}",
        data={
            "series": [{"name": name, "x": SHARES.tolist(), "y": y.mean(axis=0).tolist()} for name, y in lines],
            "x_label": f"share of {part_name} {'deleted' if which == 'deletion' else 'inserted'}",
            "y_label": "score",
            "diagonal": False,
            "x_log": False,
        },
    )


def randomised(attributions: Sequence[PredictedAttributions], sample: Sample) -> CheckResult:
    """Rank correlation with the attributions of networks with random weights; 1 is the same order, 0 is unrelated.

    The model's weights are restored, also after an error. Source: Adebayo et al., "Sanity Checks for Saliency Maps",
    NeurIPS 2018.
    """
    rows = slice(0, min(sample.random_count, _RANDOMISED_ROWS))
    predicted = sample.predicted[rows]
    question = replace(sample.question, rows=sample.question.rows[rows])
    module = question.model.module
    ordered = layers(module, lambda: predicted_scores(question, predicted)(question.rows))
    measurements = []
    for one in attributions if ordered else ():

        def similarity(one: PredictedAttributions = one) -> Floats | str:
            try:
                again = explain_predicted(one.method, question, predicted).values
            except (NotExplainableError, UserError) as error:
                return str(error)
            return rank_correlation(*(values.reshape(len(predicted), -1) for values in (one.values[rows], again)))

        similarities = [
            cascade(module, ordered, [len(ordered)], similarity, seed=question.seed + network)[0]
            for network in range(_NETWORKS)
        ]
        failures = [found for found in similarities if isinstance(found, str)]
        defined = [found for found in similarities if not isinstance(found, str)]
        estimate = (
            Estimate(None, 0, undefined=failures[0])
            if failures
            else mean_of_defined(
                np.ma.masked_invalid(defined).mean(axis=0).filled(np.nan),
                "with random weights all attributions are equal",
            )
        )
        measurements.append(
            Measurement(
                name="similarity_when_randomised",
                split=sample.predictions.split,
                parameters={
                    "method": one.method.name,
                    "layers": "all",
                    "networks": _NETWORKS,
                    "statistic": "rank_correlation",
                },
                **estimate.fields(),
            )
        )
    return CheckResult(tuple(measurements))


def gini(values: Floats) -> Floats:
    """Gini index of the absolute attributions (n, d) of each row, (n,): 0 is uniform, near 1 is a single part.

    Chalasani et al., "Concise Explanations of Neural Networks using Adversarial Training", ICML 2020, as a measure of
    sparseness: 1 - 2 sum_k (|v|_(k) / ||v||_1) ((d - k + 1/2) / d) over ascending order. NaN if all are 0.
    """
    sizes = np.sort(np.abs(values), axis=1)
    n, d = sizes.shape
    weights = (d - np.arange(1, d + 1) + 0.5) / d
    total = sizes.sum(axis=1)
    share: Floats = np.divide(sizes @ weights, total, out=np.full(n, np.nan), where=total > 0)
    return 1 - 2 * share


def sparseness(attributions: Sequence[PredictedAttributions], sample: Sample) -> CheckResult:
    """How concentrated attributions are: the mean Gini index over rows."""
    return CheckResult(tuple(_sparseness(attributions, sample)))


def _sparseness(attributions: Sequence[PredictedAttributions], sample: Sample) -> Iterator[Measurement]:
    for one in attributions:
        values = one.values[sample.random_rows]
        estimate = mean_of_defined(gini(values.reshape(len(values), -1)), "no attribution differs from 0")
        yield Measurement(
            name="attribution_gini",
            split=sample.predictions.split,
            parameters={"method": one.method.name},
            **estimate.fields(),
        )
