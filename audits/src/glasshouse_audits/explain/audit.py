"""The `feature_attribution` audit: from evidence to SHAP values and integrated gradients, and to their summaries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import AuditResult, Column, Evidence, Figure, Measurement, Table, UserError
from glasshouse.statistics import Estimate
from numpy.typing import NDArray

from glasshouse_audits.explain.columns import feature_of_column, sum_by_feature
from glasshouse_audits.explain.importance import (
    completeness_errors,
    mean_absolute,
    rank_agreement,
    relative_to,
    resolution,
    resolved,
)
from glasshouse_audits.explain.integrated_gradients import integrated_gradients
from glasshouse_audits.options import share, switch, whole_number

if TYPE_CHECKING:
    from glasshouse import ModelHandle
    from torch import Tensor

# Integrated gradients spend more steps until each row's relative completeness error is below this.
_TOLERANCE = 0.01
# A multiclass target without a favourable class is explained for this many classes at most.
_MOST_CLASSES = 3
# Rows that the shap library explains too, and the random orders it may take where exact values would take too long.
_CHECKED = 3
_ORDERS = 64
# Features in a figure; the table has all.
_SHOWN = 15
_METHODS = {"shap": "SHAP values", "integrated_gradients": "Integrated gradients"}


@dataclass(frozen=True)
class _Explained:
    """Attributions of one method for one output: `values` (n, d), and each row's `change` from the reference (n,)."""

    method: str
    output: str | None
    values: NDArray[np.float64]
    change: NDArray[np.float64]
    details: str
    """How the numbers were come by, in a sentence."""
    sampling_error: NDArray[np.float64] | None = None
    """(n,) standard error of a row's values relative to their size; None for a method without sampling."""
    apart: tuple[str, NDArray[np.float64]] | None = None
    """The shap library's algorithm, and of a few rows the largest difference from its values, (rows,)."""


