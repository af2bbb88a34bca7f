"""LightningCLI with short names for components, sizes filled from the data, and plain `nn.Module`s as models."""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import sys
from argparse import ArgumentError
from collections.abc import Iterable, Mapping
from typing import Any

import pytorch_lightning.callbacks
import pytorch_lightning.loggers
import torch
import yaml
from jsonargparse import DefaultHelpFormatter, Namespace, set_dumper, set_loader, set_parsing_settings
from jsonargparse.typing import register_type
from pytorch_lightning import LightningDataModule
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, LRSchedulerTypeTuple
from torch import nn
from torch.optim import Optimizer

from glasshouse.config.allowed_packages import allowed_packages, make_importable
from glasshouse.config.class_checks import check_classes
from glasshouse.config.global_options import TRAINING
from glasshouse.config.later_choices import Key, without, without_superseded
from glasshouse.config.member_models import options_with_models
from glasshouse.config.model_sizes import fill_sizes, named_class
from glasshouse.config.option_checks import OptionChecks
from glasshouse.config.parser_errors import as_user_error
from glasshouse.config.run_options import KEYS, RunOptions, Verbatim, run_options
from glasshouse.config.settings import read_settings
from glasshouse.config.short_names import KINDS, as_arguments, is_short, options, resolve_arguments, resolve_tree
from glasshouse.config.validation import PRINTING
from glasshouse.config.yaml_files import named_files, read_yaml
from glasshouse.data.data_info import SIDE_ATTRIBUTE_KEYS, SIZE_NAMES, DataInfo
from glasshouse.plugins import KINDS as PLUGIN_KINDS
from glasshouse.plugins import registry
from glasshouse.system import distributed, library_errors
from glasshouse.system.yaml_text import read_yaml_text, write_yaml_text

_MODE = "glasshouse"
"""Name of the YAML loader that resolves short names."""


def _read_value(text: str) -> Any:
    """One value of the command line. ``{a, b}`` and ``a:`` stay text, as jsonargparse has them."""
    value = read_yaml_text(text)
    if isinstance(value, dict) and value and all(each is None for each in value.values()):
        words = set(text.strip(" {}").replace(" ", "").split(","))
        if text.strip() == f"{next(iter(value))}:" or words == set(value):
            return text
    return value


class _WholeConfiguration(str):
    """The text of a configuration file, as opposed to that of a single value, with the keys to leave out of it: those
    of other commands, and those that a later choice supersedes."""

    foreign: frozenset[str] = frozenset()
    superseded: frozenset[Key] = frozenset()


def _load(text: str, **kwargs: Any) -> Any:
    if not isinstance(text, _WholeConfiguration):
        return _read_value(text)
    tree = read_yaml_text(str(text))  # libyaml takes no subclass of str
    own = {key: tree[key] for key in tree or {} if key not in text.foreign}
    return without(resolve_tree(own, class_path, _members), text.superseded)


def _members(path: str | None) -> tuple[str, ...]:
    return options_with_models(registry(), path)


def _verbatim(value: Any) -> Verbatim:
    values = read_yaml_text(value) if isinstance(value, str) else value
    if not isinstance(values, dict):
        raise ValueError(f"expected a mapping, received {values!r}")
    return Verbatim(values)


register_type(Verbatim, serializer=lambda verbatim: verbatim.values, deserializer=_verbatim)
set_dumper(_MODE, write_yaml_text)
set_loader(
    _MODE, _load, exceptions=(yaml.YAMLError,)
)  # before any parser is made: jsonargparse refuses the name of an unknown loader


def class_path(kind: str, name: str) -> str:
    """The class path of a short name, or of a class without its module as LightningCLI takes it (``Adam``).

    A class name is torch's or Lightning's class where they have one, else the component of that class. Which modules
    are imported already makes no difference.

    Raises:
        UserError: for an unknown short name.
    """
    if is_short(name):
        return registry().class_path(kind, name)
    if kind == "lr_scheduler" and name == "ReduceLROnPlateau":
        return "pytorch_lightning.cli.ReduceLROnPlateau"  # the one that takes `monitor`, as in Lightning's manual
    for home in _HOMES.get(kind, ()):
        if hasattr(home, name):
            return f"{home.__name__}.{name}"
    found = [each.class_path for each in registry().components(kind)] if kind in PLUGIN_KINDS else []
    return next((path for path in found if path.rpartition(".")[2] == name), name)


