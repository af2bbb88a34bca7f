"""LightningCLI that takes short names, fills sizes from the data, and lets a plain `nn.Module` be a model."""

from __future__ import annotations

import inspect
import os
import re
from argparse import ArgumentError
from typing import Any

from jsonargparse import Namespace, get_loader, set_loader, set_parsing_settings
from pytorch_lightning import LightningDataModule
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, LRSchedulerTypeTuple
from torch import nn
from torch.optim import Optimizer

from glasshouse.config import RunOptions
from glasshouse.data import SIZE_NAMES, DataInfo
from glasshouse.errors import UserError
from glasshouse.plugins import registry
from glasshouse.short_names import resolve_arguments, resolve_tree

ALLOWED = ("torch", "pytorch_lightning", "lightning", "lightning_fabric", "torchmetrics", "glasshouse")
"""Packages whose classes YAML may always name."""

_MODE = "glasshouse"
"""Name of the YAML loader that resolves short names."""

_load_yaml = get_loader("yaml")


def _load(text: str, **kwargs: Any) -> Any:
    return resolve_tree(_load_yaml(text, **kwargs), registry().class_path)


set_loader(_MODE, _load)  # jsonargparse knows loaders by name, and refuses a parser whose loader is not there yet


class GlasshouseParser(LightningArgumentParser):
    """Reads YAML with short names, and does not ask for sizes that the data will know."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["parser_mode"] = _MODE  # jsonargparse passes a mode of its own to the parsers of nested classes
        kwargs["exit_on_error"] = False
        super().__init__(*args, **kwargs)

    def add_class_arguments(self, theclass: type, *args: Any, **kwargs: Any) -> list[str]:
        """As jsonargparse's, but sizes of a network are optional: they are filled from the data."""
        added: list[str] = super().add_class_arguments(theclass, *args, **kwargs)
        if inspect.isclass(theclass) and issubclass(theclass, nn.Module):
            for action in self._actions:
                if action.dest in SIZE_NAMES:
                    action.required = False
        return added


class GlasshouseCLI(LightningCLI):
    """One parsed command: `run` (LightningCLI without subcommands) or one of Lightning's own.

    It parses and instantiates; what happens then is in `glasshouse.run`. After construction `config` holds the
    configuration as a mapping; `build_data`, `build_model` and `trainer_options` are called in that order.
    """

    def __init__(self, command: str, argv: list[str]) -> None:
        self.command = command
        has_subcommand = command != "run"
        super().__init__(
            save_config_callback=None,
            seed_everything_default=42,
            parser_class=GlasshouseParser,
            parser_kwargs={"prog": "glasshouse" if has_subcommand else "glasshouse run"},
            args=[command, *argv] if has_subcommand else argv,
            run=has_subcommand,
            auto_configure_optimizers=False,
        )

    # ------------------------------------------------------------ what can be given

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        parser.add_subclass_arguments(nn.Module, "model", fail_untyped=False, required=True)
        parser.add_lightning_class_args(LightningDataModule, "data", subclass_mode=True, required=False)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        untouched: dict[str, Any] = {"instantiate": False, "fail_untyped": False}
        parser.add_subclass_arguments((Optimizer,), "optimizer", skip={"params"}, **untouched)
        parser.add_subclass_arguments(LRSchedulerTypeTuple, "lr_scheduler", skip={"optimizer"}, **untouched)
        parser.add_class_arguments(RunOptions)
        if self.command == "run":
            parser.add_argument("--ckpt_path", type=str | None, default=None, help="Go on from this checkpoint.")
            parser.add_argument("--no_audits", action="store_true", help="Train, test and report without audits.")
            parser.add_argument("--gate", action="store_true", help="Exit with 1 where the policy is violated.")

    # ------------------------------------------------------------ parsing

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        try:
            self.config = parser.parse_args(resolve_arguments(args, registry().class_path))
        except ArgumentError as error:
            raise explain(error, self.command) from error

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
        return self.config[self.subcommand] if self.subcommand else self.config

    @property
    def options(self) -> RunOptions:
        """What is asked for beside training."""
        return RunOptions(**{name: self.values[name] for name in RunOptions.__dataclass_fields__})

    def method_arguments(self) -> dict[str, Any]:
        """The options of Lightning's own command, such as `ckpt_path`."""
        names = self._subcommand_method_arguments[self.subcommand] if self.subcommand else ["ckpt_path"]
        return {name: self.values[name] for name in names}

    def resolved(self, info: DataInfo | None) -> dict[str, Any]:
        """The configuration as `config.yaml` holds it: plain values, sizes filled, what is known of the data beside."""
        self._forget_dump()
        self._dump_config()
        resolved: dict[str, Any] = {k: v for k, v in self.config_dump.items() if k != "config"}
        if info is not None:
            resolved["data_info"] = info.to_dict()
        return resolved

    # ------------------------------------------------------------ building

    def build_data(self) -> LightningDataModule | None:
        """The data module, not yet set up; None where the model brings its own loaders."""
        if self.values.get("data") is None:
            return None
        return self._instantiate("data")  # type: ignore[no-any-return]

    def build_model(self, info: DataInfo | None) -> nn.Module:
        """The network or LightningModule, its sizes filled from the data.

        Raises:
            UserError: if a size is needed that neither the user nor the data give.
        """
        model = self.values["model"]
        fill_sizes(model, info)
        self._forget_dump()  # hyper-parameters in checkpoints are taken from the dump, and must know the sizes
        return self._instantiate("model")  # type: ignore[no-any-return]

    def trainer_options(self) -> dict[str, Any]:
        """Arguments of `Trainer`, with callbacks, loggers and strategies instantiated."""
        return dict(self._instantiate("trainer").items(branches=True, nested=False))

    def _instantiate(self, key: str) -> Any:
        built = self._parser(self.subcommand).instantiate(Namespace({key: self.values[key].clone()}))
        return built[key]

    def _forget_dump(self) -> None:
        if hasattr(self, "config_dump"):
            del self.config_dump


