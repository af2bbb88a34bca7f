"""The old name of `glasshouse_audits.explain.shapley`; it goes in glasshouse 0.3."""

from __future__ import annotations

import warnings

from glasshouse import PluginWarning

from glasshouse_audits.explain.shapley import ShapleyValues, shapley_values

__all__ = ["ShapleyValues", "shapley_values"]

_MESSAGE = "glasshouse_audits.shapley is now glasshouse_audits.explain.shapley; the old name goes in glasshouse 0.3."
warnings.warn(PluginWarning(_MESSAGE), stacklevel=2)
