"""A configuration from elsewhere may name classes of allowed packages alone; nothing else is ever called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOUCH = {"args": ["touch", "ran"]}
"""Options under which `subprocess.Popen` would leave a file."""


def popen(path: str = "subprocess.Popen") -> dict[str, object]:
    return {"class_path": path, "init_args": TOUCH}


def lambda_callback(function: str) -> dict[str, object]:
    return {"callbacks": [{"class_path": "LambdaCallback", "init_args": {"on_fit_start": function}}]}


def linear(device: object) -> dict[str, object]:
    return {"class_path": "torch.nn.Linear", "init_args": {"device": device}}


REFUSED = [
    # key, value, what is refused
    ("model", "os.system", "os.system"),
    ("model", {"class_path": "os.system", "init_args": {"command": "touch ran"}}, "os.system"),
    ("model", popen(), "subprocess.Popen"),
    ("model", {"class_path": "builtins.eval", "init_args": {"source": "open('ran', 'w')"}}, "builtins.eval"),
    ("model", "torch.os.system", "posix.system"),  # where it is defined counts, not the path that leads to it
    ("model", {"class_path": "torch.serialization.pickle.Unpickler"}, "_pickle.Unpickler"),
    ("model", "jsonargparse.set_parsing_settings", "jsonargparse.set_parsing_settings"),
    ("model", linear(popen()), "subprocess.Popen"),  # an argument without a type
    ("trainer", {"callbacks": [popen()]}, "subprocess.Popen"),
    ("trainer", {"callbacks": popen()}, "subprocess.Popen"),
    ("trainer", lambda_callback("os.system"), "os.system"),
    ("trainer", lambda_callback("torch.os.abort"), "posix.abort"),
    ("trainer", {"logger": popen()}, "subprocess.Popen"),
    ("data", popen(), "subprocess.Popen"),
    ("optimizer", popen(), "subprocess.Popen"),
]


@pytest.mark.parametrize(("key", "value", "class_path"), REFUSED)
def test_what_could_run_anything_is_never_called(command, write_config, key, value, class_path):
    error = command("fit", "--config", write_config({key: value})).refused()
    assert f"'{class_path}' is not instantiated: configurations may only name classes of allowed packages." in error
    assert "Remove it: what comes from" in error
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", {"class_path": "mlp", "init_args": {"hidden": popen()}}),
        ("trainer", {"logger": {"class_path": "CSVLogger", "init_args": {"save_dir": popen()}}}),
        ("model", "torch.hub.load"),
        ("techniques", ["os.system"]),
        ("report", ["os.system"]),
    ],
)
def test_what_is_of_another_type_is_never_called_either(command, write_config, key, value):
    command("fit", "--config", write_config({key: value})).refused()
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data_info", {"name": popen()}),
        ("techniques", [{"name": "early_stopping", "monitor": popen()}]),
        ("audits", [{"name": "performance", "replicates": popen()}]),
    ],
)
def test_what_is_taken_verbatim_is_text_whatever_it_says(command, write_config, key, value):
    command("fit", "--config", write_config({key: value}), "--trainer.max_epochs", "1")
    assert not Path("ran").exists()


RECORDING = """
    from pathlib import Path
    from torch import nn

    class Recorder:
        def __init__(self):
            Path("built").touch()

    def record():
        Path("built").touch()

    class Net(nn.Module):
        def __init__(self, in_features: int, num_classes: int, extra=None, other: object = None):
            super().__init__()
            self.head = nn.Linear(in_features, num_classes)

        def forward(self, x):
            return self.head(x)
