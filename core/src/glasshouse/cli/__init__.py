"""The command line."""

from glasshouse._moved import moved_name


def __getattr__(name: str) -> object:
    return moved_name(__name__, name)
