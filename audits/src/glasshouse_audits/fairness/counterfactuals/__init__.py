"""Sensitive attributes flipped alone, and the features that predict them."""
