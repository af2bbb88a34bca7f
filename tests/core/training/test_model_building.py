"""The riskiest joint: sizes come from data that exist only after set-up, and a model is rebuilt without them.

Each kind of model is trained through the command line and rebuilt in a fresh process from config.yaml and weights
alone. The oracle for the scores is the stranger's own forward pass with the trained weights, bit for bit.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from helpers import stranger
from helpers.forks import Forks

PLUGIN = Path(stranger.__file__)

SCORES_IN_A_FRESH_PROCESS = """
import json, sys
from pathlib import Path
import torch
from glasshouse.plugins import Registry, registry, set_registry
set_registry(Registry(files=[Path(sys.argv[1])]))
assert registry().packages >= {"stranger"}
sys.modules["stranger"].Blobs.__init__ = None  # no data at hand: making any would fail
from glasshouse.training.model_building import rebuild
handle = rebuild(Path(sys.argv[2]))
x = torch.linspace(-3, 3, 20).reshape(5, 4)
raw = handle.outputs(x)
print(json.dumps({"raw": raw.tolist(), "scores": handle.scores(x).tolist(), "name": handle.name,
                  "capabilities": sorted(handle.capabilities)}))
"""


@pytest.fixture
def glasshouse(forks: Forks, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return forks.run("-m", "glasshouse", "--plugin", str(PLUGIN), *arguments, cwd=tmp_path)

    return run


@pytest.fixture
def fit(glasshouse: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> Callable[..., Path]:
    """The folder of a run of two epochs."""

    def run(*arguments: str) -> Path:
        done = glasshouse("fit", "--data", "blobs", "--trainer.max_epochs", "2", "--run_dir", str(tmp_path), *arguments)
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def rebuilt(forks: Forks, tmp_path: Path) -> Callable[[Path], dict[str, object]]:
    """What a run's model answers where it is rebuilt, in another process."""

    def run(folder: Path) -> dict[str, object]:
        done = forks.run("-c", SCORES_IN_A_FRESH_PROCESS, str(PLUGIN), str(folder), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return run


def weights(run: Path) -> dict[str, torch.Tensor]:
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    state: dict[str, torch.Tensor] = checkpoint["state_dict"]
    return state


SGD = ("--optimizer", "sgd")
X = torch.linspace(-3, 3, 20).reshape(5, 4)


def test_plain_network_is_rebuilt_with_equal_scores(fit: Any, rebuilt: Any) -> None:
    run = fit("--model", "their_net", "--model.hidden", "5", "--optimizer", "adamw")
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["model"] == {
        "class_path": "stranger.Net",
        "init_args": {"in_features": 4, "num_classes": 2, "hidden": 5},
    }
    state = weights(run)
    hidden = torch.tanh(X @ state["network.layers.0.weight"].T + state["network.layers.0.bias"])
    expected = hidden @ state["network.layers.2.weight"].T + state["network.layers.2.bias"]
    answer = rebuilt(run)
    # addmm and a product followed by a sum may round differently, so the bits are those of the module itself
    torch.testing.assert_close(torch.tensor(answer["raw"]), expected)
    net = stranger.Net(4, 2, hidden=5)
    net.load_state_dict({key.removeprefix("network."): value for key, value in state.items()})
    assert answer["raw"] == net(X).tolist()
    assert answer["scores"] == torch.softmax(net(X), dim=1).tolist()


def test_network_without_annotations_gets_its_sizes_too(fit: Any, rebuilt: Any) -> None:
    run = fit("--model", "untyped", "--model.scale", "2.0", "--optimizer", "sgd")
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["model"]["init_args"] == {"in_features": 4, "num_classes": 2, "scale": 2.0}
    assert rebuilt(run)["name"] == "Untyped"


def test_foreign_lightning_module_keeps_its_own_optimizer_and_survives_a_path_in_hparams(
    fit: Any, rebuilt: Any
) -> None:
    run = fit("--model", "foreign")
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["hyper_parameters"]["vocabulary"] == "words.txt"
    assert set(checkpoint["optimizer_states"][0]["state"][0]) == {"step", "sum"}  # Adagrad's, not another's
    state = checkpoint["state_dict"]
    answer = rebuilt(run)
    expected = torch.nn.functional.linear(X, state["linear.weight"], state["linear.bias"]).squeeze(1)
    assert answer["raw"] == expected.tolist()


def test_gan_keeps_both_optimizers(fit: Any, rebuilt: Any) -> None:
    run = fit("--model", "two_sided", "--model.latent", "2")
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert len(checkpoint["optimizer_states"]) == 2
    assert checkpoint["state_dict"]["generator.weight"].shape == (4, 2)
    state = checkpoint["state_dict"]
    expected = torch.nn.functional.linear(X, state["discriminator.weight"], state["discriminator.bias"]).squeeze(1)
    assert rebuilt(run)["raw"] == expected.tolist()


@pytest.mark.parametrize("key", ["optimizer", "lr_scheduler"])
def test_an_optimizer_that_would_replace_the_models_own_is_refused(glasshouse: Any, tmp_path: Path, key: str) -> None:
    value = {"optimizer": "adamw", "lr_scheduler": "cosine"}[key]
    done = glasshouse("fit", "--model", "two_sided", "--data", "blobs", f"--{key}", value, "--run_dir", str(tmp_path))
    assert done.returncode == 2
    assert f"model 'Gan': configures its own optimizers, which `{key}:` would replace." in done.stderr
    assert not list(tmp_path.iterdir())


def test_class_names_that_yaml_would_read_otherwise_survive_the_saved_configuration(
    fit: Any, rebuilt: Any, tmp_path: Path
) -> None:
    """ ">50K" begins a YAML block, "1" is a number, "no" is false: each stays the text that it is."""
    declared = {
        "name": "odd",
        "modality": "tabular",
        "target": {"name": "y", "kind": "multiclass", "classes": [">50K", "1", "no"], "favourable": "1"},
        "input_shape": [4],
        "sizes": {"in_features": 4, "num_classes": 3},
    }
    (tmp_path / "odd.yaml").write_text(yaml.safe_dump({"data_info": declared}))
    run = fit("--config", str(tmp_path / "odd.yaml"), "--data", "silent", "--model", "their_net", *SGD)
    again = fit("--config", str(run / "config.yaml"), "--data", "silent")
    for folder in (run, again):
        saved = yaml.safe_load((folder / "config.yaml").read_text())["data_info"]
        assert saved["target"]["classes"] == [">50K", "1", "no"]
        assert saved["target"]["favourable"] == "1"
    assert len(rebuilt(again)["scores"][0]) == 3  # type: ignore[index]