class FeatureAttributionAudit:
    """Which features move the model's output on the evaluated split, by SHAP values and by integrated gradients.

    What is explained is the probability of the favourable class (without one: of the most often predicted classes),
    or the predicted value. Columns that encode one feature are explained as one.

    Args:
        rows: how many rows to explain, drawn under the run's seed.
        background: how many training rows stand for "the feature is not known"; integrated gradients start at
            their mean.
        budget: model evaluations for each explained row at most.
        tolerance: sampling of SHAP values stops for a row once their standard error is this share of their size.
        cross_check: whether the shap library explains a few of the rows as well, so that the record shows how far
            the two are apart.
    """

    def __init__(
        self,
        *,
        rows: int = 200,
        background: int = 100,
        budget: int = 500_000,
        tolerance: float = 0.05,
        cross_check: bool = True,
    ) -> None:
        self.rows = whole_number("feature_attribution", "rows", rows, least=1)
        self.background = whole_number("feature_attribution", "background", background, least=1)
        self.budget = whole_number("feature_attribution", "budget", budget, least=1)
        self.tolerance = share("feature_attribution", "tolerance", tolerance)
        self.cross_check = switch("feature_attribution", "cross_check", cross_check)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Explain a sample of the evaluated split.

        Raises:
            UserError: if an encoded column belongs to no feature, or inputs or outputs are not finite.
        """
        assert evidence.model is not None
        features = evidence.info.features
        rows, background, reference_split = self._sample(evidence)
        owner = feature_of_column(features, rows.shape[1])
        outputs = explained_outputs(evidence)

        found = list(self._shap(evidence.model, rows, background, owner, outputs, evidence.seed))
        notes = [
            f"Explained: {len(rows)} of {len(evidence.evaluated)} rows of the {evidence.evaluate_on} split, drawn with "
            f"seed {evidence.seed}, against {len(background)} rows of the {reference_split} split.",
            "SHAP values add up to a row's output minus the mean output of the background rows; integrated gradients "
            "to its output minus that of the mean background row. The two answer different questions: compare their "
            "order, not their numbers.",
        ]
        if evidence.has("gradients"):
            found += _integrated(evidence.model, rows, background, owner, len(features), outputs)
        else:
            notes.append("Integrated gradients left out: the model cannot be differentiated with respect to its input.")

        notes += dict.fromkeys(one.details for one in found)
        names = [feature.name for feature in features]
        summaries = [(one, mean_absolute(one.values)) for one in found]
        split = evidence.evaluate_on
        return AuditResult(
            name="feature_attribution",
            family="explainability",
            parameters=vars(self).copy(),
            measurements=[
                *(m for one in found for m in _completeness(one, split)),
                *(m for one in found for m in _trust_in_sampling(one, split)),
                *(m for one, summary in summaries for m in _importance(one, summary, names, split)),
                *_agreement(summaries, split),
            ],
            tables=[_table(output, summaries, features=names) for output in dict.fromkeys(o for _, o in outputs)],
            figures=[_figure(one, summary, names) for one, summary in summaries],
            notes=notes,
        )

    def _sample(self, evidence: Evidence) -> tuple[Tensor, Tensor, str]:
        """Rows to explain, background rows, and the split that the latter come from; float32 on the CPU."""
        assert evidence.inputs is not None
        rng = np.random.default_rng(evidence.seed)
        trained = "train" in evidence.predictions or evidence.info.rows.get("train", 0) > 0
        reference = "train" if trained else evidence.evaluate_on
        drawn = []
        for split, wanted in ((evidence.evaluate_on, self.rows), (reference, self.background)):
            x = evidence.inputs(split)
            chosen = np.sort(rng.choice(len(x), size=min(wanted, len(x)), replace=False))
            drawn.append(x[chosen].float().cpu())
            if not drawn[-1].isfinite().all():
                raise UserError(
                    "audit 'feature_attribution'",
                    f"expected finite inputs; the encoded {split} split holds NaN or infinite values.",
                    "Fill missing values in the data.",
                )
        return drawn[0], drawn[1], reference

    def _shap(
        self,
        model: ModelHandle,
        rows: Tensor,
        background: Tensor,
        owner: NDArray[np.intp],
        outputs: list[tuple[int, str | None]],
        seed: int,
    ) -> Iterator[_Explained]:
        from glasshouse_audits.shapley import shapley_values

        chosen = [position for position, _ in outputs]

        def score(x: Tensor) -> Tensor:
            return model.probabilities(x)[:, chosen]

        scores = model.scores(rows)[:, chosen].double().numpy()
        if not np.isfinite(scores).all():
            raise UserError(
                "audit 'feature_attribution'",
                "expected finite model outputs; some explained rows have NaN or infinite ones.",
                "Look at the training: has its loss diverged?",
            )
        found = shapley_values(
            score,
            rows.to(model.device),
            background.to(model.device),
            owner=owner,
            budget=self.budget,
            tolerance=self.tolerance,
            seed=seed,
        )
        apart = self._distance_from_library(model, rows, background, owner, chosen, found.values, seed)
        details = (
            "SHAP values are exact."
            if found.method == "exact"
            else f"SHAP values are estimates (method: {found.method}), each with a standard error; "
            f"{int(found.converged.sum())} of {len(rows)} rows reached the tolerance of {self.tolerance:g}."
        )
        for k, (_, label) in enumerate(outputs):
            yield _Explained(
                "shap",
                label,
                resolved(found.values[:, :, k], scores[:, k]),
                resolved(scores[:, k] - found.base[k], scores[:, k]),
                details,
                found.relative_error[:, k],
                None if apart is None else (apart[0], apart[1][:, k]),
            )

    def _distance_from_library(
        self,
        model: ModelHandle,
        rows: Tensor,
        background: Tensor,
        owner: NDArray[np.intp],
        chosen: list[int],
        values: NDArray[np.float64],
        seed: int,
    ) -> tuple[str, NDArray[np.float64]] | None:
        """The library's algorithm, and the largest difference from its values, (rows checked, k) in output units."""
        if not self.cross_check:
            return None
        import torch

        from glasshouse_audits.explain.shap_library import CoalitionGame, shapley_values

        def score(x: NDArray[np.float32]) -> NDArray[np.float64]:
            return model.scores(torch.from_numpy(x))[:, chosen].double().numpy()

        game = CoalitionGame(score, rows[:_CHECKED].numpy(), background.numpy(), owner)
        theirs = shapley_values(game, permutations=_ORDERS, seed=seed)
        return theirs.algorithm, np.abs(values[:_CHECKED] - theirs.values).max(axis=1)


def explained_outputs(evidence: Evidence) -> list[tuple[int, str | None]]:
    """Positions and names of the scores to explain: the favourable class, or the most often predicted ones."""
    target = evidence.info.target
    if target.kind == "regression":
        return [(0, None)]
    if target.favourable_index is not None:
        return [(target.favourable_index, target.classes[target.favourable_index])]
    often = np.bincount(evidence.evaluated.predicted, minlength=len(target.classes))
    chosen = np.sort(np.argsort(-often, kind="stable")[:_MOST_CLASSES])
    return [(int(k), target.classes[k]) for k in chosen]


def _integrated(
    model: ModelHandle,
    rows: Tensor,
    background: Tensor,
    owner: NDArray[np.intp],
    features: int,
    outputs: list[tuple[int, str | None]],
) -> Iterator[_Explained]:
    import torch

    baseline = background.mean(dim=0)
    scores = model.scores(rows).double().numpy()
    change = resolved(scores - model.scores(baseline.unsqueeze(0)).double().numpy(), scores)
    for position, label in outputs:

        def forward(x: Tensor, position: int = position) -> Tensor:
            return model.probabilities(x)[:, position]

        allowed = _TOLERANCE * relative_to(change[:, position]) + resolution(scores[:, position])
        found = integrated_gradients(forward, rows, baseline, allowed_error=torch.from_numpy(allowed).float())
        values = resolved(sum_by_feature(found.columns.double().numpy(), owner, features), scores[:, position])
        yield _Explained("integrated_gradients", label, values, change[:, position], _steps(found.steps))


