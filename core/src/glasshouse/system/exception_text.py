"""What an exception says, of any length and also where its text cannot be made."""

from __future__ import annotations

import traceback

LONGEST = 1000
"""Characters of an exception's text that are kept."""

LONGEST_TRACEBACK = 100_000


def text_of(error: BaseException) -> str:
    """The exception's text, cut to `LONGEST` characters; where `str` fails, what failed."""
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:
        return f"(its text cannot be shown: str() raised {type(failure).__name__})"
    return shortened(text, LONGEST)


def traceback_of(error: BaseException) -> str:
    """The exception's traceback, cut in the middle to `LONGEST_TRACEBACK` characters."""
    return shortened("".join(traceback.format_exception(error)), LONGEST_TRACEBACK)


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning and end with the number of characters left out."""
    if len(text) <= longest:
        return text
    head = longest * 2 // 3
    tail = longest - head
    return f"{text[:head]} [... {len(text) - longest:,} characters left out ...] {text[-tail:]}"
