"""Group counts and what follows from them: rates, gaps, their intervals and tests."""

from glasshouse._moved import moved_name


def __getattr__(name: str) -> object:
    return moved_name(__name__, name)
