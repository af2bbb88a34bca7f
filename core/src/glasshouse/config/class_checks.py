"""Classes that a configuration names, and their options, checked once torch is imported and before the parser runs.

The parser decides by itself what it imports and builds; what is refused here is refused with a message of our own.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import typing
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lightning_fabric.plugins import ClusterEnvironment
from pytorch_lightning import Callback, LightningDataModule, Trainer
from pytorch_lightning.accelerators import Accelerator
from pytorch_lightning.cli import LRSchedulerTypeTuple
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins import CheckpointIO, LayerSync, Precision
from pytorch_lightning.profilers import Profiler
from pytorch_lightning.strategies import Strategy
from torch import nn
from torch.optim import Optimizer

from glasshouse.config.allowed_packages import ALWAYS, allowed_packages
from glasshouse.config.option_checks import OptionChecks, shown
from glasshouse.config.settings import ChosenClass, Settings, is_file
from glasshouse.config.short_names import KINDS, TRAINER_KINDS
from glasshouse.config.validation import component_at, source_signature
from glasshouse.data.data_info import SIZE_NAMES
from glasshouse.errors import UserError
from glasshouse.plugins import Registry
from glasshouse.plugins.option_signatures import FILLED, Option, Signature

_BASES: dict[str, tuple[type, ...]] = {
    "model": (nn.Module,),
    "data": (LightningDataModule,),
    "optimizer": (Optimizer,),
    "lr_scheduler": tuple(LRSchedulerTypeTuple),
    "trainer.callbacks": (Callback,),
    "trainer.logger": (Logger,),
}

_BUILDABLE: tuple[type, ...] = (
    nn.Module,
    LightningDataModule,
    Optimizer,
    *LRSchedulerTypeTuple,
    Callback,
    Logger,
    Profiler,
    Strategy,
    Accelerator,
    Precision,
    ClusterEnvironment,
    CheckpointIO,
    LayerSync,
)
_UNTYPED = ("", "Any", "typing.Any", "object")
"""Annotations of options that ask for no class."""


def check_classes(checks: OptionChecks, settings: Settings, registry: Registry, *, may_lack: bool = False) -> None:
    """Check every class that is named: allowed, present, of the right base class, and with options that it takes.

    Raises:
        UserError: naming the first that is not.
    """
    for key in KINDS:
        chosen = settings.components.get(key, ChosenClass())
        if chosen.class_path is not None and not chosen.is_file:
            spec = {"class_path": chosen.class_path, "init_args": chosen.options}
            _check_class(checks, key, spec, registry, may_lack)
    checks.types("trainer.", _imported_signature(Trainer, "trainer").options, settings.trainer)
    for name, value in settings.trainer.items():
        key = f"trainer.{name}"
        entries = value if isinstance(value, list) else [value]
        for entry in entries:
            text = isinstance(entry, str) and name in TRAINER_KINDS and entry.lower() not in ("true", "false", "null")
            spec = {"class_path": entry} if text else entry
            _check_nested(checks, key, spec, registry, may_lack)


def _check_nested(checks: OptionChecks, key: str, value: Any, registry: Registry, may_lack: bool) -> None:
    """Check the classes in a value: a mapping with class_path, or a list of them."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, Mapping) and isinstance(entry.get("class_path"), str):
            _check_class(checks, key, entry, registry, may_lack)


def _check_class(
    checks: OptionChecks,
    key: str,
    spec: Mapping[str, Any],
    registry: Registry,
    may_lack: bool,
) -> None:
    path, where = str(spec["class_path"]), checks.where(key)
    kind = key if key in KINDS else ""
    if "." not in path:
        if key in _BASES:
            raise UserError(
                where,
                f"expected a name, a class path or a mapping with class_path, received {shown(path)}.",
                f"`glasshouse plugins list` shows every {key.replace('_', ' ')}; other classes need their full path."
                if kind
                else checks.help_on(key, ""),
            )
        return
    if is_file(path):
        return
    found = _imported(where, path, registry, checks.help_on(key, ""))
    _require_buildable(where, path, found)
    base = _BASES.get(key, ())
    if not inspect.isclass(found):
        return  # a function of the user's own package that returns an object
    if base and not issubclass(found, base):
        remedy = f"`glasshouse plugins list` shows every {key.replace('_', ' ')}; other classes need their full path."
        raise UserError(where, f"{shown(path)} is no {base[0].__name__}.", remedy if kind else checks.help_on(key, ""))
    given = spec.get("init_args")
    options = dict(given) if isinstance(given, Mapping) else {}
    signature = _imported_signature(found, kind)
    sizes = SIZE_NAMES if issubclass(found, nn.Module) else ()
    component = component_at(registry, kind, path) if kind else None
    short = path if component is None else registry.shortest_name(component)
    lack = may_lack or "dict_kwargs" in spec or not kind
    checks.class_options(key, path, signature, options, short=short, optional=sizes, may_lack=lack)
    types = {option.name: option.type for option in signature.options}
    for name, value in options.items():
        inner = f"{key}.init_args.{name}"
        if "Callable" in types.get(name, "") and isinstance(value, str) and "." in value:
            function = _imported(checks.where(inner), value, registry, checks.help_on(key, ""))
            _require_buildable(checks.where(inner), value, function)
        _check_nested(checks, inner, value, registry, may_lack)
        if types.get(name, "") in _UNTYPED and _names_class(value):
            raise UserError(
                checks.where(inner),
                f"expected a plain value, received a class: the option '{name}' asks for none.",
                f"Annotate '{name}' with the class that it takes, or remove class_path.",
            )


