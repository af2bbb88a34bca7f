"""What an exception says, of any length and also where its text cannot be made."""

from __future__ import annotations

import traceback

LONGEST = 1000
"""Characters of an exception's text that are kept."""

LONGEST_LINE, LONGEST_TRACEBACK = 1_000, 100_000
"""Characters of a line, and of a whole traceback; the search for secrets takes long on long lines."""


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
    """The exception's traceback, each line and the whole cut in the middle."""
    lines = "".join(traceback.format_exception(error)).split("\n")
    return shortened("\n".join(shortened(line, LONGEST_LINE) for line in lines), LONGEST_TRACEBACK)


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning and end with the number of characters left out."""
    if len(text) <= longest:
        return text
    head = longest * 2 // 3
    tail = longest - head
    return f"{text[:head]} [... {len(text) - longest:,} characters left out ...] {text[-tail:]}"
