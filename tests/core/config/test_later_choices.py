"""A class that is chosen later starts from its own defaults, whatever was set for the class before it."""

from __future__ import annotations

from typing import Any

import pytest
from glasshouse.config.later_choices import without_superseded

SGD = {"class_path": "torch.optim.SGD", "init_args": {"lr": 5, "weight_decay": 0.1}}
ADAM = "torch.optim.AdamW"


def test_options_of_the_earlier_class_are_left_out() -> None:
    last = without_superseded([{"optimizer": SGD, "name": "x"}], [("--optimizer", ADAM), ("--optimizer.eps", "1e-3")])
    assert last.trees == [{"name": "x"}]
    assert last.arguments == [("--optimizer", ADAM), ("--optimizer.eps", "1e-3")]
    assert [str(each) for each in last.replaced] == [
        "optimizer: AdamW replaces SGD, whose options are dropped: lr, weight_decay"
    ]


def test_the_same_class_keeps_its_options() -> None:
    last = without_superseded([{"optimizer": SGD}], [("--optimizer", "torch.optim.SGD"), ("--optimizer.lr", "1")])
    assert last.trees == [{"optimizer": SGD}]
    assert last.replaced == []


def test_options_between_two_choices_belong_to_the_first() -> None:
    arguments = [("--optimizer", "a.B"), ("--optimizer.lr", "5"), ("--optimizer", "c.D"), ("--optimizer.eps", "2")]
    last = without_superseded([], arguments)
    assert last.arguments == arguments[2:]
    assert last.replaced[0].options == ("lr",)


def test_a_later_file_and_the_first_class_again() -> None:
    other = {"optimizer": {"class_path": ADAM, "init_args": {"betas": [0, 0]}}}
    again = {"optimizer": {"class_path": "torch.optim.SGD"}}
    last = without_superseded([{"optimizer": SGD}, other, again], [])
    assert last.trees == [{}, {}, again]
    assert [each.options for each in last.replaced] == [("lr", "weight_decay"), ("betas",)]


def test_classes_inside_options_are_choices_too() -> None:
    first = {"model": {"class_path": "a.Net", "init_args": {"body": {"class_path": "b.C", "init_args": {"x": 1}}}}}
    second = {"model": {"init_args": {"body": {"class_path": "d.E"}, "width": 3}}}
    last = without_superseded([first, second], [])
    assert last.trees == [{"model": {"class_path": "a.Net", "init_args": {}}}, second]
    assert str(last.replaced[0]) == "model.body: E replaces C, whose options are dropped: x"


def test_a_later_list_replaces_an_earlier_one_entry_for_entry() -> None:
    first: dict[str, Any] = {"trainer": {"callbacks": [{"class_path": "a.B", "init_args": {"x": 1}}], "max_epochs": 2}}
    later = ("--trainer.callbacks", '[{"class_path": "a.C"}]')
    last = without_superseded([first], [later])
    assert last.trees == [{"trainer": {"max_epochs": 2}}]
    assert last.arguments == [later]


def test_appending_to_a_list_replaces_nothing() -> None:
    first = {"trainer": {"callbacks": [{"class_path": "a.B"}]}}
    assert without_superseded([first], [("--trainer.callbacks+", "a.C")]).trees == [first]


def test_a_file_of_its_own_is_a_choice(tmp_path) -> None:
    (tmp_path / "adam.yaml").write_text(f"class_path: {ADAM}\n")
    assert without_superseded([{"optimizer": SGD}], [("--optimizer", str(tmp_path / "adam.yaml"))]).trees == [{}]


@pytest.mark.parametrize("by", ["command line", "second file"])
def test_another_optimizer_trains_with_its_own_defaults(by, command, write_config, tmp_path) -> None:
    config = write_config(
        {"model": "mlp", "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 5.0, "weight_decay": 0.25}}}
    )
    other = tmp_path / "other.yaml"
    other.write_text("optimizer: torch.optim.AdamW\n")
    later = ["--optimizer", ADAM] if by == "command line" else ["--config", str(other)]
    result = command("fit", "--config", config, *later, "--print_config")
    assert "optimizer: AdamW replaces SGD, whose options are dropped: lr, weight_decay" in result.err.splitlines()
    chosen = result.config["optimizer"]
    assert chosen["class_path"] == ADAM
    assert (chosen["init_args"]["lr"], chosen["init_args"]["weight_decay"]) == (0.001, 0.01)