def _steps(steps: int) -> str:
    return f"Integrated gradients took up to {steps} steps."


def _completeness(one: _Explained, split: str) -> Iterator[Measurement]:
    """How far attributions miss the change of output they promise to add up to: the worst row and the mean row."""
    errors = completeness_errors(one.values, one.change)
    for statistic in ("max", "mean"):
        yield Measurement(
            name="completeness_error",
            value=None if errors is None else float(getattr(np, statistic)(errors)),
            undefined="the model's output is the same for every explained row" if errors is None else None,
            n=len(one.values),
            output=one.output,
            split=split,
            parameters={"method": one.method, "statistic": statistic},
        )


def _trust_in_sampling(one: _Explained, split: str) -> Iterator[Measurement]:
    """How sure sampled values are, and how far they are from the shap library's."""
    if one.sampling_error is not None:
        moved = one.sampling_error[~np.isnan(one.sampling_error)]
        yield Measurement(
            name="sampling_error",
            value=float(moved.mean()) if len(moved) else None,
            undefined=None if len(moved) else "no feature moves the output of any explained row",
            n=len(moved),
            output=one.output,
            split=split,
            parameters={"method": one.method, "statistic": "mean"},
        )
    if one.apart is not None:
        algorithm, distances = one.apart
        yield Measurement(
            name="shap_largest_difference",
            value=float(distances.max()),
            n=len(distances),
            output=one.output,
            split=split,
            parameters={"shap_algorithm": algorithm},
        )


def _importance(one: _Explained, summary: list[Estimate], names: list[str], split: str) -> Iterator[Measurement]:
    for name, estimate in zip(names, summary, strict=True):
        yield Measurement(
            name="mean_absolute_attribution",
            output=one.output,
            split=split,
            parameters={"feature": name, "method": one.method},
            **estimate.fields(),
        )


def _agreement(summaries: list[tuple[_Explained, list[Estimate]]], split: str) -> Iterator[Measurement]:
    """Spearman's correlation between the orders in which the two methods put the features."""
    by_method = {(one.method, one.output): np.array([e.value for e in summary]) for one, summary in summaries}
    for (method, output), first in by_method.items():
        second = by_method.get(("integrated_gradients", output))
        if method != "shap" or second is None:
            continue
        agreement = rank_agreement(first, second)
        yield Measurement(
            name="attribution_rank_agreement",
            value=agreement,
            undefined="a method ranks no feature above another" if agreement is None else None,
            n=len(first),
            output=output,
            split=split,
        )


def _table(output: str | None, summaries: list[tuple[_Explained, list[Estimate]]], *, features: list[str]) -> Table:
    """Every feature of one output, most important first by the first method."""
    chosen = [(one, summary) for one, summary in summaries if one.output == output]
    columns = [Column(name="feature")]
    for one, _ in chosen:
        label = _METHODS[one.method]
        columns += [Column(name=f"{label}{part}", format=".4f") for part in ("", ", low", ", high")]
    rows: list[tuple[str | float | None, ...]] = []
    for k in _descending(chosen[0][1]):
        cells: list[str | float | None] = [features[k]]
        for _, summary in chosen:
            interval = summary[k].interval
            cells += [summary[k].value, interval.low if interval else None, interval.high if interval else None]
        rows.append(tuple(cells))
    return Table(
        title="Mean absolute attribution of every feature" + (f": {output}" if output else ""),
        columns=tuple(columns),
        rows=tuple(rows),
        description="How far a feature moves the output on average, in units of the output, whichever way.",
    )


def _figure(one: _Explained, summary: list[Estimate], names: list[str]) -> Figure:
    shown = _descending(summary)[:_SHOWN]
    what = f"the probability of {one.output}" if one.output else "the predicted value"
    rest = f" The {len(names) - len(shown)} least important features are in the table." if len(names) > _SHOWN else ""
    return Figure(
        kind="bar",
        title=f"{_METHODS[one.method]}: which features matter" + (f" for {one.output}" if one.output else ""),
        description=f"Mean absolute attribution to {what}; a longer bar moves it further, up or down.{rest}",
        data={
            "labels": [names[k] for k in shown],
            "values": [summary[k].value for k in shown],
            "x_label": f"mean absolute attribution to {what}",
            "y_label": "feature",
        },
    )


def _descending(summary: list[Estimate]) -> list[int]:
    return [int(k) for k in np.argsort([-(estimate.value or 0.0) for estimate in summary], kind="stable")]
