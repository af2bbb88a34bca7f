"""The `membership_inference` audit: whether the model's loss reveals which rows were in the training data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from glasshouse import AuditResult, Evidence, Figure, Measurement, Predictions, UserError
from glasshouse.statistics import RocCurve, roc_auc, roc_curve
from numpy.typing import NDArray

from glasshouse_audits.option_checks import whole_number
from glasshouse_audits.privacy.permutation_null import PermutationNull, auc_under_permutation
from glasshouse_audits.privacy.threshold_attack import (
    Rows,
    at_low_false_positive_rate,
    split_in_half,
    yeom_advantage,
)

FALSE_POSITIVE_RATES = (0.01, 0.001)
_MOST_POINTS = 200
_WHO = "audit 'membership_inference'"


class MembershipInferenceAudit:
    """Whether the model's loss reveals training rows: the loss-threshold attack of Yeom et al. 2018.

    Members are the rows of the training split, non-members those of the evaluated split.

    Args:
        permutations: permutations of membership for the null distribution of the attack's AUC.
    """

    def __init__(self, *, permutations: int = 999) -> None:
        self.permutations = whole_number("audit 'membership_inference'", "permutations", permutations, minimum=99)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Attack the model with the losses of the training and the evaluated split.

        Raises:
            UserError: if the evaluated split is the training split, or a loss is missing or not finite.
        """
        if evidence.evaluate_on == "train":
            raise UserError(_WHO, "the evaluated split is the training split.", "Set `evaluate_on: test`.")
        rows = Rows(losses(evidence.predictions["train"]), losses(evidence.evaluated))
        rng = np.random.default_rng(evidence.seed)
        chosen, tried = split_in_half(rows, rng)
        null = auc_under_permutation(rows.members, rows.others, rng=rng, permutations=self.permutations)
        split = evidence.evaluate_on
        figures = []
        if null is not None:
            figures = [_roc_figure(roc_curve(rows.is_member, rows.scores)), _null_figure(null)]
        return AuditResult(
            name="membership_inference",
            family="privacy",
            parameters={"permutations": self.permutations},
            measurements=[
                Measurement(name="attack_roc_auc", split=split, **roc_auc(rows.is_member, rows.scores).fields()),
                _p_value(null, rows, split),
                Measurement(
                    name="attack_advantage",
                    split=split,
                    parameters={"threshold": "mean_training_loss"},
                    **yeom_advantage(chosen, tried).fields(),
                ),
                *_low_rates(chosen, tried, split),
            ],
            figures=figures,
            notes=[
                f"Members: {len(rows.members)} rows of the train split. Non-members: {len(rows.others)} rows of the "
                f"{split} split. Every rate is within members or within non-members, so unequal numbers do not matter.",
                "Thresholds were chosen on one half of the rows and evaluated on the other; the intervals of rates "
                "treat the threshold as fixed.",
                "This attack uses only the loss, with one threshold for all rows, so it gives a lower bound on "
                "leakage: a stronger attack with shadow models may find more.",
                "Differences between members and non-members with other causes, such as a test split from a later "
                "year, count as leakage here.",
            ],
        )


def losses(predictions: Predictions) -> NDArray[np.float64]:
    """The split's losses in double precision.

    Raises:
        UserError: if there are none, or some are not finite.
    """
    if predictions.losses is None:
        raise UserError(_WHO, f"the {predictions.split} split has no losses.", "Provide its targets as well.")
    bad = int(np.count_nonzero(~np.isfinite(predictions.losses)))
    if bad:
        raise UserError(
            _WHO,
            f"expected finite losses; {bad} of {len(predictions)} rows of the {predictions.split} split have NaN or "
            "infinite losses.",
            "Check the training: has its loss diverged?",
        )
    return predictions.losses.astype(np.float64)


def _p_value(null: PermutationNull | None, rows: Rows, split: str) -> Measurement:
    return Measurement(
        name="attack_p_value",
        value=None if null is None else null.p_value,
        undefined="no members or no non-members" if null is None else None,
        n=len(rows.members) + len(rows.others),
        split=split,
    )


def _low_rates(chosen: Rows, tried: Rows, split: str) -> Iterator[Measurement]:
    """True and false positive rates at thresholds chosen for a low false-positive rate."""
    for wanted in FALSE_POSITIVE_RATES:
        point = at_low_false_positive_rate(chosen, tried, wanted)
        shared: dict[str, Any] = {"split": split, "parameters": {"false_positive_rate": wanted}}
        if isinstance(point, str):
            yield Measurement(
                name="attack_true_positive_rate", value=None, undefined=point, n=len(tried.members), **shared
            )
            continue
        yield Measurement(name="attack_true_positive_rate", **shared, **point.true_positive_rate.fields())
        yield Measurement(name="attack_false_positive_rate", **shared, **point.false_positive_rate.fields())


def _roc_figure(curve: RocCurve) -> Figure:
    """The ROC curve from the smallest positive false-positive rate, thinned evenly on the logarithmic axis."""
    x, y = curve.false_positive_rate, curve.true_positive_rate
    seen = np.flatnonzero(x > 0)
    grid = np.geomspace(x[seen[0]], 1, _MOST_POINTS)
    kept = np.unique(np.append(seen[np.searchsorted(x[seen], grid).clip(max=len(seen) - 1)], len(x) - 1))
    return Figure(
        kind="line",
        title="ROC curve of the attack",
        description="Share of members identified against share of non-members wrongly identified, over all thresholds "
        "on the loss. The left end matters most: a curve above the guessing line there identifies some members with "
        "near certainty.",
        data={
            "series": [
                {"name": "loss threshold", "x": x[kept].tolist(), "y": y[kept].tolist()},
                {"name": "guessing", "x": grid.tolist(), "y": grid.tolist()},
            ],
            "x_label": "false positive rate",
            "y_label": "true positive rate",
            "diagonal": False,
            "x_log": True,
        },
    )


def _null_figure(null: PermutationNull) -> Figure:
    counts, edges = np.histogram(null.null, bins=30)
    return Figure(
        kind="histogram",
        title="The attack's AUC under permuted membership",
        description=f"AUC over {len(null.null)} random assignments of membership. The observed AUC is "
        f"{null.observed:.4f}; the fewer assignments reach it, the stronger the evidence of leakage.",
        data={
            "edges": edges.tolist(),
            "series": [{"name": "permuted membership", "counts": counts.tolist()}],
            "x_label": "AUC of the attack",
            "y_label": "assignments",
        },
    )
