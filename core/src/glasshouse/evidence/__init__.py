"""What audits receive: predictions, the model handle, and the questions that explainers answer."""

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names

if TYPE_CHECKING:
    from glasshouse.evidence.evidence import REQUIREMENTS, Audit, Evidence, chosen_inputs, tables_of
    from glasshouse.evidence.explanations import Explainer, Explanation, NotExplainableError, Question, in_batches
    from glasshouse.evidence.model_handle import ModelHandle
    from glasshouse.evidence.model_outputs import as_columns, to_scores, trained_output_kind
    from glasshouse.evidence.predictions import Groups, Predictions

__all__ = [
    "REQUIREMENTS",
    "Audit",
    "Evidence",
    "Explainer",
    "Explanation",
    "Groups",
    "ModelHandle",
    "NotExplainableError",
    "Predictions",
    "Question",
    "as_columns",
    "chosen_inputs",
    "in_batches",
    "tables_of",
    "to_scores",
    "trained_output_kind",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.evidence.evidence": ("REQUIREMENTS", "Audit", "Evidence", "chosen_inputs", "tables_of"),
        "glasshouse.evidence.explanations": (
            "Explainer",
            "Explanation",
            "NotExplainableError",
            "Question",
            "in_batches",
        ),
        "glasshouse.evidence.model_handle": ("ModelHandle",),
        "glasshouse.evidence.model_outputs": ("as_columns", "to_scores", "trained_output_kind"),
        "glasshouse.evidence.predictions": ("Groups", "Predictions"),
    },
)
