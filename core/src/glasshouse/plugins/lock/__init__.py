"""The lock file: which plugins a run may load, and where each comes from."""
