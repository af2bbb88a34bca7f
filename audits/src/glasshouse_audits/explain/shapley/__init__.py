"""Fast Shapley values: KernelSHAP, permutation SHAP and enumeration for batches on torch."""

from glasshouse_audits.explain.shapley.values import ShapleyValues, shapley_values

__all__ = ["ShapleyValues", "shapley_values"]
