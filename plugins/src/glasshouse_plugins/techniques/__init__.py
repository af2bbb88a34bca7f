"""Techniques, one per file: Lightning callbacks that can be combined under `techniques:`."""
