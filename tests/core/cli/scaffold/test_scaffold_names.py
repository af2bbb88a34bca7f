"""One word becomes the names of a distribution, a package, a component and a class, or is refused with a nearer one."""

from __future__ import annotations

import ast
import builtins
import re

import pytest
from glasshouse import UserError
from glasshouse.cli.scaffold import KINDS, Names, clash, read_names, render_files
from glasshouse.plugins import Registry
from glasshouse.plugins.declarations import Plugin
from hypothesis import given
from hypothesis import strategies as st

MODEL, FORMAT = KINDS["model"], KINDS["report_format"]


@pytest.mark.parametrize(
    ("word", "package", "component", "attribute"),
    [
        ("my_model", "my_model", "my_model", "MyModel"),
        ("my-model", "my_model", "my_model", "MyModel"),
        ("glasshouse-lion2", "glasshouse_lion2", "lion2", "Lion2"),
        ("x", "x", "x", "X"),
        # a class of the templates' own imports gets the kind's name at its end
        ("tensor", "tensor", "tensor", "TensorModel"),
    ],
)
def test_names_follow_from_the_word(word, package, component, attribute):
    expected = Names(distribution=word, package=package, component=component, attribute=attribute)
    assert read_names(word, MODEL) == expected


def test_a_format_is_a_function():
    assert read_names("lines", FORMAT).attribute == "render"


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("My Model", "my_model"),
        ("myModel", "my_model"),
        ("2net", "net"),
        ("", "my_plugin"),
        ("net_", "net"),
        ("../net", "net"),
        ("a" * 33, "a" * 32),
        ("ネット", "my_plugin"),
        ("net\n", "net"),
        ("-net", "net"),
    ],
)
def test_what_is_no_name_is_refused_with_a_nearer_one(word, near):
    with pytest.raises(UserError, match="expected a name of at most 32 lowercase letters and digits") as refused:
        read_names(word, MODEL)
    assert refused.value.remedy == f"Try: {near}"
    read_names(near, MODEL)


@given(st.text(max_size=40))
def test_whatever_is_typed_ends_in_names_or_in_one_that_works(word):
    try:
        names = read_names(word, MODEL)
    except UserError as refused:
        names = read_names(refused.remedy.removeprefix("Try: "), MODEL)
    assert names.package.isidentifier()
    assert names.attribute.isidentifier()
    Plugin(name=names.component, target=f"{names.package}.model:{names.attribute}", summary="")


@pytest.mark.parametrize("word", ["class", "true", "none", "glasshouse-import", "glasshouse-1"])
def test_what_python_cannot_import_is_refused(word):
    with pytest.raises(UserError, match="is not a valid name of a Python package") as refused:
        read_names(word, MODEL)
    read_names(refused.value.remedy.removeprefix("Try: "), MODEL)


@pytest.mark.parametrize("word", ["json", "numpy", "glasshouse", "glasshouse-plugins"])
def test_a_package_that_would_hide_another_is_refused(word):
    with pytest.raises(UserError, match="is installed already, and would be hidden"):
        read_names(word, MODEL)


def test_a_component_of_that_name_elsewhere_is_said_and_ones_own_is_not():
    plugins = Registry(only=["glasshouse-plugins"])
    said = clash(read_names("mlp", MODEL), MODEL, plugins)
    assert said is not None
    assert said.startswith("glasshouse-plugins ")
    assert said.endswith("also has a model 'mlp': if both are installed, write mlp/mlp.")
    assert clash(read_names("mlp", FORMAT), FORMAT, plugins) is None
    ours = Names(distribution="Glasshouse_Plugins", package="p", component="mlp", attribute="MLP")
    assert clash(ours, MODEL, plugins) is None


@pytest.mark.parametrize("minimal", [False, True], ids=["full", "minimal"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_class_can_be_called_as_something_that_templates_use(kind, minimal):
    """Every capitalised name that a template imports or defines is one that `read_names` gives to nobody."""
    names = Names(distribution="zz", package="zz", component="zz", attribute="Zz")
    for path, text in render_files(names, kind, minimal=minimal).items():
        if not path.endswith(".py"):
            continue
        used = {alias.asname or alias.name for node in _nodes(text, ast.ImportFrom, ast.Import) for alias in node.names}
        used |= {node.id for node in _nodes(text, ast.Name) if isinstance(node.ctx, ast.Store)}
        used |= {node.name for node in _nodes(text, ast.ClassDef)}
        for name in used - {"Zz"} - set(dir(builtins)):
            if name[0].isupper():
                word = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
                assert read_names(word, kind).attribute != name, f"{path}: {name}"


def _nodes(text, *types):
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, types)]
