"""The version of this distribution, apart so that every room can import it."""

__version__ = "0.1.0"
