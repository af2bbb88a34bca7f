"""The families of audits; apart from the dataclasses of measurements, so that listing plugins does not build those."""

FAMILIES = ("performance", "explainability", "fairness", "privacy", "robustness", "data", "efficiency")
"""In the order of a report."""
