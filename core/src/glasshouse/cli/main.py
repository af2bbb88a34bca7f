"""The entry point of the command line; it dispatches on the command with the standard library only.

Only the command's module is imported, so that ``--help``, ``plugins list``, ``runs`` and ``report`` start without
torch. Exit codes: 0 success, 1 a policy fails and the command is a gate, 2 invalid input, 3 an audit ended in error, or
a gate without a result, 70 a bug (distinct from every verdict), 130 interrupted, 141 broken pipe.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from glasshouse._version import __version__
from glasshouse.cli.gate_process import NO_RESULT, in_child_process, is_gate
from glasshouse.config.global_options import COMMANDS, OPTIONS, TRAINING, split_options
from glasshouse.errors import UserError, did_you_mean, fault_lines
from glasshouse.system.distributed import is_rank_zero

if TYPE_CHECKING:
    from glasshouse.plugins.lock.lock_file import LockGate

DEFECT, INTERRUPTED, BROKEN_PIPE = 70, 130, 141


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; without `argv`, that of this process, in a child if it is a gate."""
    if argv is not None:
        return _run(argv)
    given = sys.argv[1:]
    if is_gate(given) and is_rank_zero():
        return in_child_process(lambda: _run(given))
    return _run(given)


def _run(argv: list[str]) -> int:
    debug = False
    try:
        rest, debug, values = split_options(argv)
        apply_global_options(values)
        code = _dispatch(rest)
        sys.stdout.flush()  # raises BrokenPipeError here, not at interpreter shutdown
        return code
    except UserError as error:
        if debug:
            _print_traceback()
        # problems often quote other libraries, whose messages have several lines
        print(f"error: {error.who}: {' '.join(error.problem.split())}", file=sys.stderr)
        for line in fault_lines(error.faults):
            print(f"  {line}", file=sys.stderr)
        if error.remedy:
            print(f"       {error.remedy}", file=sys.stderr)
        return error.exit_code
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
        if code in (0, 1) and _has_a_result(argv) and not _asks_for_help(argv):
            print(f"error: glasshouse: sys.exit({done.code!r}) was called before there was a result.", file=sys.stderr)
            return NO_RESULT if is_gate(argv) else UserError.exit_code
        return code  # of argparse, after --help or a usage error, or of a plugin's command
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # the interpreter would try to flush the rest of the buffer at shutdown
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except BaseException:
        _print_traceback()
        print("error: this is a bug of glasshouse or of a plugin, not an error in your input.", file=sys.stderr)
        return DEFECT


def _has_a_result(argv: list[str]) -> bool:
    """Whether the command is one of ours that ends with a result, and never by `sys.exit`."""
    return any(word in TRAINING or word in ("audit", "check") for word in argv[:1])


def _asks_for_help(argv: list[str]) -> bool:
    return any(word.startswith(("-h", "--help", "--print_config")) or ".help" in word for word in argv)


def apply_global_options(values: dict[str, list[str]]) -> None:
    """Set up plugins and allowed packages; imports nothing if none of these options is given."""
    if values["--plugin"] or values["--no-plugin"] or values["--only-locked"]:
        from pathlib import Path

        from glasshouse.plugins import Registry, set_registry

        files = [Path(file) for file in values["--plugin"]]
        gate = _gate(values["--only-locked"])
        set_registry(Registry.from_environment(blocked=values["--no-plugin"], files=files, gate=gate))
    if values["--allow"]:
        from glasshouse.config.allowed_packages import allow

        allow(values["--allow"])


def _gate(locks: list[str]) -> LockGate | None:
    if not locks:
        return None
    from pathlib import Path

    from glasshouse.plugins.lock.lock_file import LockGate, read_lock

    if len(locks) > 1:
        raise UserError("--only-locked", f"expected once, received {', '.join(locks)}.")
    path = Path(locks[0])
    return LockGate(lock=read_lock(path), path=path)


def _dispatch(argv: list[str]) -> int:
    word, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if word in ("--help", "-h"):
        print(_help())
        return 0
    if word == "--version":
        print(f"glasshouse {__version__}")
        return 0
    if word.startswith("-"):
        raise UserError("glasshouse", f"expected a command first, received '{word}'.", "See `glasshouse --help`.")
    if word not in TRAINING and word not in COMMANDS:
        return _plugin_command(word, rest)
    if word in TRAINING or word == "audit":
        _announce_start()
    if any("://" in argument for argument in rest):
        from glasshouse.run_folder.mirror import downloaded_arguments

        with downloaded_arguments(word, rest) as local:
            return _known_command(word, local)
    return _known_command(word, rest)


def _known_command(word: str, rest: list[str]) -> int:
    if word in TRAINING:
        return int(importlib.import_module("glasshouse.cli.training_commands").main(word, rest))
    return int(importlib.import_module(f"glasshouse.cli.commands.{word}").main(rest))


def _plugin_command(word: str, rest: list[str]) -> int:
    from glasshouse.plugins import registry

    if not registry().candidates("command", word):
        words = {*TRAINING, *COMMANDS, *(command.name for command in registry().components("command"))}
        remedy = did_you_mean(word, words, most=len(words)) + registry().broken_notice
        raise UserError("glasshouse", f"there is no command '{word}'.", remedy)
    command = registry().load(registry().find("command", word))
    _announce_start()
    return int(command(rest) or 0)


def _announce_start() -> None:
    from glasshouse.plugins import registry

    registry().call("glasshouse_startup")


def _help() -> str:
    from glasshouse.plugins import registry

    lines = [
        "usage: glasshouse COMMAND [OPTIONS]",
        "",
        "Train a model, look through it, act on what is seen.",
        "",
        "train and audit (with all options of LightningCLI; see `glasshouse run --help`)",
        *_entries(TRAINING),
        "",
        "runs, reports and plugins",
        *_entries(COMMANDS),
    ]
    from_plugins = {command.name: command.plugin.summary for command in registry().components("command")}
    if from_plugins:
        lines += ["", "commands of plugins", *_entries(from_plugins)]
    lines += ["", "options of every command", *_entries(OPTIONS)]
    lines += _entries({"--version": "show the version", "-h, --help": "show this page, or a command's own"})
    return "\n".join(lines)


def _entries(entries: dict[str, str]) -> list[str]:
    return [f"  {name:<18} {summary}" for name, summary in entries.items()]


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


if __name__ == "__main__":
    sys.exit(main())
