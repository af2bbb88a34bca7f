"""Scores of probability: ROC curves, calibration, ranking, and histograms that merge."""
