"""What cannot be used is refused in a line or two that say where, what was expected, what came and what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

YAML = [
    # key, value, what the error says, its remedy
    (
        "trainer",
        {"max_epochs": "many"},
        "`trainer.max_epochs` in run.yaml: expected a whole number, received 'many'.",
        "",
    ),
    (
        "trainer",
        {"max_epoch": 3},
        "`trainer.max_epoch` in run.yaml: trainer has no option",
        "Did you mean 'max_epochs'?",
    ),
    ("trainer", 3, "`trainer` in run.yaml: expected a mapping, received 3.", "Write e.g. `trainer: {max_epochs: 10}`."),
    ("trainer", {"precision": 33}, "`trainer.precision` in run.yaml: expected 64, 32, 16, ", "--help"),
    (
        "trainer",
        {"accelerator": "tpus"},
        "trainer: cannot be created: You selected an invalid accelerator name",
        "--debug",
    ),
    (
        "trainer",
        {"max_epochs": -5},
        "trainer: cannot be created: `max_epochs` must be a non-negative integer or -1",
        "",
    ),
    (
        "trainer",
        {"callbacks": [{"class_path": "EarlyStopping", "init_args": {"monitr": "x"}}]},
        "`trainer.callbacks.init_args.monitr` in run.yaml: EarlyStopping has no option 'monitr'.",
        "Did you mean 'monitor'?",
    ),
    ("trainer", {"callbacks": ["EarlyStoping"]}, "`trainer.callbacks` in run.yaml: expected a name, a class path", ""),
    ("trianer", {}, "`trianer` in run.yaml: is no key of a configuration.", "Did you mean 'trainer'?"),
    (
        "data",
        {"class_path": "diabetes", "init_args": {"batch_size": "x"}},
        "`data.init_args.batch_size` in run.yaml: expected a whole number, received 'x'.",
        "See `glasshouse run --data.help diabetes`.",
    ),
    (
        "data",
        {"class_path": "diabetes", "init_args": {"batch_size": 0}},
        "data 'diabetes': batch_size is 0; expected at least 1.",
        "",
    ),
    (
        "data",
        {"class_path": "diabetes", "init_args": {"task": "ternary"}},
        "`data.init_args.task` in run.yaml: expected binary or regression, received 'ternary'.",
        "",
    ),
    (
        "data",
        {"class_path": "diabetes", "init_args": {"fractions": [0.9, 0.1, 0]}},
        "data 'diabetes': split 'test' is empty",
        "Give more rows",
    ),
    (
        "model",
        {"class_path": "mlp", "init_args": {"hiden": [3]}},
        "`model.init_args.hiden` in run.yaml: MLP has no option 'hiden'.",
        "Did you mean 'hidden'?",
    ),
    (
        "model",
        {"class_path": "mlp", "init_args": {"hidden": "abc"}},
        "`model.init_args.hidden` in run.yaml: expected a list, received 'abc'.",
        "Write `hidden: [abc]`.",
    ),
    (
        "model",
        {"class_path": "mlp", "init_args": {"hidden": [-3]}},
        "model 'mlp': hidden is [-3]; expected numbers of at least 1",
        "",
    ),
    (
        "model",
        {"class_path": "mlp", "hidden": [3]},
        "'hidden' is next to class_path",
        "options belong under init_args",
    ),
    (
        "model",
        {"name": "mlp"},
        "`model` in run.yaml: expected a name, a class path or a mapping with class_path",
        "Write",
    ),
    (
        "model",
        3,
        "`model` in run.yaml: expected a name, a class path or a mapping with class_path, received 3.",
        "Write",
    ),
    ("model", "mpl", "model 'mpl': is not known.", "Did you mean 'mlp'?"),
    ("model", "torch.nn.Nope", "`model` in run.yaml: torch.nn has no 'Nope'.", ""),
    ("model", "torch.optim.Adam", "`model` in run.yaml: 'torch.optim.Adam' is no Module.", "`glasshouse plugins list`"),
    (
        "model",
        "Nope",
        "`model` in run.yaml: expected a name, a class path or a mapping",
        "other classes need their full",
    ),
    ("model", None, "glasshouse run: model is missing.", "Set `model:` or `--model`."),
    ("optimizer", "adamx", "optimizer 'adamx': is not known.", "Did you mean 'adam'?"),
    (
        "optimizer",
        None,
        "optimizer: none is given, and the model does not configure its own.",
        "Set `optimizer: adamw`.",
    ),
    (
        "optimizer",
        {"class_path": "adamw", "init_args": {"lr": "high"}},
        "`optimizer.init_args.lr` in run.yaml: expected a number, received 'high'.",
        "See `glasshouse run --optimizer.help adamw`.",
    ),
    (
        "optimizer",
        {"class_path": "adamw", "init_args": {"learning_rate": 1}},
        "AdamW has no option 'learning_rate'.",
        "Known: beta1, beta2, eps, fused, lr, weight_decay.",
    ),
    (
        "optimizer",
        {"class_path": "torch.optim.Adam", "init_args": {"lr": "high"}},
        "`optimizer.init_args.lr` in run.yaml: expected a number, received 'high'.",
        "",
    ),
    (
        "optimizer",
        {"class_path": "adamw", "init_args": {"lr": -1}},
        "optimizer 'AdamW': cannot be created: Invalid learning rate: -1.0.",
        "",
    ),
    (
        "lr_scheduler",
        {"class_path": "one_cycle", "init_args": {"max_lr": "high"}},
        "`lr_scheduler.init_args.max_lr` in run.yaml: expected a number, received 'high'.",
        "",
    ),
    ("lr_scheduler", "StepLR", "StepLR needs step_size, not given.", "`lr_scheduler: {init_args: {step_size: ...}}`"),
    ("lr_scheduler", "cosin", "lr scheduler 'cosin': is not known.", "Did you mean 'cosine'?"),
    ("lr_scheduler", "torch.nn.Linear", "`lr_scheduler` in run.yaml: 'torch.nn.Linear' is no LRScheduler.", ""),
    (
        "audits",
        "performance",
        "`audits` in run.yaml: expected a list, received 'performance'.",
        "Write `audits: [perfor",
    ),
    ("audits", [3], "`audits:`: expected a name, or a mapping with `name`, received 3.", "Write"),
    ("audits", ["performanse"], "audit 'performanse': is not known.", "Did you mean 'performance'?"),
    ("audits", ["performance", {"name": "performance"}], "`audits:`: names performance more than once.", "Name each"),
    ("audits", [{"name": "performance", "depth": 3}], "audit 'performance': has no option 'depth'.", "Known: "),
    ("techniques", ["early_stoping"], "technique 'early_stoping': is not known.", "Did you mean 'early_stopping'?"),
    ("techniques", [{"name": "early_stopping", "depth": 3}], "technique 'early_stopping': cannot be set up", ""),
    ("report", ["pdf"], "report format 'pdf': is not known.", "Known: html, json, md."),
    ("report", "html", "`report` in run.yaml: expected a list, received 'html'.", "Write `report: [html]`."),
    ("policy", "strict", "policy 'strict': no such file, and no policy of that name.", "Known: default."),
    ("sensitive", "sex", "`sensitive` in run.yaml: expected a list, received 'sex'.", "Write `sensitive: [sex]`."),
    ("sensitive", ["gender"], "`sensitive:`: data 'diabetes' has no attribute 'gender'.", "Known: age_group, sex."),
    ("evaluate_on", "tset", "`evaluate_on` in run.yaml: expected train, validate or test, received 'tset'.", ""),
    ("show_examples", "maybe", "`show_examples` in run.yaml: expected true or false, received 'maybe'.", ""),
    ("small_group_limit", "few", "`small_group_limit` in run.yaml: expected a whole number, received 'few'.", ""),
    ("small_group_limit", -1, "small_group_limit: expected 0 or more, received -1.", ""),
    ("seed_everything", "abc", "`seed_everything` in run.yaml: expected true or false or a whole number", ""),
    ("name", 5, "`name` in run.yaml: expected text, received 5.", 'Write `name: "5"`.'),
    ("name", "../up", "name: '../up' would leave the parent folder.", ""),
]


@pytest.mark.parametrize(("key", "value", "problem", "remedy"), YAML)
def test_a_file(command, write_config, key, value, problem, remedy):
    error = command("run", "--config", write_config({key: value})).refused()
    assert problem in error
    assert remedy in error


ARGUMENTS = [
    (["--trainer.max_epochs", "many"], "`--trainer.max_epochs`: expected a whole number, received 'many'.", ""),
    (
        ["--trainer.max_epoch", "3"],
        "`--trainer.max_epoch`: is no option of `glasshouse run`.",
        "'--trainer.max_epochs'?",
    ),
    (["--model.hiden", "[3]"], "`--model.hiden`: MLP has no option 'hiden'.", "Did you mean 'hidden'?"),
    (["--nope", "1"], "`--nope`: is no option of `glasshouse run`.", ""),
    (["stray"], "glasshouse run: expected options alone, received 'stray'.", "Options begin with --."),
    (["--name"], "`--name`: expected a value after it.", ""),
    (["--model", '{"class_path": "mlp"'], "`--model`: is neither YAML nor JSON", "Write e.g. `--model"),
    (["--audits", "performanse"], "audit 'performanse': is not known.", "Did you mean 'performance'?"),
    (["--optimizer.init_args.lr", "high"], "`--optimizer.init_args.lr`: expected a number, received 'high'.", ""),
]


@pytest.mark.parametrize(("arguments", "problem", "remedy"), ARGUMENTS)
def test_the_command_line(command, write_config, arguments, problem, remedy):
    error = command("run", "--config", write_config({}), *arguments).refused()
    assert problem in error
    assert remedy in error


@pytest.mark.parametrize("word", ["fit", "validate", "test", "predict", "run"])
def test_every_command_says_it_alike(command, write_config, word):
    error = command(word, "--config", write_config({"trainer": {"max_epochs": "many"}})).refused()
    assert "`trainer.max_epochs` in run.yaml: expected a whole number, received 'many'." in error


@pytest.mark.parametrize("key", ["model", "data", "optimizer", "lr_scheduler"])
def test_an_option_of_what_was_never_chosen(command, key):
    chosen = [] if key == "model" else ["--model", "mlp"]
    error = command("run", *chosen, f"--{key}.something", "1").refused()
    assert f"`--{key}.something`: no {key} is chosen that could have it." in error


FILES = [
    ("- a\n- b\n", "--config run.yaml: expected a mapping of keys, received a list."),
    ("hello\n", "--config run.yaml: expected a mapping of keys, received text."),
    ("1: 2\n", "--config run.yaml: expected keys that are text, received 1."),
    ("model: [mlp\ndata: x\n", "--config run.yaml: is not valid YAML at line 2, column 5: "),
    ("model:\n\tclass_path: mlp\n", "--config run.yaml: is not valid YAML at line 2, column 1: "),
    ("", "glasshouse run: model is missing."),
]


@pytest.mark.parametrize(("text", "problem"), FILES)
def test_a_file_that_is_no_configuration(command, write_config, text, problem):
    assert problem in command("run", "--config", write_config(text)).refused()


def test_a_file_that_cannot_be_read(command):
    assert (
        "--config nope.yaml: cannot be read: No such file or directory."
        in command("run", "--config", "nope.yaml").refused()
    )
    assert "--config .: cannot be read: Is a directory." in command("run", "--config", ".").refused()
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "--config binary.yaml: is not text in UTF-8." in command("run", "--config", "binary.yaml").refused()


def test_of_two_files_the_guilty_one_is_named(command, write_config):
    good = write_config({}, "good.yaml")
    bad = write_config("trainer: {max_epochs: many}\n", "bad.yaml")
    for order in ((good, bad), (bad, good)):
        error = command("run", "--config", order[0], "--config", order[1]).refused()
        assert "`trainer.max_epochs` in bad.yaml:" in error


@pytest.mark.parametrize("run_dir", ["file", "file/below", "/proc/below"])
def test_a_folder_that_cannot_be_written(command, write_config, run_dir):
    Path("file").touch()
    error = command("run", "--config", write_config({"run_dir": run_dir})).refused()
    assert f"run_dir '{run_dir}'" in error
    assert "is not a folder" in error or "cannot be written" in error
    assert "Set `run_dir:`" in error


def test_a_loss_that_is_no_number_ends_the_run_and_says_where_the_rest_is(command, write_config):
    optimizer = {"class_path": "adamw", "init_args": {"lr": 1e30}}
    done = command("run", "--config", write_config({"optimizer": optimizer, "trainer": {"max_epochs": 3}}))
    assert done.code == 2
    assert "error: training: the loss became nan in epoch" in done.err
    assert "Lower the learning rate" in done.err
    (folder,) = Path("runs/diabetes").iterdir()
    assert f"ended early; what was written stays in {folder}" in done.err
    assert "Traceback" not in done.err
    assert not (folder / "record.json").exists()


HOLES = """
from glasshouse import DataPlugin, ModelPlugin, hookimpl
from glasshouse_plugins.data.diabetes import Diabetes
import torch
from pytorch_lightning import LightningModule

