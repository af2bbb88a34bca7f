"""Files and the command line merge as the parser merges them."""

from __future__ import annotations

from glasshouse.config.settings import UNREAD, read_settings


def test_later_files_and_the_command_line_win() -> None:
    first = {"model": {"class_path": "a.Net", "init_args": {"width": 1, "depth": 2}}, "name": "x", "trainer": {"a": 1}}
    second = {"model": {"init_args": {"width": 5}}, "trainer": {"b": 2}}
    settings = read_settings([first, second], [("--model.depth", "7"), ("--trainer.a", "3"), ("--name", "y")])
    assert settings.components["model"].class_path == "a.Net"
    assert settings.components["model"].options == {"width": 5, "depth": "7"}
    assert settings.trainer == {"a": "3", "b": 2}
    assert settings.own == {"name": "y"}


def test_options_of_a_class_that_is_replaced_are_not_those_of_the_next() -> None:
    tree = {"model": {"class_path": "a.Net", "init_args": {"width": 1}}}
    chosen = read_settings([tree], [("--model", "b.Net"), ("--model.depth", "2")]).components["model"]
    assert (chosen.class_path, chosen.options) == ("b.Net", {"depth": "2"})


def test_every_form_of_the_command_line() -> None:
    arguments = [
        ("--model", '{"class_path": "a.Net", "init_args": {"one": 1}}'),
        ("--model.init_args", "{two: 2}"),
        ("--model.init_args.three", "3"),
        ("--model.four.below", "4"),
        ("--model.five+", "5"),
        ("--model.dict_kwargs.six", "6"),
        ("--model.help", "a.Net"),
        ("--trainer.callbacks+", "EarlyStopping"),
        ("--trainer.callbacks.monitor", "loss"),
        ("--trainer.logger", '{"class_path": "a.Logger"}'),
        ("--trainer", "{max_epochs: 1}"),
        ("--optimizer", "null"),
        ("--data", "data.yaml"),
        ("--gate", None),
    ]
    settings = read_settings([], arguments)
    options = {"one": 1, "two": 2, "three": "3", "four": UNREAD, "five": UNREAD}
    assert settings.components["model"].options == options
    assert settings.trainer == {"callbacks": UNREAD, "logger": {"class_path": "a.Logger"}, "max_epochs": 1}
    assert settings.components["optimizer"].class_path is None
    assert settings.components["data"].is_file
    assert settings.own == {}
