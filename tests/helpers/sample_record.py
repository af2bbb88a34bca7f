"""A record with everything a report must cope with, made through the public API.

Every kind of figure, undefined values, groups that are too small, an audit in error, one skipped, rules that hold and
rules that do not, and hostile names.
"""

from __future__ import annotations

import math

from glasshouse import AuditResult, Column, DataInfo, Feature, Figure, Measurement, Section, Sensitive, Table, Target
from glasshouse.policy.judging import judge
from glasshouse.policy.rules import load_policy
from glasshouse.record.record import Record, build_record

HOSTILE = "<script>alert(1)</script>"
HOSTILE_QUOTED = '"><img src=x onerror=alert(1)>'
# A red pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def measured(
    name: str, value: float | None, half: float | None = None, n: int | None = 890, **rest: object
) -> Measurement:
    """A measurement on the test split, with a symmetric interval where a half width is given."""
    interval = (
        {}
        if half is None or value is None
        else {"low": value - half, "high": value + half, "level": 0.95, "interval_method": "wilson"}
    )
    fields = {"name": name, "value": value, "n": n, "split": "test", **interval, **rest}
    return Measurement(**fields)  # type: ignore[arg-type]


def performance() -> AuditResult:
    false_positive = [k / 40 for k in range(41)]
    bins = [0.05 + k / 10 for k in range(10)]
    return AuditResult(
        name="performance",
        family="performance",
        seconds=0.84,
        parameters={"bins": 10},
        measurements=[
            measured("accuracy", 0.7416, 0.028),
            measured("majority_accuracy", 0.506),
            measured("balanced_accuracy", 0.7402, 0.029),
            measured("roc_auc", 0.8231, 0.027),
            measured("precision", None, n=0, undefined="nothing was predicted positive"),
            measured("f1", 0.7331, 0.03),
            measured("log_loss", 0.5127),
            measured("expected_calibration_error", 0.0412, 0.012),
            measured("specificity_at_best", 0.99996, n=890),
        ],
        tables=[
            Table(
                title="Confusion matrix",
                columns=(Column(name="true class"), Column(name="below"), Column(name="above")),
                rows=(("below", 331, 109), ("above", 121, 329)),
                description="Rows are true classes, columns predicted ones.",
            )
        ],
        figures=[
            Figure(
                kind="heatmap",
                title="Confusion matrix",
                description="Counts by true class (down) and predicted class (across); the diagonal is right.",
                data={
                    "rows": ["below", "above"],
                    "columns": ["below", "above"],
                    "values": [[331, 109], [121, 329]],
                    "x_label": "predicted",
                    "y_label": "true",
                },
            ),
            Figure(
                kind="line",
                title="ROC curve",
                description="True against false positive rate over all thresholds; the dashed line is chance.",
                data={
                    "series": [
                        {"name": "model", "x": false_positive, "y": [math.sqrt(x) ** 0.7 for x in false_positive]}
                    ],
                    "x_label": "false positive rate",
                    "y_label": "true positive rate",
                    "diagonal": True,
                },
            ),
            Figure(
                kind="line",
                title="Calibration",
                description="Observed frequency against mean score per bin, with Wilson intervals; the line is honest.",
                data={
                    "series": [
                        {
                            "name": "test",
                            "x": bins,
                            "y": [None if k == 4 else min(1.0, b * 1.08) for k, b in enumerate(bins)],
                            "low": [None if k == 4 else b * 0.86 for k, b in enumerate(bins)],
                            "high": [None if k == 4 else min(1.0, b * 1.08 + 0.09) for k, b in enumerate(bins)],
                        }
                    ],
                    "x_label": "mean score",
                    "y_label": "observed frequency",
                    "diagonal": True,
                },
            ),
        ],
        notes=["Intervals are at 95 %."],
    )


GROUPS = {"women": (0.412, 402), "men": (0.566, 479), HOSTILE: (0.25, 4), "not stated": (None, 0), "other": (0.4, 5)}


