"""Checks of audits."""
