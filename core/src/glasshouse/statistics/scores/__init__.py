"""Statistics of scores: ROC curves, calibration, exposure in rankings, and mergeable histograms."""
