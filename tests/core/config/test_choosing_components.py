"""Every form in which a component may be chosen, through the real parser; ``--print_config`` shows what was meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from glasshouse.plugins import registry

MLP = "glasshouse_plugins.models.mlp.MLP"
DIABETES = "glasshouse_plugins.data.diabetes.Diabetes"
BOTH = pytest.mark.parametrize("word", ["fit", "run"])
DATA = ("--data", "diabetes")

LAB = """
    from torch import nn
    from glasshouse import ModelPlugin, hookimpl

    @hookimpl
    def glasshouse_models():
        yield ModelPlugin(name="wrapped", target="lab:Wrapped", summary="a network within", aliases=("around",))
        yield ModelPlugin(name="mlp", target="lab:Own", summary="the same name as another's")

    class Wrapped(nn.Module):
        def __init__(self, body: nn.Module, num_classes: int):
            super().__init__()
            self.body, self.head = body, nn.Linear(3, num_classes)

        def forward(self, x):
            return self.head(self.body(x))

    class Own(nn.Module):
        def __init__(self, in_features: int, num_classes: int, anything=None):
            super().__init__()
            self.anything, self.head = anything, nn.Linear(in_features, num_classes)

        def forward(self, x):
            return self.head(x)
"""


@BOTH
@pytest.mark.parametrize(
    "given",
    [
        ["--model", "mlp", "--model.hidden", "[8]"],
        ["--model=mlp", "--model.hidden=[8]"],
        ["--model.class_path", "mlp", "--model.hidden", "[8]"],
        ["--model.class_path=mlp", "--model.init_args.hidden", "[8]"],
        ["--model.hidden", "[8]", "--model", "mlp"],
        ["--model.hidden=[8]", "--model.class_path=mlp"],
        ["--model", '{"class_path": "mlp", "init_args": {"hidden": [8]}}'],
        ['--model={"class_path": "mlp", "init_args": {"hidden": [8]}}'],
        ["--model", "{class_path: mlp, init_args: {hidden: [8]}}"],
        ["--model", "glasshouse-plugins/mlp", "--model.hidden", "[8]"],
        ["--model", "MLP", "--model.hidden", "[8]"],
        ["--model", MLP, "--model.hidden", "[8]"],
    ],
)
def test_a_model_on_the_command_line(command, word, given):
    chosen = command(word, *DATA, *given, "--print_config").config["model"]
    assert chosen["class_path"] == MLP
    assert chosen["init_args"]["hidden"] == [8]


@BOTH
@pytest.mark.parametrize(
    ("model", "hidden"),
    [
        ("mlp", [64, 64]),
        ("glasshouse-plugins/mlp", [64, 64]),
        ({"class_path": "mlp"}, [64, 64]),
        ({"class_path": "mlp", "init_args": {"hidden": [8]}}, [8]),
        ({"class_path": MLP, "init_args": {"hidden": [8]}}, [8]),
    ],
)
def test_a_model_in_a_file(command, write_config, word, model, hidden):
    file = write_config({"model": model})
    assert command(word, "--config", file, "--print_config").config["model"]["init_args"]["hidden"] == hidden
    # the command line overrides the file on either side of it
    for argv in (["--config", file, "--model.hidden=[3]"], ["--model.hidden=[3]", "--config", file]):
        assert command(word, *argv, "--print_config").config["model"]["init_args"]["hidden"] == [3]


def test_data_optimizer_and_schedule(command):
    config = command(
        *("fit", "--model", "mlp", *DATA, "--data.batch_size", "7", "--optimizer", "adamw", "--optimizer.lr", "0.01"),
        *("--lr_scheduler", "one_cycle", "--lr_scheduler.pct_start", "0.5", "--print_config"),
    ).config
    assert (config["data"]["class_path"], config["data"]["init_args"]["batch_size"]) == (DIABETES, 7)
    assert config["optimizer"]["class_path"] == "glasshouse_plugins.optimizers.adamw.AdamW"
    assert config["optimizer"]["init_args"]["lr"] == 0.01
    assert config["lr_scheduler"]["class_path"] == "glasshouse_plugins.optimizers.schedules.OneCycle"
    assert config["lr_scheduler"]["init_args"]["pct_start"] == 0.5


@pytest.mark.parametrize("before", [[], ["--optimizer", "adam"]])  # whose module has a class Adam too
@pytest.mark.parametrize("name", ["torch.optim.Adam", "Adam"])
def test_an_optimizer_of_torch_by_class_path_or_class_name(command, write_config, before, name):
    if before:
        command("fit", "--model", "mlp", *before, "--print_config")
    typed = command("fit", "--model", "mlp", "--optimizer", name, "--print_config").config
    in_file = command("fit", "--config", write_config({"optimizer": name}), "--print_config").config
    in_mapping = command("fit", "--config", write_config({"optimizer": {"class_path": name}}), "--print_config").config
    assert {config["optimizer"]["class_path"] for config in (typed, in_file, in_mapping)} == {"torch.optim.Adam"}


def test_schedules_of_torch_and_of_lightning_by_class_name(command):
    def schedule(*argv: str) -> dict[str, Any]:
        chosen: dict[str, Any] = command("fit", "--model", "mlp", *argv, "--print_config").config["lr_scheduler"]
        return chosen

    step = schedule("--lr_scheduler=StepLR", "--lr_scheduler.step_size=3")
    assert (step["class_path"], step["init_args"]["step_size"]) == ("torch.optim.lr_scheduler.StepLR", 3)
    plateau = schedule("--lr_scheduler=ReduceLROnPlateau", "--lr_scheduler.monitor=validate_loss")
    assert plateau["class_path"] == "pytorch_lightning.cli.ReduceLROnPlateau"


@pytest.mark.parametrize("name", ["EarlyStopping", "pytorch_lightning.callbacks.EarlyStopping"])
def test_callbacks_and_loggers_of_lightning_by_class_name(command, write_config, name):
    import glasshouse_plugins.techniques.early_stopping  # another class of that name  # noqa: F401

    typed = command(
        *("fit", "--model", "mlp", f"--trainer.callbacks+={name}", "--trainer.callbacks.monitor=validate_loss"),
        *(
            "--trainer.logger=CSVLogger",
            "--trainer.logger.save_dir=logs",
            "--trainer.accelerator",
            "cpu",
            "--print_config",
        ),
    ).config["trainer"]
    callback = {"class_path": name, "init_args": {"monitor": "validate_loss"}}
    trainer = {"callbacks": [callback], "logger": {"class_path": "CSVLogger", "init_args": {"save_dir": "logs"}}}
    in_file = command("fit", "--config", write_config({"trainer": trainer}), "--print_config").config["trainer"]
    for config in (typed, in_file):
        assert config["callbacks"][0]["class_path"] == "pytorch_lightning.callbacks.EarlyStopping"
        assert config["callbacks"][0]["init_args"]["monitor"] == "validate_loss"
        assert config["logger"]["class_path"] == "pytorch_lightning.loggers.CSVLogger"
    assert typed["accelerator"] == "cpu"


@pytest.mark.parametrize("value", ["true", "false", "True", "False"])
def test_a_logger_may_be_switched_on_or_off(command, value):
    trainer = command("fit", "--model", "mlp", "--trainer.logger", value, "--print_config").config["trainer"]
    assert trainer["logger"] is (value.lower() == "true")


def test_a_technique_may_stand_among_callbacks(command, write_config):
    config = command("fit", "--config", write_config({"trainer": {"callbacks": ["early_stopping"]}}), "--print_config")
    assert config.config["trainer"]["callbacks"][0]["class_path"].startswith("glasshouse_plugins.techniques.")


def test_two_files_are_merged_and_the_second_wins(command, write_config):
    first = write_config({"model": {"class_path": "mlp", "init_args": {"hidden": [5], "dropout": 0.5}}}, "first.yaml")
    second = write_config("model: {init_args: {dropout: 0.1}}\nname: second\n", "second.yaml")
    config = command("run", "--config", first, "--config", second, "--print_config").config
    assert config["model"]["init_args"]["hidden"] == [5]
    assert config["model"]["init_args"]["dropout"] == 0.1
    assert config["name"] == "second"


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.write_text("model: other\n")])
def test_a_file_or_folder_with_the_name_changes_nothing(command, write_config, make):
    for name in ("mlp", "diabetes", "adamw"):
        make(Path(name))
    for argv in (["--config", write_config({})], ["--model", "mlp", *DATA, "--optimizer", "adamw"]):
        config = command("fit", *argv, "--print_config").config
        assert config["model"]["class_path"] == MLP
        assert config["data"]["class_path"] == DIABETES
        assert config["optimizer"]["class_path"] == "glasshouse_plugins.optimizers.adamw.AdamW"


@BOTH
@pytest.mark.parametrize("spelled", [["--model.help", "mlp"], ["--model.help=mlp"]])
def test_help_on_a_component(command, word, spelled):
    done = command(word, *spelled)
    assert done.code == 0
    assert "--model.hidden" in done.out
    assert "units of each hidden layer" in done.out
    assert "(required" not in done.out  # the data fill the sizes


@BOTH
def test_help_names_components_and_keys_and_stays_readable(command, word):
    text = " ".join(command(word, "--help").out.split())
    assert text.startswith(f"usage: glasshouse {word} --config run.yaml [--model NAME]")
    models, data = ([component.name for component in registry().components(kind)] for kind in ("model", "data"))
    assert {"linear", "mlp", "cnn"} < set(models)
    for part in (
        f"Names: {', '.join(models)}.",
        f"Names: {', '.join(data)}.",
        "--trainer.precision",
        "Parent folder; each run",
    ):
        assert part in text
    beginning = text.partition("trainer: every option")[0]
    for scaffolding in ("known subclasses", "<class", "LightningModule", "glasshouse_plugins"):
        assert scaffolding not in beginning


def test_alias_distribution_and_a_network_within_a_network(command, site):
    site.install("lab", {"lab.py": LAB})
    body = json.dumps({"class_path": "torch.nn.Linear", "init_args": {"in_features": 11, "out_features": 3}})
    sizes = ("--optimizer", "sgd", *DATA, "--trainer.fast_dev_run", "1", "--run_dir", "runs")
    for name in ("wrapped", "around", "lab/wrapped"):
        assert command("fit", "--model", name, "--model.body", body, *sizes).code == 0
    assert "Write glasshouse-plugins/mlp or lab/mlp" in command("fit", "--model", "mlp").refused()
    assert command("fit", "--model", "lab/mlp", "--print_config").config["model"]["class_path"] == "lab.Own"
    assert "`--model`: Wrapped needs body, not given." in command("fit", "--model", "Wrapped").refused()


def test_the_data_fill_the_sizes_of_the_model_but_not_of_a_network_within_it(command, site):
    site.install("lab", {"lab.py": LAB})
    body = json.dumps({"class_path": "torch.nn.Linear", "init_args": {"out_features": 3}})
    error = command("fit", "--model", "wrapped", "--model.body", body, *DATA, "--optimizer", "sgd").refused()
    assert "`model.init_args.body`: needs in_features" in error
    error = command("fit", "--model", MLP, "--optimizer", "sgd").refused()
    assert "model 'MLP': needs in_features, which was not given" in error


def test_a_value_that_looks_like_a_configuration_is_left_alone(command):
    info = '{"name": "x", "model": "no_such_model"}'  # free text of the user's, not a component
    config = command("fit", "--model", "mlp", "--data_info", info, "--print_config").config
    assert config["data_info"] == {"name": "x", "model": "no_such_model"}
