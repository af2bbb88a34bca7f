"""Names and types of options compared with the signature of the class that takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glasshouse.config.declared_types import PlainType, read_type
from glasshouse.config.settings import UNREAD
from glasshouse.config.short_names import KINDS
from glasshouse.config.yaml_files import place
from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins.option_signatures import Option, Signature

_LONGEST = 80


@dataclass(frozen=True)
class OptionChecks:
    """Refuses options of one command.

    Args:
        command: the word of the command line.
        pairs: the command line as (option, value) pairs, which say where a key was set.
    """

    command: str
    pairs: Sequence[tuple[str, str | None]]

    def class_options(
        self,
        path: str,
        class_path: str,
        signature: Signature,
        given: Mapping[str, Any],
        *,
        short: str,
        optional: Collection[str] = (),
        may_lack: bool = False,
    ) -> None:
        """Check the options of a class.

        Args:
            path: the key that the class is chosen under, dotted: ``model``, ``trainer.callbacks``.
            class_path: of the class.
            signature: what it takes.
            given: the options that are set, by name.
            short: the shortest name of the class, for `--KEY.help`.
            optional: options that are filled where they are not set.
            may_lack: whether required options may be missing.

        Raises:
            UserError: for an unknown option, a missing one, or a value of another type.
        """
        name = class_path.rpartition(".")[2]
        options = {option.name: option for option in signature.options}
        for unknown in given if signature.complete else ():
            if unknown not in options:
                known = did_you_mean(unknown, options, most=16)
                raise UserError(self.where(f"{path}.init_args.{unknown}"), f"{name} has no option '{unknown}'.", known)
        for option in options.values():
            if option.name in given:
                may_be_none = option.default == "None" or option.name in optional
                key = f"{path}.init_args.{option.name}"
                self.value(key, option, given[option.name], may_be_none=may_be_none, remedy=self.help_on(path, short))
        missing = [o.name for o in options.values() if o.default is None and o.name not in given]
        missing = [each for each in missing if each not in optional]
        if missing and not may_lack:
            example = ", ".join(f"{each}: ..." for each in missing)
            key = path.partition(".")[0]
            remedy = f"Set `{key}: {{init_args: {{{example}}}}}`."
            raise UserError(self.where(path), f"{name} needs {', '.join(missing)}, not given.", remedy)

    def group_options(self, group: str, options: Iterable[Option], given: Mapping[str, Any]) -> None:
        """Check the options of a group of keys, such as ``trainer``.

        Raises:
            UserError: for an unknown one, or a value of another type.
        """
        known = {option.name: option for option in options}
        typed = {option.partition("+")[0] for option, _ in self.pairs}
        for name in given:
            flag = f"--{group}.{name}"
            if name not in known and flag in typed:
                raise self.unknown_flag(flag, [f"--{group}.{each}" for each in known])
            if name not in known:
                problem = f"{group} has no option '{name}'."
                raise UserError(self.where(f"{group}.{name}"), problem, did_you_mean(name, known, most=16))
        self.types(f"{group}.", known.values(), given)

    def types(self, prefix: str, options: Iterable[Option], given: Mapping[str, Any]) -> None:
        """Check the types of those keys that are set.

        Raises:
            UserError: for a value of another type.
        """
        for option in options:
            if option.name in given:
                key, may_be_none = f"{prefix}{option.name}", option.default == "None"
                self.value(key, option, given[option.name], may_be_none=may_be_none, remedy=self.help_on("", ""))

    def unknown_flag(self, flag: str, known: Iterable[str]) -> UserError:
        """The refusal of an option that the command does not have."""
        near = did_you_mean(flag, known, most=0).partition(" Known:")[0]
        remedy = near if near.startswith("Did you mean") else f"See `glasshouse {self.command} --help`."
        return UserError(f"`{flag}`", f"is no option of `glasshouse {self.command}`.", remedy)

    def value(self, key: str, option: Option, value: Any, *, may_be_none: bool, remedy: str) -> None:
        """Check one value.

        Raises:
            UserError: for one of another type.
        """
        if value is UNREAD or (may_be_none and value in (None, "null")):
            return
        wrong = read_type(option.type).misfit(value) if option.type else None
        if wrong is not None:
            self._refuse(key, wrong[0], wrong[1], value, remedy)

    def help_on(self, path: str, short: str) -> str:
        """Where the options of a class, or of the command, are listed."""
        key = path.partition(".")[0]
        if key in KINDS and short:
            return f"See `glasshouse {self.command} --{key}.help {short}`."
        return f"See `glasshouse {self.command} --help`."

    def _refuse(self, key: str, expected: PlainType, part: Any, whole: Any, remedy: str) -> None:
        words = expected.words
        wanted = " or ".join(text for text in (", ".join(words[:-1]), words[-1]) if text)
        where = "" if part is whole else " in the list"
        if words == ["a list"] and not isinstance(part, Mapping):
            remedy = f"Write `{key.rpartition('.')[2]}: [{part}]`."
        if words == ["text"] and part is whole and not isinstance(part, Mapping):
            remedy = f'Write `{key.rpartition(".")[2]}: "{part}"`.'
        raise UserError(self.where(key), f"expected {wanted}{where}, received {shown(part)}.", remedy)

    def where(self, key: str) -> str:
        """Where a dotted key was set, as an error names it."""
        return place(key, self.pairs)


def shown(value: Any) -> str:
    """A value as an error shows it, shortened."""
    text = value if isinstance(value, str) else repr(value)
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return f"'{short}'" if isinstance(value, str) else short
