"""Checks of optimizers, learning-rate schedules and techniques."""
