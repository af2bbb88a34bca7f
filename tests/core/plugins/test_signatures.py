"""Options read from source: the same as `inspect.signature` finds after importing, without importing."""

from __future__ import annotations

import importlib
import inspect
import sys

import pytest
from glasshouse.plugins import Component
from glasshouse.plugins.declarations import AuditPlugin, CommandPlugin, ModelPlugin, OptimizerPlugin, Plugin
from glasshouse.plugins.option_signatures import SourceNotFoundError, inspect_signature, read_signature


def component(target: str, plugin_type: type[Plugin] = ModelPlugin) -> Component:
    plugin = plugin_type(name="it", target=target, summary="")
    return Component(plugin=plugin, distribution="lab", version="1", entry_point="lab:plugin")


@pytest.mark.parametrize(
    ("target", "skipped"),
    [
        ("torch.optim:Adam", 1),  # re-exported by the package
        ("torch.optim:AdamW", 1),  # a subclass with a constructor of its own
        ("torch.optim.lr_scheduler:CosineAnnealingLR", 1),  # nested package, decorated base
        ("torch.nn.modules.linear:Linear", 0),
        ("pytorch_lightning.callbacks:EarlyStopping", 0),
        ("glasshouse.plugins.declarations:ModelPlugin", 0),  # a dataclass that inherits fields
        ("logging:StreamHandler", 0),
    ],
)
def test_names_and_defaults_are_those_of_the_imported_class(target, skipped):
    kind = OptimizerPlugin if skipped else ModelPlugin
    module, _, name = target.partition(":")
    parameters = list(inspect.signature(getattr(importlib.import_module(module), name)).parameters.values())[skipped:]
    expected = {p.name: p.default is p.empty for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    options = read_signature(component(target, kind)).options
    assert {option.name: option.default is None for option in options} == expected


NETS = {
    "lab_nets/__init__.py": "raise RuntimeError('must not be imported')\n",
    "lab_nets/base.py": '''
        import no_such_library

        class Base:
            """A base.

            Args:
                width: how wide
                    it is.
                depth (int): how deep
            """
            def __init__(self, width: int, depth: int = 2, *, bias: "bool" = True): ...
    ''',
    "lab_nets/nets.py": '''
        from dataclasses import dataclass, field
        from typing import ClassVar
        from .base import Base as Root
        from . import base

        class Same(Root):
            """The same as its base.

            Second paragraph.
            """

        class More(base.Base):
            def __init__(self, extra=None, depth: int = 9, **kwargs):
                """Make it.

                Args:
                    extra: one more: with a colon

                Raises:
                    ValueError: never
                """
                super().__init__(**kwargs)

        class Closed(Root):
            def __init__(self, /, only: float, *args): ...

        class Plain: ...

        @dataclass(frozen=True)
        class Settings:
            """Settings.

            Args:
                rate: from the class docstring
            """
            version: ClassVar[int] = 1
            rows: int
            """How many rows."""
            rate: float = 0.5
            names: list[str] = field(default_factory=list)
            seed: int = field(default=3, repr=False)

        @dataclass
        class MoreSettings(Settings):
            last: str = "z"

        def build(width): ...
    ''',
}


@pytest.fixture
def nets(site):
    site.install("lab-nets", NETS)


def listed(target: str, plugin_type: type[Plugin] = ModelPlugin) -> list[tuple[str, str, str | None, str]]:
    options = read_signature(component(target, plugin_type)).options
    return [(option.name, option.type, option.default, option.doc) for option in options]


def test_annotations_defaults_and_docs_from_source_alone(nets):
    width, depth = ("width", "int", None, "how wide it is."), ("depth", "int", "2", "how deep")
    bias = ("bias", "'bool'", "True", "")
    assert listed("lab_nets.nets:Same") == [width, depth, bias]
    extra = ("extra", "", "None", "one more: with a colon")
    assert listed("lab_nets.nets:More") == [extra, ("depth", "int", "9", ""), width, bias]
    assert listed("lab_nets.nets:Closed") == [("only", "float", None, "")]
    assert listed("lab_nets.nets:Plain") == []
    assert not {"lab_nets", "lab_nets.nets", "no_such_library"} & sys.modules.keys()


def test_dataclass_fields_with_the_docstring_beneath(nets):
    fields = [
        ("rows", "int", None, "How many rows."),
        ("rate", "float", "0.5", "from the class docstring"),
        ("names", "list[str]", "list()", ""),
        ("seed", "int", "3", ""),
    ]
    assert listed("lab_nets.nets:Settings", AuditPlugin) == fields
    assert listed("lab_nets.nets:MoreSettings", AuditPlugin) == [*fields, ("last", "str", "'z'", "")]


def test_the_first_paragraph_describes_it(nets):
    assert read_signature(component("lab_nets.nets:Same")).description == "The same as its base."
    assert read_signature(component("lab_nets.nets:Plain")).description == ""


def test_what_glasshouse_fills_is_no_option(nets):
    assert [name for name, *_ in listed("lab_nets.nets:Same", OptimizerPlugin)] == ["depth", "bias"]
    assert listed("lab_nets.nets:build", CommandPlugin) == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_library:Net", "no module 'no_such_library'"),
        ("lab_nets.gone:Net", "no source of module 'lab_nets.gone'"),
        ("lab_nets.nets:Gone", "lab_nets.nets has no visible definition of 'Gone'"),
        ("_struct:Struct", "no source of module '_struct'"),
        ("torch.nn:Linear", "torch.nn has no visible definition of 'Linear'"),  # by a star import
    ],
)
def test_what_cannot_be_seen_is_said(nets, target, message):
    with pytest.raises(SourceNotFoundError, match=message):
        read_signature(component(target))


def test_an_imported_class_is_described_alike():
    target = component("pytorch_lightning.callbacks:EarlyStopping")
    from pytorch_lightning.callbacks import EarlyStopping

    imported, seen = inspect_signature(target, EarlyStopping), read_signature(target)
    assert imported.description == seen.description
    assert [(o.name, o.default, o.doc) for o in imported.options] == [(o.name, o.default, o.doc) for o in seen.options]
