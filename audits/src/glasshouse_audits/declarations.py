"""Declarations of the audits and explainers of this distribution; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from glasshouse import AuditPlugin, ExplainerPlugin, hookimpl

from glasshouse_audits import measurement_names as names

if TYPE_CHECKING:
    from glasshouse import Section

glasshouse_spec = "1.0"


@hookimpl
def glasshouse_audits() -> Iterator[AuditPlugin]:
    yield AuditPlugin(
        name="performance",
        measurements=names.PERFORMANCE,
        target="glasshouse_audits.performance.audit:PerformanceAudit",
        summary="overall performance metrics with intervals, confusion matrix and calibration",
        family="performance",
        targets=("binary", "multiclass", "regression"),
        requires=("tables", "targets"),
        uses=("train_predictions",),
    )
    yield AuditPlugin(
        name="fairness",
        measurements=names.FAIRNESS,
        target="glasshouse_audits.fairness.groups.audit:FairnessAudit",
        summary="rates, scores and errors by group and intersection, and the gaps between groups",
        family="fairness",
        requires=("tables", "sensitive"),
    )
    yield AuditPlugin(
        name="exposure",
        target="glasshouse_audits.fairness.exposure.audit:ExposureAudit",
        summary="exposure of groups in rankings, and ranking quality (NDCG) by group",
        family="fairness",
        targets=("binary", "regression"),
        requires=("clusters", "sensitive"),
        uses=("targets",),
    )
    yield AuditPlugin(
        name="fairness_what_if",
        measurements=names.FAIRNESS_WHAT_IF,
        target="glasshouse_audits.fairness.thresholds.audit:FairnessWhatIfAudit",
        summary="accuracy and gaps at other thresholds, for all rows or for each group",
        family="fairness",
        targets=("binary",),
        requires=("targets", "sensitive"),
        uses=("validate_predictions",),
    )
    yield AuditPlugin(
        name="subgroups",
        target="glasshouse_audits.fairness.subgroups.audit:SubgroupsAudit",
        summary="subgroups with the worst performance, found on some rows and tested on others",
        family="fairness",
        targets=("binary", "multiclass", "regression"),
        requires=("targets",),
        uses=("validate_predictions", "inputs", "features"),
    )
    yield AuditPlugin(
        name="counterfactual_flip",
        target="glasshouse_audits.fairness.counterfactuals.audit:CounterfactualFlipAudit",
        summary="decisions that change when a sensitive attribute is flipped, and features that predict it",
        family="fairness",
        modalities=("tabular",),
        targets=("binary", "multiclass", "regression"),
        requires=("sensitive", "model", "inputs", "features"),
    )
    yield AuditPlugin(
        name="feature_attribution",
        target="glasshouse_audits.explain.features.audit:FeatureAttributionAudit",
        summary="feature attributions overall and by group, with checks of the explanations",
        family="explainability",
        modalities=("tabular",),
        targets=("binary", "multiclass", "regression"),
        requires=("model", "inputs", "features"),
        shares_work=True,
    )
    yield AuditPlugin(
        name="feature_effects",
        target="glasshouse_audits.effects.audit:FeatureEffectsAudit",
        summary="permutation importance, effect curves, interactions, and a surrogate tree",
        family="explainability",
        modalities=("tabular",),
        targets=("binary", "multiclass", "regression"),
        requires=("model", "inputs", "features"),
    )
    yield AuditPlugin(
        name="image_attribution",
        target="glasshouse_audits.explain.attribution.image_audit:ImageAttributionAudit",
        summary="attributions of predictions to pixels (integrated gradients, Grad-CAM), with checks",
        family="explainability",
        modalities=("image",),
        targets=("binary", "multiclass", "regression"),
        requires=("model", "inputs", "gradients"),
    )
    yield AuditPlugin(
        name="text_attribution",
        target="glasshouse_audits.explain.attribution.text_audit:TextAttributionAudit",
        summary="attributions of predictions to words (integrated gradients on embeddings), with checks",
        family="explainability",
        modalities=("text",),
        targets=("binary", "multiclass", "regression"),
        requires=("model", "inputs", "embed"),
    )
    yield AuditPlugin(
        name="language_model",
        target="glasshouse_audits.language.audit:LanguageModelAudit",
        summary="perplexity overall and by group, and whether generated texts copy training texts",
        family="performance",
        modalities=("text",),
        requires=("model", "inputs", "token_losses"),
    )
    yield AuditPlugin(
        name="membership_inference",
        measurements=names.MEMBERSHIP_INFERENCE,
        target="glasshouse_audits.privacy.audit:MembershipInferenceAudit",
        summary="whether the model's loss reveals which rows were in the training data",
        family="privacy",
        requires=("losses", "train_predictions"),
    )
    yield AuditPlugin(
        name="generated_samples",
        target="glasshouse_audits.generation.samples_audit:GeneratedSamplesAudit",
        summary="generated samples, and how far their distribution is from held-out rows",
        family="performance",
        modalities=("tabular", "image"),
        requires=("generate", "inputs"),
        uses=("train_predictions",),
    )
    yield AuditPlugin(
        name="memorisation",
        target="glasshouse_audits.generation.memorisation_audit:MemorisationAudit",
        summary="whether generated examples are copies of training rows",
        family="privacy",
        modalities=("tabular", "image"),
        requires=("generate", "inputs", "train_predictions"),
    )


@hookimpl
def glasshouse_explainers() -> Iterator[ExplainerPlugin]:
    methods = "glasshouse_audits.explain.methods"
    yield ExplainerPlugin(
        name="shapley",
        title="Shapley values",
        target=f"{methods}.shapley:Shapley",
        summary="Shapley values, exact if the budget allows, else sampled with a standard error",
        requires=("features",),
    )
    yield ExplainerPlugin(
        name="integrated_gradients",
        title="Integrated gradients",
        target=f"{methods}.integrated_gradients:IntegratedGradients",
        summary="gradients along the line from the mean background row, with more steps until values add up",
        modalities=("tabular", "image"),
        requires=("gradients",),
    )
    yield ExplainerPlugin(
        name="deep_lift",
        title="DeepLIFT",
        target=f"{methods}.deep_lift:DeepLift",
        summary="DeepLIFT (rescale rule) from the mean background row, for supported modules",
        modalities=("tabular", "image"),
        requires=("gradients", "module"),
    )
    yield ExplainerPlugin(
        name="deep_lift_shap",
        title="DeepLIFT SHAP",
        target=f"{methods}.deep_lift:DeepLiftShap",
        summary="DeepLIFT averaged over the background rows: approximate Shapley values",
        modalities=("tabular", "image"),
        requires=("gradients", "module"),
    )
    yield ExplainerPlugin(
        name="gradient_shap",
        title="Expected gradients",
        target=f"{methods}.gradients:GradientShap",
        summary="integrated gradients averaged over baselines from the background, sampled",
        modalities=("tabular", "image"),
        requires=("gradients",),
    )
    yield ExplainerPlugin(
        name="saliency",
        title="Saliency",
        target=f"{methods}.gradients:Saliency",
        summary="absolute gradient at the row",
        modalities=("tabular", "image"),
        requires=("gradients",),
    )
    yield ExplainerPlugin(
        name="input_x_gradient",
        title="Input times gradient",
        target=f"{methods}.gradients:InputXGradient",
        summary="gradient at the row times the encoded input",
        modalities=("tabular", "image"),
        requires=("gradients",),
    )
    yield ExplainerPlugin(
        name="lrp",
        title="Relevance propagation",
        target=f"{methods}.lrp:LRP",
        summary="layer-wise relevance propagation, epsilon rule",
        modalities=("tabular", "image"),
        requires=("gradients", "module"),
    )
    yield ExplainerPlugin(
        name="feature_ablation",
        title="Feature ablation",
        target=f"{methods}.perturbations:FeatureAblation",
        summary="change of the score with one feature at a time set to the mean background row",
        requires=("features",),
    )
    yield ExplainerPlugin(
        name="feature_permutation",
        title="Feature permutation",
        target=f"{methods}.perturbations:FeaturePermutation",
        summary="change of the score with one feature at a time permuted among the explained rows",
        requires=("features",),
    )
    yield ExplainerPlugin(
        name="lime",
        title="LIME",
        target=f"{methods}.perturbations:Lime",
        summary="coefficients of a local linear model near each row",
        requires=("features",),
    )
    yield ExplainerPlugin(
        name="shap_gradient",
        title="SHAP GradientExplainer",
        target=f"{methods}.shap_gradient:ShapGradient",
        summary="expected gradients by the shap library",
        modalities=("tabular", "image"),
        requires=("gradients",),
    )
    yield ExplainerPlugin(
        name="shap_deep",
        title="SHAP DeepExplainer",
        target=f"{methods}.shap_deep:ShapDeep",
        summary="DeepLIFT averaged over the background by the shap library",
        modalities=("tabular", "image"),
        requires=("gradients", "module"),
    )
    yield ExplainerPlugin(
        name="shap_partition",
        title="SHAP PartitionExplainer",
        target=f"{methods}.shap_partition:ShapPartition",
        summary="Owen values over a tree of correlated features by the shap library",
        requires=("features",),
    )
    yield ExplainerPlugin(
        name="shap_sampling",
        title="SHAP SamplingExplainer",
        target=f"{methods}.shap_sampling:ShapSampling",
        summary="sampled Shapley values by the shap library",
        requires=("features",),
    )
    yield ExplainerPlugin(
        name="grad_cam",
        title="Grad-CAM",
        target=f"{methods}.grad_cam:GradCam",
        summary="image regions in which the last convolution finds evidence for a class",
        modalities=("image",),
        requires=("gradients", "module"),
    )
    yield ExplainerPlugin(
        name="embedding_integrated_gradients",
        title="Integrated gradients",
        target=f"{methods}.embedding_gradients:EmbeddingIntegratedGradients",
        summary="gradients along the line from padding to the word vectors, with more steps until values add up",
        modalities=("text",),
        requires=("embed",),
    )


@hookimpl
def glasshouse_report_sections(run: Any) -> Iterable[Section]:
    from glasshouse_audits.fairness.groups.regulation import sections

    return list(sections(run.results))
