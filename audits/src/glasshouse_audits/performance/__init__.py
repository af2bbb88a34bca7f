"""Overall performance: metrics with intervals, confusion matrix, calibration, ROC curve."""
