"""Dependence of a model's output on its features: importance, effect curves, interactions and a surrogate tree."""
