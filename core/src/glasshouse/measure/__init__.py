"""Choosing audits, running them, and keeping their results."""
