"""Rewriting of arguments and files, without any parser."""

from __future__ import annotations

import pytest
from glasshouse.config.short_names import is_short, options, resolve_arguments, resolve_tree
from glasshouse.errors import UserError


def class_path(kind: str, name: str) -> str:
    return f"{kind}s.{name.rpartition('/')[2]}"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--model", "mlp"], ["--model=models.mlp"]),
        (["--model=mlp"], ["--model=models.mlp"]),
        (["--model.class_path", "mlp"], ["--model.class_path=models.mlp"]),
        (["--model.help=mlp"], ["--model.help=models.mlp"]),
        (["--model", "some-dist/mlp"], ["--model=models.mlp"]),
        (["--optimizer", "Adam"], ["--optimizer=optimizers.Adam"]),
        (["--model", "torch.nn.Linear"], ["--model=torch.nn.Linear"]),
        (["--model", "{class_path: mlp}"], ['--model={"class_path": "models.mlp"}']),
        (["--model", "conf/mlp.yaml"], ["--model=conf/mlp.yaml"]),
        (["--model.hidden", "mlp"], ["--model.hidden=mlp"]),
        (["--audits", "a, b"], ['--audits=["a", "b"]']),
        (["--audits", "[a]"], ["--audits=[a]"]),
        (["--audits", "null"], ["--audits=null"]),
        (["--gate", "--no_audits"], ["--gate", "--no_audits"]),
        (["--trainer.max_steps", "-1"], ["--trainer.max_steps=-1"]),
        (["--name", "a=b"], ["--name=a=b"]),
    ],
)
def test_each_form(argv: list[str], expected: list[str]) -> None:
    assert resolve_arguments(argv, class_path) == expected


def test_options_of_a_component_may_come_before_its_choice() -> None:
    argv = ["--model.hidden", "[8]", "--name", "x", "--model", "mlp", "--model.dropout", "0"]
    expected = ["--name=x", "--model=models.mlp", "--model.hidden=[8]", "--model.dropout=0"]
    assert resolve_arguments(argv, class_path) == expected


def test_what_follows_a_choice_stays_with_it() -> None:
    argv = ["--model", "linear", "--model.bias", "false", "--model", "mlp"]
    assert resolve_arguments(argv, class_path) == ["--model=models.linear", "--model.bias=false", "--model=models.mlp"]


def test_files_are_read_first_in_their_own_order() -> None:
    argv = ["--name", "x", "--config", "a.yaml", "-c", "b.yaml"]
    assert resolve_arguments(argv, class_path) == ["--config=a.yaml", "-c", "b.yaml", "--name=x"]


def test_values_without_an_option_and_options_without_a_value_are_kept_for_the_parser_to_refuse() -> None:
    assert options(["stray", "--model", "--data", "x"]) == [("stray", None), ("--model", None), ("--data", "x")]


def test_a_tree_is_resolved_at_its_own_keys_alone() -> None:
    tree = {"model": {"class_path": "mlp", "init_args": {"model": "x"}}, "data": "d", "trainer": {"model": "x"}}
    assert resolve_tree(tree, class_path) == {
        "model": {"class_path": "models.mlp", "init_args": {"model": "x"}},
        "data": "datas.d",
        "trainer": {"model": "x"},
    }


def test_broken_json_is_the_users() -> None:
    with pytest.raises(UserError, match="`--model`: is neither YAML nor JSON"):
        resolve_arguments(["--model", '{"class_path": "mlp"'], class_path)


@pytest.mark.parametrize("value", ["torch.nn.Linear", "MLP", "", None, 3, "./mlp", "mlp.yaml", "a/b/c.py"])
def test_what_is_no_short_name(value: object) -> None:
    assert not is_short(value)


def members(path: str | None) -> tuple[str, ...]:
    return ("members", "member") if path in (None, "model:ensemble") else ()


def test_models_within_a_model_are_resolved_where_it_says_so() -> None:
    def named(kind: str, name: str) -> str:
        return f"{kind}:{name}"

    inner = {"class_path": "ensemble", "init_args": {"member": "cnn", "copies": 2}}
    tree = {"model": {"class_path": "ensemble", "init_args": {"members": ["mlp", {"class_path": "linear"}, inner]}}}
    assert resolve_tree(tree, named, members)["model"]["init_args"]["members"] == [
        "model:mlp",
        {"class_path": "model:linear"},
        {"class_path": "model:ensemble", "init_args": {"member": "model:cnn", "copies": 2}},
    ]
    other = {"model": {"class_path": "mlp", "init_args": {"members": ["mlp"]}}}
    assert resolve_tree(other, named, members)["model"]["init_args"]["members"] == ["mlp"]


def test_models_within_a_model_on_the_command_line() -> None:
    def named(kind: str, name: str) -> str:
        return f"{kind}:{name}"

    assert resolve_arguments(["--model.member", "mlp", "--model.copies", "3"], named, members) == [
        "--model.member=model:mlp",
        "--model.copies=3",
    ]
    assert resolve_arguments(["--model.members=[mlp, linear]"], named, members) == [
        '--model.members=["model:mlp", "model:linear"]'
    ]
