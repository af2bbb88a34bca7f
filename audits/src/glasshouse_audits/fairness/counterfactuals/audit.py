"""The `counterfactual_flip` audit: does a decision depend on a sensitive attribute, directly or through proxies?"""

from __future__ import annotations

import numpy as np
from glasshouse import AuditResult, Evidence, Figure, Measurement, Table

from glasshouse_audits.fairness import feature_codes
from glasshouse_audits.fairness.counterfactuals import report
from glasshouse_audits.fairness.counterfactuals.flips import flip_attribute
from glasshouse_audits.fairness.counterfactuals.proxies import proxy_strength
from glasshouse_audits.option_checks import whole_number


class CounterfactualFlipAudit:
    """Share of decisions that change when a sensitive attribute alone is flipped, and which features predict it.

    Args:
        rows: most rows used to measure how well features predict an attribute; a random sample of larger splits.
    """

    def __init__(self, *, rows: int = 5000) -> None:
        self.rows = whole_number("audit 'counterfactual_flip'", "rows", rows, minimum=50)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Flip every attribute that is a model input; measure how well the other features predict each attribute."""
        assert evidence.inputs is not None
        predictions = evidence.evaluated
        x = np.asarray(evidence.inputs(evidence.evaluate_on), dtype=np.float32)
        features = evidence.info.features
        measurements: list[Measurement] = []
        tables: list[Table] = []
        figures: list[Figure] = []
        notes = [
            "A flip changes the attribute in the model's input and leaves every other feature as it is, including "
            "those that the attribute influences. It shows direct use of the attribute. It is not a causal "
            "counterfactual, and an unchanged decision does not mean that the attribute has no influence.",
            "How well features predict an attribute is measured on held-out rows with simple predictors, so it is a "
            "lower bound; below 0.5 the predictor learned noise. That a feature predicts an attribute does not mean "
            "that the model uses it as a proxy.",
        ]
        for attribute in predictions.groups.values():
            own = feature_codes.feature_of_attribute(attribute, features, x)
            if own is None:
                notes.append(f"{attribute.name} is not an input of the model: nothing to flip.")
            else:
                flipped = flip_attribute(evidence, attribute, own, x)
                measurements += report.flip_measurements(flipped, predictions)
                if len(attribute.levels) <= report.MAX_LEVELS:
                    tables.append(report.flip_table(flipped, predictions))
                if own.kind == "numeric":
                    notes.append(
                        f"{attribute.name} is flipped by setting {own.name} to its median in the other level's rows."
                    )
            others = [feature for feature in features if feature != own]
            strength = proxy_strength(attribute, others, x, rows=self.rows, seed=evidence.seed)
            measurements += report.proxy_measurements(attribute, strength, predictions.split)
            figures += report.proxy_figure(attribute, strength, None if own is None else own.name)
        return AuditResult(
            name="counterfactual_flip",
            family="fairness",
            parameters={"rows": self.rows},
            measurements=measurements,
            tables=tables,
            figures=figures,
            notes=notes,
        )
