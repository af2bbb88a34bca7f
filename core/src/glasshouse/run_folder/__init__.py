"""A run's folder: where it is, what it holds, where it is mirrored."""
