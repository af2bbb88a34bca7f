"""Numeric predictions: errors, and their sums by group."""
