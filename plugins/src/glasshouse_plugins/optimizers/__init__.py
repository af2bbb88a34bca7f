"""Optimizers, one a file, and schedules of the learning rate."""
