"""Lock files: which plugins a run may load, with versions and file hashes."""

from glasshouse._moved import moved_name


def __getattr__(name: str) -> object:
    return moved_name(__name__, name)
