"""Fast Shapley values in torch: KernelSHAP, permutation SHAP and enumeration, for batches of rows."""

from glasshouse_audits.explain.shapley.values import ShapleyValues, shapley_values

__all__ = ["ShapleyValues", "shapley_values"]
