"""Build models from a configuration, and rebuild a trained model from config.yaml and weights, without its data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from pytorch_lightning import LightningDataModule, LightningModule
from pytorch_lightning.cli import LRSchedulerTypeTuple
from torch import nn
from torch.optim import Optimizer

from glasshouse.config.lightning_parser import GlasshouseParser, class_and_options, restrict_imports
from glasshouse.config.yaml_files import read_yaml
from glasshouse.data.data_info import DataInfo
from glasshouse.errors import UserError
from glasshouse.evidence.model_handle import ModelHandle
from glasshouse.evidence.self_scoring import self_score_target
from glasshouse.plugins import registry
from glasshouse.plugins.declarations import SchedulerPlugin
from glasshouse.system import library_errors
from glasshouse.training.optimization import OptimizerFactory, SchedulerConfig, configure_optimizers
from glasshouse.training.task import Task
from glasshouse.training.trainer import load_weights


def rebuild(folder: Path, checkpoint: Path | None = None) -> ModelHandle:
    """Rebuild the trained model of a run.

    Args:
        folder: the run's folder, with config.yaml.
        checkpoint: the weights; default: the run's best checkpoint.

    Raises:
        UserError: if the folder is not a run, or has no checkpoint.
    """
    restrict_imports()
    config = read_yaml(folder / "config.yaml")
    if not config.get("data_info"):
        raise UserError(str(folder), "config.yaml has no data_info, which describes the model's inputs and target.")
    info = DataInfo.from_dict(config["data_info"])
    handle = handle_for(build_module(config, info), config, info)
    load_weights(handle.lightning_module, checkpoint or find_checkpoint(folder))
    handle.lightning_module.eval()
    return handle


def find_checkpoint(folder: Path) -> Path:
    """The checkpoint that audits use: best.ckpt, final.ckpt or last.ckpt, the first that exists."""
    for name in ("best.ckpt", "final.ckpt", "last.ckpt"):
        if (path := folder / "checkpoints" / name).is_file():
            return path
    raise UserError(str(folder), "contains no checkpoint.", "Give the folder of a run that trained a model.")


def restore_data(datamodule: LightningDataModule | None, checkpoint: Path) -> bool:
    """Restore the fitted state of a data module, such as a vocabulary, from a checkpoint; False if there is none.

    Without it, a data file that has changed since the training would map its words to other indices than the model's.
    """
    if datamodule is None or type(datamodule).load_state_dict is LightningDataModule.load_state_dict:
        return False
    learned = torch.load(checkpoint, weights_only=True, map_location="cpu").get(type(datamodule).__qualname__)
    if learned:
        datamodule.load_state_dict(learned)
    return bool(learned)


def handle_for(module: LightningModule, config: Mapping[str, Any], info: DataInfo) -> ModelHandle:
    """A `ModelHandle` whose `rebuild()` uses the resolved configuration."""
    name = str(config["model"]["class_path"]).rpartition(".")[2]
    return ModelHandle(module, info, recipe=lambda: build_module(config, info), name=name)


def build_module(config: Mapping[str, Any], info: DataInfo | None) -> LightningModule:
    """An untrained LightningModule with its optimizer, from a resolved configuration."""
    parser = GlasshouseParser()
    parser.add_subclass_arguments(nn.Module, "model", fail_untyped=False, required=True)
    untouched: dict[str, Any] = {"instantiate": False, "fail_untyped": False}
    parser.add_subclass_arguments((Optimizer,), "optimizer", skip={"params"}, **untouched)
    parser.add_subclass_arguments(LRSchedulerTypeTuple, "lr_scheduler", skip={"optimizer"}, **untouched)
    chosen = {key: config[key] for key in ("model", "optimizer", "lr_scheduler") if config.get(key)}
    parsed = parser.parse_object(chosen)
    network = parser.instantiate(Namespace(model=parsed.model)).model  # type: ignore[no-untyped-call]
    return wrap_network(network, parsed, info)


def wrap_network(model: nn.Module, values: Mapping[str, Any] | Namespace, info: DataInfo | None) -> LightningModule:
    """A LightningModule of a network, its loss and its optimizer; a LightningModule is returned as it is.

    Args:
        model: the network or LightningModule.
        values: the parsed configuration; `optimizer` and `lr_scheduler` are used.
        info: the description of the data; a plain network needs its target, unless the network scores its own inputs.

    Raises:
        UserError: if a plain network is used with data without a declared target, or if `optimizer:` or
            `lr_scheduler:` would replace the `configure_optimizers` of a LightningModule.
    """
    if isinstance(model, LightningModule):
        module: Any = model
        own = type(model).configure_optimizers is not LightningModule.configure_optimizers
        given = [key for key in ("optimizer", "lr_scheduler") if values.get(key) is not None]
        if own and given:
            raise UserError(
                f"model '{type(model).__name__}'",
                f"configures its own optimizers, which `{given[0]}:` would replace.",
                f"Remove `{given[0]}:`, or set its options under `model:`.",
            )
        if own:
            return module  # type: ignore[no-any-return]
        module.configure_optimizers = lambda: configure_optimizers(module)
    elif (target := self_score_target(model) or (None if info is None else info.target)) is None:
        raise UserError(
            f"model '{type(model).__name__}'",
            "is a plain network, and the data declare no target.",
            "Add `data_info: {target: {name: ..., kind: binary, classes: [...]}, ...}`.",
        )
    else:
        module = Task(model, target)
    module.optimizer_factory = optimizer_factory(values.get("optimizer"))
    module.scheduler = scheduler_config(values.get("lr_scheduler"))
    return module  # type: ignore[no-any-return]


def optimizer_factory(chosen: Any) -> OptimizerFactory | None:
    """A function from parameters to the optimizer of `optimizer:`; None without that key."""
    if chosen is None:
        return None
    cls, options = class_and_options(chosen)

    def make(parameters: Iterable[nn.Parameter]) -> Optimizer:
        with library_errors.user_errors_from_constructor(f"optimizer '{cls.__name__}'"):
            return cls(parameters, **options)  # type: ignore[no-any-return]

    return make


def scheduler_config(chosen: Any) -> SchedulerConfig | None:
    """The schedule of `lr_scheduler:`, which is built once the optimizer exists; None without that key."""
    if chosen is None:
        return None
    cls, options = class_and_options(chosen)
    intervals = {
        component.class_path: component.plugin.interval
        for component in registry().components("lr_scheduler")
        if isinstance(component.plugin, SchedulerPlugin)
    }
    return SchedulerConfig(cls, options, interval=intervals.get(chosen["class_path"], "epoch"))
