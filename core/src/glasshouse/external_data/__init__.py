"""Data of projects that know nothing of glasshouse: loaders, side files with attributes, what batches show."""
