"""Attributions to the features of a table: the `feature_attribution` audit."""
