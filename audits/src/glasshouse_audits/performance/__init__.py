"""How well a model does overall: metrics with intervals, confusion matrix, calibration, ROC."""
