"""Techniques: Lightning callbacks that compose under `techniques:`; one a file."""