def fairness() -> AuditResult:
    measurements = []
    for level, (rate, n) in GROUPS.items():
        group = {"sex": level}
        measurements.append(measured("count", n, n=n, group=group))
        undefined = "no rows in the group" if rate is None else None
        half = None if rate is None else 0.5 / math.sqrt(n)
        measurements.append(measured("selection_rate", rate, half, n=n, group=group, undefined=undefined))
    measurements += [
        measured("demographic_parity_difference", 0.154, 0.062, over=("sex",)),
        measured("demographic_parity_ratio", 0.728, 0.067, over=("sex",)),
        measured("demographic_parity_ratio", 0.861, 0.11, over=("age_group",)),
        measured("demographic_parity_ratio", 0.64, 0.2, over=("sex", "age_group")),
        measured("equalized_odds_difference", 0.131, 0.071, over=("sex",)),
        measured(
            "equal_opportunity_difference", None, n=0, over=("age_group",), undefined="one group has no positives"
        ),
    ]
    return AuditResult(
        name="fairness",
        family="fairness",
        seconds=0.31,
        parameters={"bootstrap": 1000, "intersections": True},
        measurements=measurements,
        tables=[
            Table(
                title="Rates by sex",
                columns=(Column(name="sex"), Column(name="rows"), Column(name="selection rate", format=".1%")),
                rows=tuple((level, n, rate) for level, (rate, n) in GROUPS.items()),
                count_column="rows",
            )
        ],
        figures=[
            Figure(
                kind="dot_interval",
                title="Selection rate by sex",
                description="Share of each group that the model favours, with 95 % intervals; the line is everyone.",
                data={
                    "labels": list(GROUPS),
                    "values": [rate for rate, _ in GROUPS.values()],
                    "low": [None if rate is None else max(0, rate - 0.5 / math.sqrt(n)) for rate, n in GROUPS.values()],
                    "high": [None if rate is None else rate + 0.5 / math.sqrt(n) for rate, n in GROUPS.values()],
                    "n": [n for _, n in GROUPS.values()],
                    "x_label": "selection rate",
                    "reference": 0.494,
                },
            )
        ],
        notes=["'not stated' has no rows and is left out of the gaps."],
    )


def feature_attribution() -> AuditResult:
    features = {
        "body mass index": 0.118,
        "serum triglycerides (log)": 0.104,
        "blood pressure": 0.061,
        "sex": 0.032,
        "age": 0.004,
    }
    return AuditResult(
        name="feature_attribution",
        family="explainability",
        seconds=2.4,
        parameters={"rows": 200},
        measurements=[
            measured(
                "completeness_error",
                0.0031,
                n=200,
                parameters={"method": "integrated_gradients", "statistic": "max", "used": True},
            ),
            *(
                measured(
                    "mean_absolute_attribution", value, value / 9, n=200, parameters={"feature": name, "method": "shap"}
                )
                for name, value in features.items()
            ),
            measured(
                "mean_absolute_attribution", 0.02, 0.01, n=200, parameters={"feature": HOSTILE_QUOTED, "method": "shap"}
            ),
        ],
        figures=[
            Figure(
                kind="bar",
                title="SHAP values: which features matter",
                description="Mean absolute attribution to the probability; a longer bar moves it further, up or down.",
                data={
                    "labels": [*features, HOSTILE_QUOTED, "constant column"],
                    "values": [*features.values(), 0.02, None],
                    "x_label": "mean absolute attribution",
                    "y_label": "feature",
                },
            ),
            Figure(
                kind="bar",
                title="Signed effect",
                description="Mean attribution; left of the line lowers the score.",
                data={"labels": ["bmi", "age", "sex"], "values": [0.12, -0.07, -0.01], "x_label": "mean attribution"},
            ),
            Figure(
                kind="scatter",
                title="Attribution against value",
                description="One mark for each explained row; groups differ by shape.",
                data={
                    "series": [
                        {
                            "name": name,
                            "x": [k / 30 for k in range(60)],
                            "y": [math.sin(k / 9 + shift) / 10 + (k * 7 % 11) / 150 for k in range(60)],
                        }
                        for name, shift in (("younger", 0.0), ("older", 1.2))
                    ],
                    "x_label": "body mass index, standardised",
                    "y_label": "attribution",
                },
            ),
            Figure(
                kind="beeswarm",
                title="Every row",
                description="Each dot is a row; filled dots have a high value, open ones a low one.",
                data={
                    "swarms": [
                        {
                            "name": name,
                            "x": [(k - 6) / 60 for k in range(12) for _ in (0, 1)],
                            "n": [(k * 5 + at) % 7 for k in range(12) for at in (0, 1)],
                            "level": [level, None] * 6 + [0.0, 1.0] * 6,
                        }
                        for name, level in (("bmi", 1.0), ("age", 0.5), (HOSTILE, 0.0))
                    ],
                    "x_label": "attribution",
                    "level_label": "value",
                },
            ),
            Figure(
                kind="heatmap",
                title="Interactions",
                description="Pairwise interaction; blue raises and orange lowers the score.",
                data={
                    "rows": ["bmi", "age", "sex"],
                    "columns": ["bmi", "age", "sex"],
                    "values": [[0.05, -0.031, 0.0], [-0.031, 0.02, None], [0.0, None, 0.01]],
                },
            ),
            Figure(
                kind="image",
                title="Saliency",
                description="Where the model looks.",
                data={
                    "images": [
                        {"label": "row 17", "png_base64": PIXEL, "description": f"half in the middle {HOSTILE}"},
                        {"label": HOSTILE, "png_base64": PIXEL},
                    ]
                },
            ),
            Figure(
                kind="shaded_text",
                title="Words that matter",
                description="Solid underline raises, dashed lowers the score.",
                data={
                    "texts": [
                        {
                            "label": "row 3",
                            "tokens": ["You", "have", "won", "a", "<b>prize</b>", "not", "today"],
                            "weights": [0.01, 0.0, 0.9, None, 0.5, -0.6, -0.1],
                        }
                    ]
                },
            ),
        ],
    )