def fill_sizes(model: Any, info: DataInfo | None) -> None:
    """Fill the sizes that a model's signature has and the user left out, in place.

    Args:
        model: the configuration of the model, with `class_path` and `init_args`.
        info: what the data know; None leaves every size to the user.
    """
    import_path = model["class_path"]
    module_name, _, class_name = import_path.rpartition(".")
    cls = getattr(__import__(module_name, fromlist=[class_name]), class_name)
    arguments = model.get("init_args") or Namespace()
    for name, parameter in inspect.signature(cls).parameters.items():
        if name not in SIZE_NAMES or arguments.get(name) is not None:
            continue
        if info is not None and name in info.sizes:
            arguments[name] = info.sizes[name]
        elif parameter.default is inspect.Parameter.empty:
            known = f"data '{info.name}' knows {', '.join(sorted(info.sizes)) or 'none'}" if info else "the data say none"
            raise UserError(
                f"model '{class_name}'",
                f"needs {name}, which was not given; {known}.",
                f"Set `model: {{init_args: {{{name}: ...}}}}`.",
            )
        elif name in arguments:
            arguments[name] = parameter.default
    if arguments:
        model["init_args"] = arguments


def class_and_options(chosen: Any) -> tuple[type, dict[str, Any]]:
    """The class and the keyword arguments of a parsed ``{class_path, init_args}``."""
    module_name, _, class_name = chosen["class_path"].rpartition(".")
    cls = getattr(__import__(module_name, fromlist=[class_name]), class_name)
    arguments = chosen.get("init_args") or {}
    options = arguments.as_dict() if isinstance(arguments, Namespace) else dict(arguments)
    return cls, {**options, **(chosen.get("dict_kwargs") or {})}


def restrict_imports() -> None:
    """Let YAML instantiate classes of `ALLOWED`, of the plugins' packages and of `GLASSHOUSE_ALLOW`, and no others."""
    own = [package for package in os.environ.get("GLASSHOUSE_ALLOW", "").split(",") if package]
    allowed = {*ALLOWED, *registry().packages, *own}
    set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=sorted(allowed))


_NOISE = re.compile(
    r"^(Parser key|Does not validate|Subtypes:|Errors:|Given value|Expected a <class 'NoneType'>|Validation failed)"
)


def explain(error: ArgumentError, command: str) -> UserError:
    """A parser's error as one or two lines: the key, what was wrong with it, and where to look."""
    text = str(error)
    keys = re.findall(r'(?:Parser key|Key|key) "([^"]+)"', text)
    lines = [line.strip(" -") for line in text.splitlines()]
    lines = [line for line in lines if line and not _NOISE.match(line)]
    wanted = [line for line in lines if not line.startswith("Expected a path but")] or lines or [text]
    problem = " ".join(dict.fromkeys(wanted))
    problem = re.sub(r"<class '([\w.]+)'>", r"\1", problem)
    problem = re.sub(r"Problem with given class_path '([^']+)':", r"\1:", problem)
    who = f"`{'.'.join(dict.fromkeys(keys))}`" if keys else f"glasshouse {command}"
    if "not allowed" in problem or "denied" in problem or "denylist" in problem:
        remedy = "YAML may only name allowed packages; add yours with `--allow PACKAGE` or `--plugin FILE.py`."
    else:
        remedy = f"See `glasshouse {command} --help`."
    return UserError(who, problem.rstrip(".") + ".", remedy)
