"""``glasshouse plugins ACTION``: parse the arguments of an action and call its module."""

from __future__ import annotations

import argparse
from pathlib import Path

from glasshouse.plugins import KINDS


def main(argv: list[str]) -> int:
    """Run one action and return its exit code; only its module is imported."""
    options = _parser().parse_args(argv)
    if options.action == "list":
        from glasshouse.cli.commands.list_plugins import list_plugins

        return list_plugins(options.kind, as_json=options.json)
    if options.action == "show":
        from glasshouse.cli.commands.show_plugin import show_plugin

        return show_plugin(options.name, as_json=options.json)
    if options.action == "new":
        from glasshouse.cli.commands.new import new

        return new(options.name, options.kind, minimal=options.minimal, into=options.into)
    if options.action == "check":
        from glasshouse.cli.commands.check_plugins import check_plugins

        return check_plugins(options.given, options=options.options, as_json=options.json)
    if options.action == "lock":
        from glasshouse.cli.commands.lock import write_lock

        return write_lock(options.out)
    from glasshouse.cli.commands.doctor import doctor

    return doctor(as_json=options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="glasshouse plugins", description="List, show, create, check, lock and diagnose plugins."
    )
    words = "list | show NAME | new NAME | check PATH|NAME | lock | doctor"
    actions = parser.add_subparsers(dest="action", required=True, metavar=words, prog=parser.prog)
    listing = actions.add_parser("list", help="all components")
    listing.add_argument("--kind", choices=KINDS, help="only this kind")
    showing = actions.add_parser("show", help="options, capabilities and origin of one component")
    showing.add_argument("name", metavar="NAME", help="a short name, an alias or distribution/name")
    _add_new(actions.add_parser("new", help="create a distribution with a working component and tests"))
    trying = actions.add_parser(
        "check", help="run the conformance checks of a component's kind", description="Exit code 1 if a check fails."
    )
    trying.add_argument(
        "given", metavar="PATH|NAME", help="a Python file, a distribution's folder, a distribution or a component"
    )
    trying.add_argument("--options", metavar="YAML", help="options of the component, e.g. '{path: people.csv}'")
    locking = actions.add_parser(
        "lock", help="versions and file hashes of installed plugins, for --only-locked", description="Writes JSON."
    )
    locking.add_argument("--out", type=Path, metavar="FILE", help="write to this file instead of stdout")
    checking = actions.add_parser(
        "doctor", help="find problems of plugins and their fixes", description="Exit code 1 if something does not work."
    )
    for action in (listing, showing, trying, checking):
        action.add_argument("--json", action="store_true", help="write JSON")
    return parser


def _add_new(parser: argparse.ArgumentParser) -> None:
    from glasshouse.cli.scaffold.kinds import KINDS as TEMPLATES

    parser.description = (
        "Write a distribution with one working component, its tests and everything needed to publish it."
    )
    parser.add_argument(
        "name", metavar="NAME", help="the distribution's name, from which the component's name is derived"
    )
    parser.add_argument("--kind", required=True, choices=tuple(TEMPLATES), help="the kind of its component")
    parser.add_argument("--minimal", action="store_true", help="only a declaration, a component and pyproject.toml")
    parser.add_argument("--into", default=".", metavar="DIR", help="the parent folder; default: the working directory")
