"""What is refused before torch is imported: names, shapes, options and plain types of a configuration.

Options are compared with the signatures of the plugins' classes, which are read from their source.
`glasshouse.config.class_checks` does the same for what has to be imported first, and the parser has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glasshouse.config.later_choices import without_superseded
from glasshouse.config.member_models import options_with_models
from glasshouse.config.option_checks import OptionChecks, shown
from glasshouse.config.policy_names import load_checked_policy
from glasshouse.config.run_options import KEYS, LIST_KEYS, parse_choices, parse_hooks, run_options
from glasshouse.config.settings import UNREAD, ChosenClass, Settings, loaded, read_settings
from glasshouse.config.short_names import (
    CONFIG_OPTIONS,
    FLAGS,
    KINDS,
    is_short,
    options,
    resolve_arguments,
    resolve_tree,
)
from glasshouse.config.yaml_files import named_files, read_yaml, refuse_made_by_python
from glasshouse.data.data_info import SIZE_NAMES
from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins import Component, Registry
from glasshouse.plugins.option_signatures import Option, Signature, SourceNotFoundError, read_signature_at

_COMPONENT_KEYS = ("class_path", "init_args", "dict_kwargs")
PRINTING = ("--help", "-h", "--print_config")
_TRAINER = "pytorch_lightning.Trainer"
_LIGHTNING_OPTIONS = (
    Option(name="seed_everything", type="bool | int", default="42", doc=""),
    Option(name="ckpt_path", type="str | None", default="None", doc=""),
)
"""Options that LightningCLI adds to every command."""


def check(argv: list[str], registry: Registry, command: str = "run") -> None:
    """Check the command line and its configuration files.

    Args:
        argv: the command line after its word.
        registry: of plugins.
        command: ``run``, ``fit``, ``validate``, ``test`` or ``predict``.

    Raises:
        UserError: for a file that cannot be read; an unknown key, option or name of a component, audit, technique,
            report format or policy; a required option that is missing; or a value of another type than declared.
    """

    def class_path(kind: str, name: str) -> str:
        return registry.class_path(kind, name) if is_short(name) else name

    def members(path: str | None) -> tuple[str, ...]:
        return options_with_models(registry, path)

    arguments = options(resolve_arguments(argv, class_path, members))
    trees = []
    for path in named_files(arguments):
        tree = read_yaml(path)
        check_shape(tree, path)
        trees.append(resolve_tree(tree, class_path, members))
    last = without_superseded(trees, arguments)
    settings = read_settings(last.trees, last.arguments)
    _check_names(settings, registry)
    if any(option.endswith(".help") for option, _ in arguments):
        return  # help is printed, whatever else is set
    checks = OptionChecks(command, options(argv))
    _check_command_line(checks)
    printing = any(option in PRINTING for option, _ in arguments)
    check_settings(checks, settings, registry, may_lack=printing)


def check_settings(checks: OptionChecks, settings: Settings, registry: Registry, *, may_lack: bool = False) -> None:
    """Check options and plain types of all keys by signatures in the source.

    Raises:
        UserError: as `check`.
    """
    for key in KINDS:
        _check_component(checks, key, settings.components.get(key, ChosenClass()), registry, may_lack)
    trainer = source_signature(_TRAINER, "trainer")
    if trainer is not None:
        checks.group_options("trainer", trainer.options, settings.trainer)
    _check_hooks(checks, settings, registry)
    checks.types("", (*run_options(), *_LIGHTNING_OPTIONS), settings.own)


def _check_component(checks: OptionChecks, key: str, chosen: ChosenClass, registry: Registry, may_lack: bool) -> None:
    if chosen.is_file:
        return
    if chosen.class_path is None:
        refuse_options_of_nothing(checks, key, chosen)
        if key == "model" and not may_lack:
            raise UserError(f"glasshouse {checks.command}", "model is missing.", "Set `model:` or `--model`.")
        return
    component = component_at(registry, key, chosen.class_path)
    signature = None if component is None else source_signature(chosen.class_path, key)
    if component is not None and signature is not None:  # other classes are checked once they are imported
        checks.class_options(
            key,
            chosen.class_path,
            signature,
            chosen.options,
            short=registry.shortest_name(component),
            optional=SIZE_NAMES if key == "model" else (),
            may_lack=may_lack,
        )


def refuse_options_of_nothing(checks: OptionChecks, key: str, chosen: ChosenClass) -> None:
    """Refuse options under a key that names no class.

    Raises:
        UserError: for the first of them.
    """
    for name in chosen.options:
        who = checks.where(f"{key}.init_args.{name}")
        raise UserError(who, f"no {key} is chosen that could have it.", f"Add `--{key} NAME` or `{key}: NAME`.")


def component_at(registry: Registry, kind: str, class_path: str) -> Component | None:
    """The component of a kind whose class this is, if there is one."""
    return next((each for each in registry.components(kind) if each.class_path == class_path), None)


def source_signature(class_path: str, kind: str) -> Signature | None:
    """The signature of a class as its source has it; None where that cannot be read without importing it."""
    if "." not in class_path:
        return None
    try:
        return read_signature_at(class_path, kind)
    except (SourceNotFoundError, SyntaxError, UnicodeDecodeError, OSError):
        return None


def _check_command_line(checks: OptionChecks) -> None:
    for option, value in checks.pairs:
        if option in CONFIG_OPTIONS and value is None:
            raise UserError(f"`{option}`", "expected a value after it.", "Give the path of a YAML file.")
        if not option.startswith("-"):
            problem = f"expected options alone, received '{option}'."
            raise UserError(f"glasshouse {checks.command}", problem, "Options begin with --.")
        if option in (*CONFIG_OPTIONS, *FLAGS, *PRINTING):
            continue
        key = option.removeprefix("--").partition(".")[0].rstrip("+")
        if key not in KEYS or not option.startswith("--"):
            raise checks.unknown_flag(option, [f"--{each}" for each in KEYS])
        if value is None:
            raise UserError(f"`{option}`", "expected a value after it.", f"See `glasshouse {checks.command} --help`.")


def check_shape(tree: Mapping[str, Any], path: Path) -> None:
    """Refuse unknown keys of a configuration file, and values that cannot be what their key asks for."""
    refuse_made_by_python(tree, str(path))
    for key, value in tree.items():
        who = f"`{key}` in {path}"
        if key not in KEYS:
            raise UserError(who, "is no key of a configuration.", did_you_mean(key, KEYS))
        if value is None:
            continue
        if key == "trainer" and not isinstance(value, dict):
            raise UserError(who, f"expected a mapping, received {value!r}.", "Write e.g. `trainer: {max_epochs: 10}`.")
        if key in KINDS:
            _check_component_shape(who, key, value)


def _check_component_shape(who: str, key: str, value: Any) -> None:
    example = f"Write `{key}: NAME` or `{key}: {{class_path: NAME, init_args: {{...}}}}`."
    if isinstance(value, str):
        return
    if not isinstance(value, dict) or not ({"class_path", "init_args"} & value.keys()):
        raise UserError(
            who, f"expected a name, a class path or a mapping with class_path, received {shown(value)}.", example
        )
    for inner in value:
        if inner not in _COMPONENT_KEYS:
            raise UserError(who, f"'{inner}' is next to class_path; options belong under init_args.", example)
    if not isinstance(value.get("class_path", ""), str):
        raise UserError(who, f"expected text as class_path, received {value['class_path']!r}.", example)
    if not isinstance(value.get("init_args") or {}, dict):
        raise UserError(who, f"expected a mapping under init_args, received {value['init_args']!r}.", example)


def _check_names(settings: Settings, registry: Registry) -> None:
    for key, kind in LIST_KEYS.items():
        entries = _own(settings, key)
        if isinstance(entries, list):  # anything else is refused by the key's type
            for choice in parse_choices(key, entries):
                registry.find(kind, choice.name)
    policy = _own(settings, "policy")
    if isinstance(policy, str):
        load_checked_policy(policy, registry)


def _check_hooks(checks: OptionChecks, settings: Settings, registry: Registry) -> None:
    hooks = _own(settings, "hooks")
    for choice in parse_hooks(hooks) if hooks is not UNREAD else ():
        component = registry.find("hook", choice.name)
        signature = source_signature(component.class_path, "hook")
        if signature is None:
            continue  # the class refuses them itself
        known = {option.name: option for option in signature.options}
        for name, value in choice.options.items():
            key = f"hooks.{choice.name}.{name}"
            if name in known:
                remedy = f"See `glasshouse plugins show {choice.name}`."
                checks.value(key, known[name], value, may_be_none=known[name].default == "None", remedy=remedy)
            elif signature.complete:
                problem = f"{component.plugin.target.partition(':')[2]} has no option '{name}'."
                raise UserError(checks.where(key), problem, did_you_mean(name, known))


def _own(settings: Settings, key: str) -> Any:
    value = settings.own.get(key)
    return loaded(value) if isinstance(value, str) else value