_HOMES = {
    "optimizer": (torch.optim,),
    "lr_scheduler": (torch.optim.lr_scheduler,),
    "technique": (pytorch_lightning.callbacks,),
    "logger": (pytorch_lightning.loggers,),
}
"""Kind -> where classes are that configurations name without their module."""


class HelpFormatter(DefaultHelpFormatter):
    """Help that lists components by name, where jsonargparse would list every class it can find."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.dest in KINDS:
            names = ", ".join(component.name for component in registry().components(KINDS[action.dest]))
            return f"A name or a class path; its options follow as --{action.dest}.OPTION. Names: {names or 'none'}."
        return str(super()._get_help_string(action))


class GlasshouseParser(LightningArgumentParser):
    """Reads YAML with short names, and does not require sizes that are filled from the data."""

    foreign_keys: frozenset[str] = frozenset()
    """Keys of other commands, left out of the files that this one reads."""
    superseded: Mapping[str, frozenset[Key]] = {}
    """Path of a configuration file, as typed -> its keys that a later choice supersedes."""
    _reading = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["parser_mode"] = _MODE  # jsonargparse passes a mode of its own to the parsers of nested classes
        kwargs["exit_on_error"] = False
        kwargs["allow_abbrev"] = False  # --trainer.max_epoch is a mistake, not another name
        kwargs["formatter_class"] = HelpFormatter
        super().__init__(*args, **kwargs)

    def parse_path(self, path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Namespace:
        """As jsonargparse's, for a configuration file."""
        self._reading = os.fspath(path)
        try:
            return super().parse_path(path, *args, **kwargs)  # type: ignore[no-any-return]
        finally:
            self._reading = ""

    def parse_string(self, content: str, *args: Any, **kwargs: Any) -> Namespace:
        """As jsonargparse's, for the content of a configuration file."""
        whole = _WholeConfiguration(content)
        whole.foreign = self.foreign_keys
        whole.superseded = self.superseded.get(self._reading, frozenset())
        return super().parse_string(whole, *args, **kwargs)  # type: ignore[no-any-return]

    def add_class_arguments(self, theclass: type, *args: Any, **kwargs: Any) -> list[str]:
        """As jsonargparse's, but sizes of a network are optional: they are filled from the data."""
        added: list[str] = super().add_class_arguments(theclass, *args, **kwargs)
        if inspect.isclass(theclass) and issubclass(theclass, nn.Module):
            for action in self._actions:
                if action.dest.rpartition(".")[2] in SIZE_NAMES:
                    action.required = False
        return added

    def accepted(self, group: str) -> list[str]:
        """Keys right under a group, e.g. those of ``trainer``; of the whole configuration for the empty name."""
        prefix = f"{group}." if group else ""
        names = {action.dest.removeprefix(prefix) for action in self._actions if action.dest.startswith(prefix)}
        return sorted({name.partition(".")[0] for name in names} - {"help", "config", "print_config"})