def _names_class(value: Any) -> bool:
    """Whether a value is a mapping with class_path, or contains one."""
    if isinstance(value, Mapping):
        return isinstance(value.get("class_path"), str) or any(_names_class(each) for each in value.values())
    return isinstance(value, list) and any(_names_class(each) for each in value)


def _require_buildable(where: str, path: str, found: Any) -> None:
    """Of torch and Lightning, whose packages contain much else, only classes of `_BUILDABLE` are built.

    Raises:
        UserError: for another class, or a function other than those of `torch.nn.functional`.
    """
    module = str(getattr(found, "__module__", None) or path.rpartition(".")[0])
    if module.partition(".")[0] not in ALWAYS:
        return
    if path == f"torch.nn.functional.{path.rpartition('.')[2]}" and not inspect.isclass(found):
        return  # activations and losses
    if inspect.isclass(found) and issubclass(found, _BUILDABLE):
        return
    raise UserError(
        where,
        f"'{path}' is not instantiated: of torch, Lightning and glasshouse, configurations build only modules, data "
        "modules, optimizers, schedules, callbacks, loggers, profilers, strategies and their plugins.",
        "Put what you need into a class of your own, and add `--plugin FILE.py` or `--allow PACKAGE`.",
    )


def _imported(where: str, path: str, registry: Registry, remedy: str) -> Any:
    """What a dotted path names, which is imported only where its package is allowed.

    Raises:
        UserError: for a package that is not allowed, or a path that leads nowhere.
    """
    _require_allowed(where, path, registry)
    try:
        found = _object_at(path)
    except ModuleNotFoundError as error:
        problem = f"there is no module '{error.name}'."
        raise UserError(where, problem, "Check its spelling, or install what brings it.") from None
    except AttributeError:
        module, _, name = path.rpartition(".")
        raise UserError(where, f"{module} has no '{name}'.", remedy) from None
    if inspect.isclass(found) or inspect.isroutine(found):
        # a class counts by where it is defined: ``torch.os.system`` is the `posix` module's
        _require_allowed(where, f"{found.__module__ or path.rpartition('.')[0]}.{found.__qualname__}", registry)
    return found


def _object_at(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        owner = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if "." not in module or error.name != module:
            raise
        owner = _object_at(module)
    return getattr(owner, name)


def _require_allowed(where: str, path: str, registry: Registry) -> None:
    if any(path == package or path.startswith(f"{package}.") for package in allowed_packages(registry)):
        return
    package = path.partition(".")[0]
    problem = f"'{path}' is not instantiated: configurations may only name classes of allowed packages."
    if package in sys.stdlib_module_names or package == "jsonargparse":
        raise UserError(where, problem, f"Remove it: what comes from '{package}' could run anything.")
    raise UserError(where, problem, f"If you trust it, add `--allow {package}` or `--plugin FILE.py`.")


def _imported_signature(cls: type, kind: str) -> Signature:
    """The signature of an imported class, names of types replaced by what they stand for."""
    try:
        parameters = list(inspect.signature(cls).parameters.values())
    except (TypeError, ValueError):  # a class of C
        return Signature(description="", options=(), complete=False)
    try:
        hints = typing.get_type_hints(cls.__init__)  # type: ignore[misc]
    except Exception:  # a type that is imported for type checkers alone; the annotations as written are used
        hints = {}
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    options = [
        Option(
            name=each.name,
            type=_annotation(hints.get(each.name, each.annotation)),
            default=None if each.default is each.empty else repr(each.default),
            doc="",
        )
        for each in parameters
        if each.kind not in variadic
    ]
    takes_more = any(each.kind is each.VAR_KEYWORD for each in parameters)
    own = Signature(description="", options=tuple(options[FILLED.get(kind, 0) :]), complete=not takes_more)
    if not takes_more:
        return own
    # keywords that are passed on to a base class: the source says which
    read = source_signature(f"{cls.__module__}.{cls.__qualname__}", kind)
    if read is None:
        return own
    types = {option.name: option.type for option in own.options}
    return replace(read, options=tuple(replace(o, type=types.get(o.name, o.type)) for o in read.options))


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
