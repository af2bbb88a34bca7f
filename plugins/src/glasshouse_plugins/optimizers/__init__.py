"""Optimizers, one per file, and learning-rate schedules."""
