"""The `feature_effects` audit: permutation importance, effect curves, interactions and a surrogate tree."""

from __future__ import annotations

import numpy as np
from glasshouse import AuditResult, Evidence

from glasshouse_audits.effects.parts import add_effects, add_importance, add_interactions, add_surrogate
from glasshouse_audits.effects.study import PartialResult, draw_study
from glasshouse_audits.option_checks import whole_number

_WHO = "audit 'feature_effects'"


class FeatureEffectsAudit:
    """How the model's output depends on its features over the whole evaluated split.

    Permutation importance of every feature; for the most important ones partial dependence, individual curves (ICE),
    accumulated local effects and pairwise Shapley interactions; and a small surrogate tree with its fidelity. The
    output is the probability of the favourable class (without one: of the classes predicted most often), or the
    predicted value. Columns that encode one feature move together.

    Args:
        rows: number of rows to use, drawn with the run's seed.
        background: number of training rows that represent "the feature is unknown" in interactions.
        features: number of the most important features with curves and interactions.
        repeats: number of permutations of each feature's values among the rows.
    """

    def __init__(self, *, rows: int = 5000, background: int = 100, features: int = 5, repeats: int = 5) -> None:
        self.rows = whole_number(_WHO, "rows", rows, minimum=1)
        self.background = whole_number(_WHO, "background", background, minimum=1)
        self.features = whole_number(_WHO, "features", features, minimum=1)
        self.repeats = whole_number(_WHO, "repeats", repeats, minimum=1)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure on a sample of the evaluated split.

        Raises:
            UserError: if inputs or outputs are not finite.
        """
        rng = np.random.default_rng(evidence.seed)
        study, whole = draw_study(evidence, self.rows, rng)
        found = PartialResult()
        found.notes.append(
            f"Measured on {len(study.x):,} of {whole:,} rows of the {study.split} split, drawn with seed "
            f"{evidence.seed}. Intervals are over rows; the model and the order of features are treated as fixed."
        )
        if evidence.evaluated.weights is not None or evidence.evaluated.clusters is not None:
            found.notes.append(
                "This audit ignores the weights and clusters of rows: each row counts once and as independent."
            )
        strength = add_importance(study, self.repeats, rng, found)
        strongest = [k for k in np.argsort(-strength, kind="stable")[: self.features].tolist() if strength[k] > 0]
        if strongest:
            add_interactions(study, [study.features[k] for k in strongest], self.background, rng, found)
            add_effects(study, [study.features[k] for k in strongest], rng, found)
        else:
            found.notes.append("No feature moves the output: there are no curves or interactions to show.")
        add_surrogate(study, found)
        return AuditResult(
            name="feature_effects",
            family="explainability",
            parameters=vars(self).copy(),
            measurements=found.measurements,
            tables=found.tables,
            figures=found.figures,
            notes=found.notes,
        )
