"""Other decision thresholds, and what they change in accuracy and in gaps."""
