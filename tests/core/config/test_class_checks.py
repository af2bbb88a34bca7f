"""Classes of one's own and classes within options: checked by their signatures, the rest is left to the parser."""

from __future__ import annotations

from typing import Any

import pytest

LAB = """
    from jsonargparse.typing import PositiveInt
    from torch import nn
    from glasshouse import ModelPlugin, hookimpl

    @hookimpl
    def glasshouse_models():
        for name in ("Wrapped", "Passing", "Counting"):
            yield ModelPlugin(name=name.lower(), target=f"lab:{name}", summary=name)

    class Wrapped(nn.Module):
        def __init__(self, body: nn.Module, num_classes: int):
            super().__init__()
            self.body = body

    class Passing(nn.Module):
        def __init__(self, num_classes: int, **options):
            super().__init__()
            self.body = nn.Linear(3, num_classes, **options)

    class Counting(nn.Module):
        def __init__(self, layers: PositiveInt, num_classes: int):
            super().__init__()
"""


@pytest.fixture
def refused(command: Any, site: Any, write_config: Any) -> Any:
    site.install("lab", {"lab.py": LAB})

    def refused(name: str, **options: Any) -> str:
        error: str = command(
            "fit", "--config", write_config({"model": {"class_path": name, "init_args": options}})
        ).refused()
        return error

    return refused


def test_an_unknown_option_of_a_class_within_an_option(refused: Any) -> None:
    body = {"class_path": "torch.nn.Linear", "init_args": {"in_featuers": 3}}
    error = refused("wrapped", body=body)
    assert "`model.init_args.body.init_args.in_featuers` in run.yaml: Linear has no option 'in_featuers'." in error
    assert "Did you mean 'in_features'?" in error


def test_a_value_of_another_type_in_a_class_within_an_option(refused: Any) -> None:
    body = {"class_path": "torch.nn.Linear", "init_args": {"in_features": "x", "out_features": 3}}
    problem = "`model.init_args.body.init_args.in_features` in run.yaml: expected a whole number, received 'x'."
    assert problem in refused("wrapped", body=body)


def test_a_class_of_another_package_within_an_option(refused: Any) -> None:
    body = {"class_path": "elsewhere.Net"}
    assert "`model.init_args.body` in run.yaml: 'elsewhere.Net' is not instantiated" in refused("wrapped", body=body)


def test_keywords_that_are_passed_on_out_of_sight_are_left_to_the_parser(command: Any, site: Any) -> None:
    site.install("lab", {"lab.py": LAB})
    config = command("fit", "--model", "passing", "--model.bias", "false", "--print_config").config
    assert config["model"]["init_args"]["bias"] is False


def test_what_the_parser_alone_refuses_names_the_key_and_its_own_reason(refused: Any) -> None:
    error = refused("counting", layers=-1)
    assert "`model.init_args.layers` in run.yaml: " in error
    assert "-1" in error
    assert "See `glasshouse fit --help`." in error
