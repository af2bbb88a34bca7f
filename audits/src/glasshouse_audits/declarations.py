"""What this distribution brings; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator

from glasshouse import AuditPlugin, hookimpl


@hookimpl
def glasshouse_audits() -> Iterator[AuditPlugin]:
    yield AuditPlugin(
        name="performance",
        target="glasshouse_audits.performance.audit:PerformanceAudit",
        summary="how well the model does overall, with intervals, confusion matrix and calibration",
        family="performance",
        targets=("binary", "multiclass", "regression"),
        requires=("tables", "targets"),
    )
    yield AuditPlugin(
        name="fairness",
        target="glasshouse_audits.fairness.audit:FairnessAudit",
        summary="rates, scores and errors by group and intersection, and the gaps between groups",
        family="fairness",
        requires=("tables", "sensitive"),
    )
    yield AuditPlugin(
        name="fairness_what_if",
        target="glasshouse_audits.fairness.what_if_audit:FairnessWhatIfAudit",
        summary="what other thresholds, for all or for each group, would do to accuracy and to the gaps",
        family="fairness",
        targets=("binary",),
        requires=("targets", "sensitive"),
        uses=("validate_predictions",),
    )
    yield AuditPlugin(
        name="subgroups",
        target="glasshouse_audits.fairness.subgroup_audit:SubgroupsAudit",
        summary="the subgroups where the model is worst, found on some rows and confirmed on others",
        family="fairness",
        targets=("binary", "multiclass", "regression"),
        requires=("targets",),
        uses=("validate_predictions",),
    )
    yield AuditPlugin(
        name="counterfactual_flip",
        target="glasshouse_audits.fairness.counterfactual_audit:CounterfactualFlipAudit",
        summary="decisions that change when a sensitive attribute alone is flipped, and the features that tell it",
        family="fairness",
        modalities=("tabular",),
        targets=("binary", "multiclass", "regression"),
        requires=("sensitive", "model", "inputs", "features"),
    )
    yield AuditPlugin(
        name="feature_attribution",
        target="glasshouse_audits.explain.audit:FeatureAttributionAudit",
        summary="which features move the model's output: SHAP values and integrated gradients",
        family="explainability",
        modalities=("tabular",),
        targets=("binary", "multiclass", "regression"),
        requires=("model", "inputs", "features"),
    )
    yield AuditPlugin(
        name="membership_inference",
        target="glasshouse_audits.privacy.audit:MembershipInferenceAudit",
        summary="can the model's loss tell who was in the training data?",
        family="privacy",
        requires=("targets", "losses", "train_predictions"),
    )
