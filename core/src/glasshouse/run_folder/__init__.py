"""A run's folder: its path and lock, its manifest and provenance, its remote mirror."""
