"""Sizes of a network that the user does not set, filled from the data before it is built."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from jsonargparse import Namespace
from torch import nn

from glasshouse.config.member_models import options_with_models
from glasshouse.data.data_info import SIZE_NAMES, DataInfo
from glasshouse.errors import UserError
from glasshouse.plugins import registry


def fill_sizes(model: Any, info: DataInfo | None) -> None:
    """Fill in the sizes in a model's signature that the user does not set, in place.

    These are the model's own, and those of members with the same input (`ModelPlugin.members`). Sizes of another
    network inside it (an encoder, a head) do not follow from the data.

    Args:
        model: the configuration of the model, with `class_path` and `init_args`.
        info: description of the data; None: the user sets every size.

    Raises:
        UserError: for a required size that is neither set nor known from the data.
    """
    cls = named_class(model["class_path"])
    arguments = model.get("init_args") or Namespace()  # type: ignore[no-untyped-call]
    for name, parameter in inspect.signature(cls).parameters.items():
        if name not in SIZE_NAMES or arguments.get(name) is not None:
            continue
        if info is not None and name in info.sizes:
            arguments[name] = info.sizes[name]
        elif parameter.default is inspect.Parameter.empty:
            known = ", ".join(sorted(info.sizes)) or "none" if info is not None else ""
            reason = f"data '{info.name}' has {known}" if info is not None else "no data are given"
            raise _lacks(f"model '{cls.__name__}'", f"{name}, which was not given; {reason}.", f"{{{name}: ...}}")
        elif name in arguments:
            arguments[name] = parameter.default
    members = options_with_models(registry(), model["class_path"])
    for key, value in list(arguments.items(branches=True, nested=False)):
        if key in members:
            arguments[key] = _filled(value, info)
        else:
            _require_sizes(key, value)
    if arguments:
        model["init_args"] = arguments


def named_class(class_path: str) -> Any:
    """The class of a path that the parser has accepted."""
    module_name, _, class_name = class_path.rpartition(".")
    return getattr(importlib.import_module(module_name), class_name)


def _filled(member: Any, info: DataInfo | None) -> Any:
    """A model within the model, or a list of them, with its own sizes filled."""
    if isinstance(member, list):
        return [_filled(each, info) for each in member]
    if isinstance(member, dict):
        given = Namespace(**(member.get("init_args") or {}))  # type: ignore[no-untyped-call]
        member = Namespace(**{**member, "init_args": given})  # type: ignore[no-untyped-call]
    if isinstance(member, Namespace):
        fill_sizes(member, info)
    return member


def _require_sizes(where: str, value: Any) -> None:
    """Refuse a network inside the model without its own sizes, which the parser does not require."""
    if isinstance(value, Namespace):
        value = value.as_dict()
    if isinstance(value, list):
        for item in value:
            _require_sizes(where, item)
    if not isinstance(value, Mapping) or not isinstance(value.get("class_path"), str):
        return
    cls = named_class(value["class_path"])
    arguments = value.get("init_args") or {}
    if not (inspect.isclass(cls) and issubclass(cls, nn.Module)):
        return
    for name, parameter in inspect.signature(cls).parameters.items():
        needed = name in SIZE_NAMES and parameter.default is inspect.Parameter.empty
        if needed and arguments.get(name) is None:
            raise _lacks(
                f"`model.init_args.{where}`",
                f"{name}: the data fill in the sizes of the model, not those of {cls.__name__} inside it.",
                f"{{{where}: {{init_args: {{{name}: ...}}}}}}",
            )
    for key in arguments:
        _require_sizes(f"{where}.init_args.{key}", arguments[key])


def _lacks(who: str, what: str, remedy: str) -> UserError:
    return UserError(who, f"needs {what}", f"Set `model: {{init_args: {remedy}}}`.")
