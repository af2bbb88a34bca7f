"""The numbers of attributions: do they add up, do they matter to the model, do they depend on what it has learned?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from glasshouse import Column, Figure, Measurement, NotExplainableError, Table, UserError
from glasshouse.statistics import Estimate, mean
from numpy.typing import NDArray

from glasshouse_audits.explain.attribution.faithfulness import SHARES, Curves, Parts, curves, random_curves
from glasshouse_audits.explain.attribution.predicted_class import Answer, explain_own, own_scores
from glasshouse_audits.explain.attribution.sampling import Sample
from glasshouse_audits.explain.checks.check_result import Checked, cells, interval_columns, mean_of_known
from glasshouse_audits.explain.checks.randomisation import cascade, layers
from glasshouse_audits.explain.checks.similarity import rank_correlation

Floats = NDArray[np.float64]

# Rows that are explained again by networks with random weights, and how many such networks.
_RANDOMISED_ROWS = 20
_NETWORKS = 3


def completeness(answers: Sequence[Answer], sample: Sample) -> Checked:
    """How far attributions miss the change of score that they promise to add up to: the worst row and the mean."""
    found = []
    for answer in answers:
        if answer.change is None:
            continue
        errors = answer.errors(sample.at_random)
        for statistic in ("max", "mean"):
            found.append(
                Measurement(
                    name="completeness_error",
                    value=None if errors is None else float(getattr(np, statistic)(errors)),
                    undefined="the model's output is the same for every explained row" if errors is None else None,
                    n=sample.drawn,
                    split=sample.predictions.split,
                    parameters={"method": answer.method.name, "statistic": statistic},
                )
            )
    return Checked(tuple(found))


def faithfulness(answers: Sequence[Answer], sample: Sample, parts: Parts, *, called: str) -> Checked:
    """Deletion and insertion curves beside those of random orders; `called` is what parts are: pixels or words."""
    seed = sample.question.seed
    chance = random_curves(parts, seed=seed)
    walked = [(answer, curves(parts, answer.values[sample.at_random], seed=seed)) for answer in answers]
    split = sample.predictions.split
    measurements, rows = [], []
    for answer, own in walked:
        told = _estimates(own, chance)
        for name, estimate in told.items():
            measurements.append(
                Measurement(name=name, split=split, parameters={"method": answer.method.name}, **estimate.fields())
            )
        for which in ("deletion", "insertion"):
            rows.append((answer.method.title, which, told[f"{which}_area"].value, *cells(told[f"{which}_gain"])))
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
        description="Areas are mean scores along the curve; a good order has a small area of deletion and a large one "
        "of insertion, and gains more than 0 over random orders.",
    )
    figures = tuple(_figure(walked, chance, which, called) for which in ("deletion", "insertion"))
    return Checked(tuple(measurements), figures, (table,))


def _estimates(own: Curves, chance: Curves) -> dict[str, Estimate]:
    return {
        "deletion_area": mean(own.deletion_area),
        "insertion_area": mean(own.insertion_area),
        "deletion_gain": mean(chance.deletion_area - own.deletion_area),
        "insertion_gain": mean(own.insertion_area - chance.insertion_area),
    }


def _figure(walked: Sequence[tuple[Answer, Curves]], chance: Curves, which: str, called: str) -> Figure:
    lines = [(answer.method.title, getattr(own, which)) for answer, own in walked]
    lines.append(("random order", getattr(chance, which)))
    how = (
        f"{called.capitalize()} are replaced by the reference, those that speak most for the prediction first: the "
        "sooner the score falls, the better the order."
        if which == "deletion"
        else f"Starting from the reference, a row's own {called} are put in, those that speak most for the prediction "
        "first: the sooner the score rises, the better the order."
    )
    return Figure(
        kind="line",
        title=f"{which.capitalize()} curves",
        description=f"Mean score of each row's own prediction over {len(chance.deletion)} rows. {how}",
        data={
            "series": [{"name": name, "x": SHARES.tolist(), "y": y.mean(axis=0).tolist()} for name, y in lines],
            "x_label": f"share of {called} {'deleted' if which == 'deletion' else 'inserted'}",
            "y_label": "score",
            "diagonal": False,
            "x_log": False,
        },
    )


def randomised(answers: Sequence[Answer], sample: Sample) -> Checked:
    """Likeness to the attributions of networks with random weights; 1 is the same order of parts, 0 none.

    The model leaves as it came, whatever happens. Source: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS
    2018.
    """
    rows = slice(0, min(sample.drawn, _RANDOMISED_ROWS))
    own = sample.own[rows]
    question = replace(sample.question, rows=sample.question.rows[rows])
    module = question.model.module
    ordered = layers(module, lambda: own_scores(question, own)(question.rows))
    measurements = []
    for answer in answers if ordered else ():

        def look(answer: Answer = answer) -> Floats | str:
            try:
                again = explain_own(answer.method, question, own).values
            except (NotExplainableError, UserError) as error:
                return str(error)
            return rank_correlation(*(values.reshape(len(own), -1) for values in (answer.values[rows], again)))

        looked = [
            cascade(module, ordered, [len(ordered)], look, seed=question.seed + network)[0]
            for network in range(_NETWORKS)
        ]
        failures = [one for one in looked if isinstance(one, str)]
        alike = [one for one in looked if not isinstance(one, str)]
        estimate = (
            Estimate(None, 0, undefined=failures[0])
            if failures
            else mean_of_known(
                np.ma.masked_invalid(alike).mean(axis=0).filled(np.nan),
                "a network with random weights attributes nothing",
            )
        )
        measurements.append(
            Measurement(
                name="similarity_when_randomised",
                split=sample.predictions.split,
                parameters={
                    "method": answer.method.name,
                    "layers": "all",
                    "networks": _NETWORKS,
                    "statistic": "rank_correlation",
                },
                **estimate.fields(),
            )
        )
    return Checked(tuple(measurements))


def gini(values: Floats) -> Floats:
    """Gini index of the sizes of attributions (n, d) of each row, (n,): 0 equally much everywhere, near 1 in one place.

    Chalasani et al., "Concise Explanations of Neural Networks using Adversarial Training", ICML 2020, as a measure of
    sparseness: 1 - 2 sum_k (|v|_(k) / ||v||_1) ((d - k + 1/2) / d) over ascending order. NaN where all are 0.
    """
    sizes = np.sort(np.abs(values), axis=1)
    n, d = sizes.shape
    weights = (d - np.arange(1, d + 1) + 0.5) / d
    total = sizes.sum(axis=1)
    share: Floats = np.divide(sizes @ weights, total, out=np.full(n, np.nan), where=total > 0)
    return 1 - 2 * share


def sparseness(answers: Sequence[Answer], sample: Sample) -> Checked:
    """How concentrated attributions are: the mean Gini index over rows."""
    return Checked(tuple(_sparseness(answers, sample)))


def _sparseness(answers: Sequence[Answer], sample: Sample) -> Iterator[Measurement]:
    for answer in answers:
        values = answer.values[sample.at_random]
        estimate = mean_of_known(gini(values.reshape(len(values), -1)), "no attribution differs from 0")
        yield Measurement(
            name="attribution_gini",
            split=sample.predictions.split,
            parameters={"method": answer.method.name},
            **estimate.fields(),
        )
