"""Models, data sets, optimizers and schedules of glasshouse; one plugin a file."""