def membership_inference() -> AuditResult:
    edges = [k / 4 for k in range(13)]
    rates = [10 ** (-3 + k / 10) for k in range(31)]
    return AuditResult(
        name="membership_inference",
        family="privacy",
        seconds=0.2,
        measurements=[
            measured("attack_roc_auc", 0.5312, 0.031, n=1780),
            measured("attack_true_positive_rate", 0.0113, 0.008, parameters={"false_positive_rate": 0.01}),
            measured(
                "attack_true_positive_rate",
                None,
                n=178,
                parameters={"false_positive_rate": 0.001},
                undefined="a false-positive rate of 0.001 needs 1,000 rows outside of the training data",
            ),
            measured("attack_advantage", 0.0321, 0.02),
            measured("attack_p_value", 0.0000213, n=None),
        ],
        figures=[
            Figure(
                kind="histogram",
                title="Loss of members and others",
                description="The more the two differ, the more an attacker can tell.",
                data={
                    "edges": edges,
                    "series": [
                        {"name": "training rows", "counts": [310, 220, 130, 90, 50, 40, 20, 12, 8, 5, 3, 2]},
                        {"name": "held-out rows", "counts": [290, 215, 140, 95, 60, 41, 22, 14, 6, 4, 2, 1]},
                    ],
                    "x_label": "loss (nats)",
                    "y_label": "rows",
                },
            ),
            Figure(
                kind="line",
                title="Attack ROC at low false positive rates",
                description="On a logarithmic axis; the dashed line is guessing.",
                data={
                    "series": [
                        {"name": "loss threshold", "x": rates, "y": [min(1.0, rate**0.93) for rate in rates]},
                        {"name": "label only", "x": rates, "y": [min(1.0, rate * 1.02) for rate in rates]},
                    ],
                    "x_label": "false positive rate",
                    "y_label": "true positive rate",
                    "diagonal": True,
                    "x_log": True,
                },
            ),
        ],
    )


def run_header() -> dict[str, object]:
    info = DataInfo(
        name="diabetes",
        modality="tabular",
        target=Target(name="progression", kind="binary", classes=("below", "above"), favourable="above"),
        input_shape=(10,),
        features=(
            Feature(name="age", kind="numeric", columns=(0,), immutable=True),
            Feature(name=HOSTILE, kind="categorical", columns=(1, 2), categories=("1", "2")),
        ),
        sensitive=(
            Sensitive(name="sex", levels=tuple(GROUPS), seen_by_model=True),
            Sensitive(name="age_group", levels=("under 50", "50 and over")),
        ),
        rows={"train": 3100, "validate": 440, "test": 890},
        source="Efron, Hastie, Johnstone & Tibshirani (2004), Least Angle Regression",
        licence="BSD-3-Clause",
    )
    return {
        "id": "20260312-140500-1f2e3d",
        "name": f"diabetes {HOSTILE}",
        "created": "2026-03-12T14:05:00+00:00",
        "glasshouse_version": "0.1.0",
        "command": ["glasshouse", "run", "--config", "run.yaml"],
        "seed": 42,
        "config": {
            "evaluate_on": "test",
            "policy": "default",
            "small_group_limit": 10,
            "model": {"class_path": "mlp", "init_args": {"hidden": [64, 64]}},
            "audits": ["performance", {"name": "feature_attribution", "rows": 200}],
        },
        "provenance": {
            "python": "3.11.9",
            "versions": {"torch": "2.13.0", "numpy": "2.4.6"},
            "plugins": ["glasshouse-audits==0.1.0", "glasshouse-plugins==0.1.0"],
            "git": None,
            "hardware": {"platform": "Linux", "cores": 2, "accelerators": []},
            "data_fingerprint": "sha256:" + "0f" * 32,
        },
        "data": info.to_dict(),
        "model": {"name": "mlp", "parameters": 4930},
    }


def sample_record() -> Record:
    """The whole record, judged by the default policy."""
    results = [
        performance(),
        fairness(),
        feature_attribution(),
        membership_inference(),
        AuditResult(
            name="noise_robustness",
            family="robustness",
            status="error",
            reason=f"RuntimeError: shapes differ {HOSTILE}",
        ),
        AuditResult(
            name="energy", family="efficiency", status="skipped", reason="needs pip install glasshouse-audits[energy]"
        ),
    ]
    section = Section(
        title="Notes of the ward",
        text="Written by a plugin.",
        tables=(
            Table(
                title="Visits",
                columns=(Column(name="ward"), Column(name="visits"), Column(name="share", format=".1%")),
                rows=(("A", 120, 0.9997), ("B", 3, 0.0003), ("C", 0, None)),
                count_column="visits",
            ),
        ),
    )
    findings, _ = judge(results, load_policy("default"), target_kind="binary")
    return build_record(run_header(), results, findings, [section])
