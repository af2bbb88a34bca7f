"""The lock file: which plugins a run may load, and where each comes from."""

from glasshouse._moved import moved_name


def __getattr__(name: str) -> object:
    return moved_name(__name__, name)
