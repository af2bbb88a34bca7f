"""Checks of report formats."""
