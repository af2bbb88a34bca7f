"""Exposure of groups in rankings."""
