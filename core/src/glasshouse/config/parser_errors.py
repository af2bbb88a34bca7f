"""jsonargparse's message as an error of one or two lines, for what the checks before the parser leave to it.

`validation` and `class_checks` refuse unknown names, missing options and values of plain types. They leave to the
parser: types that are not plain (a path, a range of numbers, a mapping with typed values, a union with a class),
abstract classes, and keywords that a class passes on in ways that its source does not show. jsonargparse reports all of
these as text alone, with every type that it tried. Of that text the key and the innermost lines are kept, and nothing
is decided by its wording: another version of jsonargparse can cost style, never information.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from glasshouse.errors import UserError

_SCAFFOLDING = (
    "Does not validate",
    "Subtypes:",
    "Errors:",
    "Given value type:",
    "Expected a path but",
    "Validation failed",
)
_LONGEST = 300


def as_user_error(message: str, *, command: str, place: Callable[[str], str]) -> UserError:
    """A parser's message without its scaffolding.

    Args:
        message: of jsonargparse or argparse.
        command: the word of the command line.
        place: where a dotted key was set, as an error names it.
    """
    key, text = innermost(message)
    plain = re.sub(r"<class '([\w.]+)'>", r"\1", text)
    plain = re.sub(r"NestedArg\(key='[^']*', val=(.*?)\)|Namespace\((.*?)\)", r"\1\2", plain)
    shown = plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}..."
    who = place(key) if key else f"glasshouse {command}"
    return UserError(who, f"{shown.rstrip('.')}.", f"See `glasshouse {command} --help`.")


def innermost(message: str) -> tuple[str, str]:
    """The key that a message is about, dotted as in a file, and what it says of it in one line.

    Messages are nested by indentation: a key, the class whose options were read, a key of it, and so on.
    """
    path: list[str] = []
    inside_class = False
    text: list[str] = []
    lines = [line.strip().removeprefix("- ") for line in message.splitlines() if line.strip()]
    for line in lines:
        if match := re.match(r'(?:Parser key|Key|Option) "([^"]+)":?\s*(.*)', line):
            if inside_class and path[-1:] != ["init_args"]:
                path.append("init_args")
            path += match[1].split(".")
            inside_class = False
            text = [match[2]] if match[2] else []
        elif line.startswith("Problem with given class_path"):
            inside_class = True
            text = []
        elif not line.startswith(_SCAFFOLDING):
            text.append(line)
    return ".".join(path), " ".join(text)
