"""Leakage of information about training rows by a trained model."""