class GlasshouseCLI(LightningCLI):
    """One parsed command: `run` (LightningCLI without subcommands) or a command of Lightning.

    It parses and instantiates; `glasshouse.pipeline.pipeline` does the rest. After construction `config` holds the
    configuration as a mapping; `build_data`, `build_model` and `trainer_options` are called in that order.
    """

    def __init__(self, command: str, argv: list[str]) -> None:
        self.command = command
        self.argv = argv
        has_subcommand = command != "run"
        asks_help = any(option.endswith(".help") for option, _ in options(argv))
        set_parsing_settings(docstring_parse_attribute_docstrings=asks_help)  # too slow for every command
        for chatty in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric"):
            logging.getLogger(chatty).setLevel(logging.WARNING)  # stderr is for our own progress
        super().__init__(
            save_config_callback=None,
            seed_everything_default=42,
            parser_class=GlasshouseParser,
            args=[*([command] if has_subcommand else []), *resolve_arguments(argv, class_path, _members)],
            run=has_subcommand,
            auto_configure_optimizers=False,
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # Lightning's is static
        """The one command that is parsed."""
        return {name: skip for name, skip in LightningCLI.subcommands().items() if name == self.command}

    # ------------------------------------------------------------ options

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        parser.add_subclass_arguments(nn.Module, "model", fail_untyped=False, required=True)
        parser.add_lightning_class_args(LightningDataModule, "data", subclass_mode=True, required=False)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        untouched: dict[str, Any] = {"instantiate": False, "fail_untyped": False}
        parser.add_subclass_arguments((Optimizer,), "optimizer", skip={"params"}, **untouched)
        parser.add_subclass_arguments(LRSchedulerTypeTuple, "lr_scheduler", skip={"optimizer"}, **untouched)
        parser.add_class_arguments(RunOptions)
        docs = {option.name: option.doc for option in run_options()}
        for action in parser._actions:
            if action.dest in docs:  # jsonargparse itself reads field docstrings in a second, of all classes
                action.help = docs[action.dest]
        if self.command == "run":
            parser.add_argument(
                "--ckpt_path", type=str | None, default=None, help="Continue training from this checkpoint."
            )
            parser.add_argument("--no_audits", action="store_true", help="Train, test and report without audits.")
            parser.add_argument(
                "--resume",
                type=str | None,
                default=None,
                metavar="RUN_DIR",
                help="Continue a run that was interrupted.",
            )
            parser.add_argument("--gate", action="store_true", help="Exit with code 1 if a rule of the policy fails.")

    def setup_parser(
        self, add_subcommands: bool, main_kwargs: dict[str, Any], subparser_kwargs: dict[str, Any]
    ) -> None:
        super().setup_parser(add_subcommands, main_kwargs, subparser_kwargs)
        parser = self.own_parser
        parser.foreign_keys = frozenset(KEYS) - frozenset(parser.accepted(""))
        present(parser, self.command)

    @property
    def own_parser(self) -> GlasshouseParser:
        """The parser of the command itself."""
        parser = self.parser if self.command == "run" else self._subcommand_parsers[self.command]
        assert isinstance(parser, GlasshouseParser)
        return parser

    # ------------------------------------------------------------ parsing

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        checks = OptionChecks(self.command, options(self.argv))
        arguments = self._check(checks)
        try:
            self.config = parser.parse_args([*([] if self.command == "run" else [self.command]), *arguments])
        except ArgumentError as error:
            raise as_user_error(
                str(error),
                command=self.command,
                place=lambda key: checks.where(key.removeprefix(f"{self.command}.")),
            ) from error

    def _check(self, checks: OptionChecks) -> list[str]:
        """Refuse what can be refused with a message of our own, before the parser reads the same configuration.

        Returns:
            The command line for the parser, without what a later choice supersedes.

        Raises:
            UserError: for an option that the command does not have; otherwise as `check_classes`.
        """
        resolved = options(resolve_arguments(self.argv, class_path, _members))
        accepted = self.own_parser.accepted("")
        for option, _ in resolved:
            key = option.removeprefix("--").partition(".")[0].rstrip("+")
            if option.startswith("--") and key not in (*accepted, "config", "help", "print_config"):
                raise checks.unknown_flag(option, [f"--{name}" for name in accepted])
        if any(option.endswith((".help", "--help")) or option == "-h" for option, _ in resolved):
            return as_arguments(resolved)  # help is printed, whatever else is set
        foreign = self.own_parser.foreign_keys
        files = named_files(resolved)
        trees = [resolve_tree(read_yaml(path), class_path, _members) for path in files]
        own = [{key: value for key, value in tree.items() if key not in foreign} for tree in trees]
        later = without_superseded(own, resolved)
        self.own_parser.superseded = {str(path): keys for path, keys in zip(files, later.superseded, strict=True)}
        for replaced in later.replaced:
            if distributed.is_rank_zero():
                print(replaced, file=sys.stderr)
        printing = any(option in PRINTING for option, _ in resolved)
        check_classes(checks, read_settings(later.trees, later.arguments), registry(), may_lack=printing)
        return as_arguments(later.arguments)

    def _parse_ckpt_path(self) -> None:
        """A checkpoint never changes the configuration: Lightning lets its hyper-parameters win in silence."""

    def instantiate_classes(self) -> None:
        """Nothing yet: the model needs sizes that only the data know."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Nothing yet: see `instantiate_classes`."""

    def _add_instantiators(self) -> None:
        self.parser, whole = self._parser(self.subcommand), self.parser
        super()._add_instantiators()
        self.parser = whole

    # ------------------------------------------------------------ the parsed configuration

    @property
    def values(self) -> Namespace:
        """The command's own part of the configuration."""
        return self.config[self.subcommand] if self.subcommand else self.config  # type: ignore[no-any-return]

    @property
    def options(self) -> RunOptions:
        """The options of the run besides training."""
        return RunOptions(**{name: self.values[name] for name in RunOptions.__dataclass_fields__})

    def method_arguments(self) -> dict[str, Any]:
        """The options of Lightning's own command, such as `ckpt_path`."""
        names = self._subcommand_method_arguments[self.subcommand] if self.subcommand else ["ckpt_path"]
        return {name: self.values[name] for name in names}

    def resolved(self, info: DataInfo | None) -> dict[str, Any]:
        """The configuration as `config.yaml` stores it: plain values, sizes filled in, the data described."""
        self._forget_dump()
        self._dump_config()
        resolved: dict[str, Any] = {k: v for k, v in self.config_dump.items() if k not in ("config", "resume")}
        if info is not None:
            given = {} if self.options.data_info is None else self.options.data_info.values
            attributes = {key: given[key] for key in SIDE_ATTRIBUTE_KEYS if key in given}
            resolved["data_info"] = {**info.to_dict(), **attributes}
        return resolved

    # ------------------------------------------------------------ building

    def build_data(self) -> LightningDataModule | None:
        """The data module, not yet set up; None where the model has its own loaders."""
        if self.values.get("data") is None:
            return None
        return self._instantiate("data")  # type: ignore[no-any-return]

    def build_model(self, info: DataInfo | None) -> nn.Module:
        """The network or LightningModule, its sizes filled from the data.

        Raises:
            UserError: if neither the user nor the data give a required size, or the class refuses its options.
        """
        model = self.values["model"]
        fill_sizes(model, info)
        self._forget_dump()  # hyper-parameters in checkpoints are taken from the dump, and must know the sizes
        return self._instantiate("model")  # type: ignore[no-any-return]

    def trainer_options(self) -> dict[str, Any]:
        """Arguments of `Trainer`, with callbacks, loggers and strategies instantiated."""
        return dict(self._instantiate("trainer").items(branches=True, nested=False))

    def _instantiate(self, key: str) -> Any:
        chosen = self.values[key]
        name = str(chosen.get("class_path", "")).rpartition(".")[2]
        with library_errors.user_errors_from_constructor(f"{key} '{name}'" if name else key):
            return self.own_parser.instantiate(Namespace({key: chosen.clone()}))[key]  # type: ignore[no-untyped-call]

    def _forget_dump(self) -> None:
        if hasattr(self, "config_dump"):
            del self.config_dump


def class_and_options(chosen: Any) -> tuple[type, dict[str, Any]]:
    """The class and the keyword arguments of a parsed ``{class_path, init_args}``."""
    arguments = chosen.get("init_args") or {}
    options = arguments.as_dict() if isinstance(arguments, Namespace) else dict(arguments)
    return named_class(chosen["class_path"]), {**options, **(chosen.get("dict_kwargs") or {})}


def restrict_imports(*, also: Iterable[str] = ()) -> None:
    """Let configurations instantiate classes of `allowed_packages` and of the packages in `also` only."""
    make_importable()
    allowed = allowed_packages(registry()) | set(also)
    withdrawn = _granted - allowed  # jsonargparse only adds; one command must not inherit what another allowed
    _granted.clear()
    _granted.update(allowed)
    set_parsing_settings(
        import_path_denylist=["*", *withdrawn],
        import_path_allowlist=sorted(allowed),
        # an argument that asks for no class takes plain values: see `class_checks`
        validate_subclass_spec_in_any=False,
        instantiate_subclass_spec_in_any=False,
    )


_granted: set[str] = set()


def present(parser: LightningArgumentParser, command: str) -> None:
    """Order a command's help: what to train first, the Trainer's fifty options last."""
    parser.prog = f"glasshouse {command}"
    parser.description = f"{TRAINING[command][0].upper()}{TRAINING[command][1:]}."
    parser.usage = f"glasshouse {command} --config run.yaml [--model NAME] [--model.OPTION VALUE] ..."
    titles = {
        "model": "model",
        "data": "data",
        "optimizer": "optimizer",
        "lr_scheduler": "learning-rate schedule",
        "trainer": "trainer: every option of Lightning's Trainer",
        "name": "run",
    }
    rank = {"options": 0, **{title: place for place, title in enumerate(titles.values(), 1)}}
    rank[titles["trainer"]] = len(rank)
    for group in parser._action_groups:
        keys = {action.dest.partition(".")[0] for action in group._group_actions}
        group.title = next((title for key, title in titles.items() if key in keys), group.title)
    parser._action_groups = sorted(parser._action_groups, key=lambda group: rank.get(str(group.title), len(rank) - 1))
