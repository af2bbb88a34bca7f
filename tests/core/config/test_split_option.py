"""How rows are split is one option, which configurations keep as it was written."""

from __future__ import annotations

import pytest

FOLD = {"by": "stratified", "folds": 5, "fold": 2}


def test_a_fold_is_held_out_and_saved_plainly(command, write_config):
    data = {"class_path": "diabetes", "init_args": {"split": FOLD}}
    folder = command("fit", "--config", write_config({"data": data, "trainer": {"max_epochs": 1}})).folder
    config = command("fit", "--config", str(folder / "config.yaml"), "--print_config").config
    assert config["data"]["init_args"]["split"] == FOLD


@pytest.mark.parametrize(
    ("options", "saved"),
    [
        (["--data.split.by=random", "--data.split.folds=3"], {"by": "random", "folds": 3}),
        (['--data.split={"by": "group", "column": "sex"}'], {"by": "group", "column": "sex"}),
        (["--data.split=part"], "part"),
        ([], None),
    ],
)
def test_on_the_command_line(command, options, saved):
    config = command("fit", "--model=mlp", "--data=diabetes", *options, "--print_config").config
    assert config["data"]["init_args"]["split"] == saved


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"by": "folds"}, "data 'diabetes': `split` is by 'folds'; expected one of given, stratified, random"),
        ({"by": "time"}, "data 'diabetes': `split` is by time and names no column"),
        ("part", "data 'diabetes': there is no column 'part' (split)."),
    ],
)
def test_refusals_say_what_was_expected(command, write_config, split, message):
    data = {"class_path": "diabetes", "init_args": {"split": split}}
    assert message in command("fit", "--config", write_config({"data": data})).refused()