"""
"""A class that records that it was built, in a package that the command allows."""


@pytest.mark.parametrize("option", ["extra", "other"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_parameter_that_asks_for_no_class_takes_plain_values(command, site, write_config, option, nested):
    site.install("their-models", {"their_models.py": RECORDING}, entry_points={})
    recorder = {"class_path": "their_models.Recorder"}
    value = [{"inner": recorder}] if nested else recorder
    model = {"class_path": "their_models.Net", "init_args": {option: value}}
    error = command("fit", "--config", write_config({"model": model}), "--allow", "their_models").refused()
    assert f"expected a plain value, received a class: the option '{option}' asks for none." in error
    assert not Path("built").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", linear({"class_path": "torch.Size"})),
        ("model", {"class_path": "torch.Generator"}),
        ("trainer", {"callbacks": [{"class_path": "torch.Generator"}]}),
        ("trainer", lambda_callback("torch.manual_seed")),
        ("trainer", lambda_callback("torch.nn.functional.torch.manual_seed")),
        ("optimizer", {"class_path": "torch.utils.data.DataLoader"}),
    ],
)
def test_of_torch_and_lightning_only_what_a_run_is_made_of_is_built(command, write_config, key, value):
    error = command("fit", "--config", write_config({key: value})).refused()
    assert "is not instantiated: of torch, Lightning and glasshouse, configurations build only modules" in error


def test_the_configuration_of_a_run_folder_is_data(command, site, write_config):
    """A folder from elsewhere is audited by the same rules: nothing in its config.yaml is built before they hold."""
    folder = command("run", "--config", write_config({"trainer": {"max_epochs": 1}, "report": ["md"]})).folder
    site.install("their-models", {"their_models.py": RECORDING}, entry_points={})
    changed = (folder / "config.yaml").read_text().replace("glasshouse_plugins.models.mlp.MLP", "their_models.Recorder")
    (folder / "config.yaml").write_text(changed)
    error = command("audit", str(folder), "--force").refused()
    assert "'their_models.Recorder' is not instantiated" in error
    assert not Path("built").exists()


def test_yaml_tags_make_no_objects(command, write_config):
    error = command("fit", "--config", write_config("model: !!python/object/apply:os.system ['touch ran']\n")).refused()
    assert "is not valid YAML at line 1, column 8" in error
    assert not Path("ran").exists()


OWN = """
    from torch import nn

    class Net(nn.Module):
        def __init__(self, in_features: int, num_classes: int):
            super().__init__()
            self.head = nn.Linear(in_features, num_classes)

        def forward(self, x):
            return self.head(x)
"""


def test_a_package_of_ones_own_is_refused_with_the_remedy(command, site):
    site.install("their-models", {"their_models.py": OWN}, entry_points={})
    error = command("fit", "--model", "their_models.Net", "--data", "diabetes", "--optimizer", "sgd").refused()
    assert "`--model`: 'their_models.Net' is not instantiated" in error
    assert "If you trust it, add `--allow their_models` or `--plugin FILE.py`." in error
    assert "their_models" not in sys.modules, "what is refused is not even imported"


def test_a_package_is_allowed_by_option_or_environment_for_one_command(command, site, monkeypatch):
    site.install("their-models", {"their_models.py": OWN}, entry_points={})
    fit = ("fit", "--model", "their_models.Net", "--data", "diabetes", "--optimizer", "sgd", "--print_config")
    assert command(*fit, "--allow", "their_models").config["model"]["class_path"] == "their_models.Net"
    assert command("--allow=their_models", *fit).code == 0
    from glasshouse.config.allowed_packages import allow

    allow(())
    assert command(*fit).code == 2, "the next command does not inherit it"
    monkeypatch.setenv("GLASSHOUSE_ALLOW", "others, their_models")
    assert command(*fit).code == 0


@pytest.mark.parametrize("name", ["", "a-b", "*", "jsonargparse", "jsonargparse.typing"])
def test_what_is_no_package_cannot_be_allowed(command, name):
    error = command("fit", "--model", "mlp", f"--allow={name}").refused()
    assert "--allow: expected" in error


def test_a_package_in_the_current_folder_is_importable_once_allowed_and_hides_nothing(tmp_path):
    """The program, not ``python -m``, which puts the current folder on the path by itself."""
    from textwrap import dedent

    (tmp_path / "own_nets.py").write_text(dedent(OWN))
    (tmp_path / "yaml.py").write_text("raise SystemExit('taken for the library')\n")
    program = [str(Path(sys.executable).with_name("glasshouse"))]
    fit = [*program, "fit", "--model", "own_nets.Net", "--data", "diabetes", "--optimizer", "sgd", "--print_config"]
    allowed = subprocess.run([*fit, "--allow", "own_nets"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (allowed.returncode, allowed.stderr) == (0, "")
    assert "class_path: own_nets.Net" in allowed.stdout