class Holes(Diabetes):
    def __init__(self, row: int = 0):
        super().__init__(batch_size=16)
        self.row = row

    def setup(self, stage=None):
        super().setup(stage)
        self._rows["validate"].x[self.row, 0] = float("nan")

class Own(LightningModule):
    def __init__(self, in_features: int):
        super().__init__()
        self.layer = torch.nn.Linear(in_features, 2)

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, at):
        return torch.nn.functional.cross_entropy(self(batch.x), batch.y)

    def validation_step(self, batch, at):
        self.log("own_loss", torch.nn.functional.cross_entropy(self(batch.x), batch.y))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

@hookimpl
def glasshouse_data():
    yield DataPlugin(name="holes", target=f"{__name__}:Holes", summary="a missing number")

@hookimpl
def glasshouse_models():
    yield ModelPlugin(
        name="own", target=f"{__name__}:Own", summary="own", modalities=("tabular",), targets=("binary",)
    )
"""


@pytest.fixture
def holes(fresh_process):
    Path("holes.py").write_text(HOLES)
    yield "--plugin", "holes.py"
    sys.modules.pop("holes", None)


@pytest.mark.parametrize(("row", "when"), [(0, "before training"), (80, "in epoch 0")])
def test_a_validation_loss_that_is_no_number_ends_the_run(command, write_config, holes, row, when):
    """Lightning checks the first two batches before training; row 80 is in a later one."""
    data = {"class_path": "holes", "init_args": {"row": row}}
    done = command(
        "run", "--config", write_config({"data": data, "trainer": {"max_epochs": 2}}), "--plugin", "holes.py"
    )
    assert done.code == 2
    assert f"error: training: the validation loss is nan {when}, so no best checkpoint can be chosen." in done.err
    assert "Look for missing or infinite numbers in the validation rows." in done.err


def test_a_metric_of_ones_own_that_was_never_a_number_chooses_no_checkpoint(command, write_config, holes):
    best = {"class_path": "pytorch_lightning.callbacks.ModelCheckpoint", "init_args": {"monitor": "own_loss"}}
    changes = {"model": "own", "data": "holes", "optimizer": None, "trainer": {"max_epochs": 1, "callbacks": [best]}}
    done = command("run", "--config", write_config(changes), *holes)
    assert done.code == 2
    assert "error: training: own_loss is inf in every epoch, so no best checkpoint can be chosen." in done.err


def test_what_lightning_refuses_while_training_is_no_defect(command, write_config):
    stopping = {"class_path": "EarlyStopping", "init_args": {"monitor": "nope"}}
    done = command("run", "--config", write_config({"trainer": {"max_epochs": 1, "callbacks": [stopping]}}))
    assert done.code == 2
    assert "error: trainer: Early stopping conditioned on metric `nope` which is not available." in done.err


def test_a_traceback_only_for_those_who_ask(command, write_config):
    file = write_config({"optimizer": {"class_path": "adamw", "init_args": {"lr": -1}}})
    assert "Traceback" not in command("run", "--config", file).refused()
    asked = command("run", "--debug", "--config", file)
    assert asked.code == 2
    assert "ValueError: Invalid learning rate: -1" in asked.err
