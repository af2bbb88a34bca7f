"""A parser's complaint as prose: jsonargparse reports every type that it tried, a person wants to know what to write.

Pure text: what is read here are the messages of jsonargparse 4 and argparse. What is not recognised is passed on
without the parser's scaffolding, so that a new wording of theirs costs style and no information.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from glasshouse.config.short_names import KINDS
from glasshouse.errors import UserError, did_you_mean

_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list",
    "tuple": "a list",
    "Sequence": "a list",
    "Iterable": "a list",
    "set": "a list",
    "dict": "a mapping",
    "Mapping": "a mapping",
    "timedelta": "a time span",
}
_BASES = {
    "model": "torch.nn.Module",
    "data": "pytorch_lightning.LightningDataModule",
    "optimizer": "torch.optim.Optimizer",
    "lr_scheduler": "torch.optim.lr_scheduler.LRScheduler",
}
"""What an option belongs to as long as nothing is chosen."""
_LONGEST = 80
_SCAFFOLDING = (
    "Does not validate",
    "Subtypes:",
    "Errors:",
    "Given value type:",
    "Expected a path but",
    "Validation failed",
)


@dataclass(kw_only=True)
class Complaint:
    """What a message is about."""

    path: list[str] = field(default_factory=list)
    """The key, with `init_args` where a class comes between."""
    class_path: str | None = None
    """The innermost class whose options were read."""
    lines: list[str] = field(default_factory=list)
    """What was said about them, innermost and first alternative only."""

    @property
    def key(self) -> str:
        """The key as a file would have it, dotted."""
        return ".".join(self.path)

    @property
    def text(self) -> str:
        """What was said, in one line."""
        return " ".join(self.lines)


def read_complaint(message: str) -> Complaint:
    """Follow a message to its innermost part.

    Of several types that were tried, the one whose class could be found is meant; the others only say that a class of
    theirs was not given.
    """
    found = Complaint()
    lines = [line for line in message.splitlines() if line.strip()]
    position = 0
    while position < len(lines):
        line = lines[position].strip().removeprefix("- ")
        if key := re.match(r'(?:Parser key|Key|Option) "([^"]+)":?(.*)', line):
            if found.class_path is not None and (not found.path or found.path[-1] != "init_args"):
                found.path.append("init_args")
            found.path += key[1].split(".")
            lines[position] = key[2]
            if key[2].strip():
                continue
        elif problem := re.match(r"Problem with given class_path '([^']+)':", line):
            if found.class_path is not None and found.path[-1] == "init_args":
                found.path.pop()
            found.class_path = problem[1]
            lines = lines[: position + 1] + _indented_below(lines, position)
            found.lines.clear()
        elif not line.startswith(_SCAFFOLDING):
            found.lines.append(line)
        position += 1
    return found


def explain(
    message: str,
    *,
    command: str,
    place: Callable[[str], str],
    options_of: Callable[[str], Sequence[str]],
    flags: Sequence[str],
    name_of: Callable[[str], str] = str,
) -> UserError:
    """A parser's message as an error of one or two lines.

    Args:
        message: what jsonargparse or argparse said.
        command: the word of the command line.
        place: where a dotted key was given, as an error names it.
        options_of: names that a class path's ``init_args`` or a group of keys accepts.
        flags: every option of the command.
        name_of: the shortest name of a class path.
    """
    found = read_complaint(message)
    remedy = _help_on(found, command, name_of)
    here = place(found.key) if found.key else f"glasshouse {command}"
    text = found.text
    if refused := re.search(r"Importing '([^']+)' is not allowed, denied by the '([^']+)' entry", text):
        return _refused(here, refused[1], refused[2])
    if unknown := re.search(r"(?:Group '([^']+)' does not accept option|Option) '([^']+)'(?: is not accepted)?", text):
        return _unknown_option(found, unknown[1] or "", unknown[2], place, options_of)
    if unrecognized := re.search(r"[Uu]nrecognized arguments: (.+)", text):
        return _unrecognized(unrecognized[1], command, flags)
    if missing := re.search(r"the following arguments are required: (.+)", text):
        if found.class_path is not None:
            return _missing_option(here, found, missing[1])
        name = missing[1].split(",")[0].strip()
        return UserError(f"glasshouse {command}", f"{missing[1]} is missing.", f"Set `{name}:` or `--{name}`.")
    if wanting := re.search(r"argument (?:-c/)?(--[\w.]+): expected one argument", text):
        return UserError(f"`{wanting[1]}`", "expected a value after it.", f"See `glasshouse {command} --help`.")
    if known := re.search(r"Multiple subclasses with name (\w+)\..*?: ((?:[\w.]+, )*[\w.]+)", text):
        return UserError(here, f"several classes are called {known[1]}.", f"Write one of {known[2].rstrip('.')}.")
    if wrong := re.search(r"Import path (?:(\S+) )?does not correspond to a subclass of (\w+)", text):
        given = wrong[1] or _received(text) or "it"
        return UserError(here, f"{given} is no {wrong[2]}.", remedy)
    if lacks := re.search(r"module '([^']+)' has no attribute '([^']+)'", text):
        return UserError(here, f"{lacks[1]} has no '{lacks[2]}'.", remedy)
    if absent := re.search(r"No module named '([^']+)'", text):
        return UserError(here, f"there is no module '{absent[1]}'.", "Check its spelling, or install what brings it.")
    types, received = _expected(text), _received(text)
    if not types and ("class_path" in text or "dot import path" in text):
        types = ["a name, a class path or a mapping with class_path"]
    return _wrong_type(here, found, types, received, remedy)


def _refused(here: str, class_path: str, entry: str) -> UserError:
    package = class_path.partition(".")[0]
    problem = f"'{class_path}' is not instantiated: configurations may only name classes of allowed packages."
    if entry != "*":
        return UserError(here, problem, f"Remove it: what comes from '{entry}' could run anything.")
    return UserError(here, problem, f"If you trust it, add `--allow {package}` or `--plugin FILE.py`.")


def _unknown_option(
    found: Complaint,
    group: str,
    option: str,
    place: Callable[[str], str],
    options_of: Callable[[str], Sequence[str]],
) -> UserError:
    prefix, _, name = f"{group}.{option}".strip(".").rpartition(".")
    owner = found.class_path or prefix
    between = ["init_args"] if found.class_path else []
    inner = [*found.path, *between, *([prefix] if prefix else []), name]
    who = place(".".join(inner))
    if found.path and _BASES.get(found.path[0]) == found.class_path:
        chosen = found.path[0]
        return UserError(
            who, f"no {chosen} is chosen that could have it.", f"Add `--{chosen} NAME` or `{chosen}: NAME`."
        )
    whose = owner.rpartition(".")[2] if found.class_path else owner
    problem = f"{whose} has no option '{name}'." if whose else "is no key of a configuration."
    return UserError(who, problem, did_you_mean(name, options_of(owner), most=16))


def _unrecognized(arguments: str, command: str, flags: Sequence[str]) -> UserError:
    given = arguments.split()[0].partition("=")[0]
    if not given.startswith("-"):
        return UserError(
            f"glasshouse {command}", f"expected options alone, received '{given}'.", "Options begin with --."
        )
    near = did_you_mean(given, flags, most=0).partition(" Known:")[0]
    remedy = near if near.startswith("Did you mean") else f"See `glasshouse {command} --help`."
    return UserError(f"`{given}`", f"is no option of `glasshouse {command}`.", remedy)


def _missing_option(here: str, found: Complaint, names: str) -> UserError:
    whose = (found.class_path or "").rpartition(".")[2]
    every = ", ".join(f"{name.strip()}: ..." for name in names.split(","))
    key = found.path[0] if found.path else ""
    return UserError(here, f"{whose} needs {names}, not given.", f"Set `{key}: {{init_args: {{{every}}}}}`.")


def _wrong_type(here: str, found: Complaint, types: Sequence[str], received: str | None, remedy: str) -> UserError:
    if not types:
        shown = re.sub(r"<class '([\w.]+)'>", r"\1", found.text)
        return UserError(here, f"{shown.rstrip('.')}.", remedy)
    wanted = " or ".join(part for part in (", ".join(types[:-1]), types[-1]) if part)
    problem = f"expected {wanted}" + (f", received {received}." if received else ".")
    name = found.path[-1] if found.path else ""
    simple = received is not None and "{" not in received
    if simple and list(types) == ["a list"]:
        remedy = f"Write `{name}: [{str(received).strip(chr(39))}]`."
    if simple and list(types) == ["text"]:
        remedy = f'Write `{name}: "{received}"`.'
    return UserError(here, problem, remedy)


def _expected(text: str) -> list[str]:
    """The types that were tried, in words; that of "nothing given" is left out."""
    names: list[str] = []
    for literal, name in re.findall(r"Expected an? (?:typing\.Literal\[([^\]]+)\]|<class '([\w.]+)'>)", text):
        if literal:
            values = [value.strip().strip("'\"") for value in literal.split(",")]
            names += [value for value in values if value not in names]
        elif word := _TYPES.get(name.rpartition(".")[2]):
            names.append(word)
    return list(dict.fromkeys(names))


def _received(text: str) -> str | None:
    given = re.search(r"(?:Got value|Given value): (.*?)(?: (?:Expected|Given|Does not)\b|$)", text)
    if given is None or "NestedArg(" in given[1]:
        return None
    value = given[1].rstrip(".") if given[1] != "." else given[1]
    shown = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."
    return shown if re.fullmatch(r"[-+\d.e]+|\[.*|\{.*|True|False|None", shown) else f"'{shown}'"


def _help_on(found: Complaint, command: str, name_of: Callable[[str], str]) -> str:
    key = found.path[0] if found.path else ""
    if key not in KINDS:
        return f"See `glasshouse {command} --help`."
    if found.class_path is not None:
        return f"See `glasshouse {command} --{key}.help {name_of(found.class_path)}`."
    return f"`glasshouse plugins list` shows every {key.replace('_', ' ')}; other classes need their full path."


def _indented_below(lines: Sequence[str], position: int) -> list[str]:
    """The lines that belong to the one at `position`: those indented further."""

    def depth(line: str) -> int:
        return len(line) - len(line.lstrip())

    below = []
    for line in lines[position + 1 :]:
        if depth(line) <= depth(lines[position]):
            break
        below.append(line)
    return below
