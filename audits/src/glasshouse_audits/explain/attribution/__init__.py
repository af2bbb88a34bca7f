"""Attributions of each row's own prediction to pixels and to words."""
