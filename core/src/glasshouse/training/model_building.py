"""A trained model again from config.yaml and weights alone, with no data at hand."""

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
from glasshouse.training.task import SchedulerConfig, Task, configure_optimizers
from glasshouse.training.trainer import load_weights


def rebuild(folder: Path, checkpoint: Path | None = None) -> ModelHandle:
    """The model that a run trained.

    Args:
        folder: the run's folder, with config.yaml.
        checkpoint: weights; the run's best ones by default.

    Raises:
        UserError: if the folder is no run, or has no weights.
    """
    restrict_imports()
    config = read_yaml(folder / "config.yaml")
    if not config.get("data_info"):
        raise UserError(str(folder), "config.yaml does not say what the model predicts (data_info).")
    info = DataInfo.from_dict(config["data_info"])
    handle = handle_for(build_module(config, info), config, info)
    load_weights(handle.lightning_module, checkpoint or find_checkpoint(folder))
    handle.lightning_module.eval()
    return handle


def find_checkpoint(folder: Path) -> Path:
    """The weights that a run is judged by: best.ckpt, final.ckpt or last.ckpt."""
    for name in ("best.ckpt", "final.ckpt", "last.ckpt"):
        if (path := folder / "checkpoints" / name).is_file():
            return path
    raise UserError(str(folder), "holds no checkpoint.", "Name the folder of a run that trained a model.")


def restore_data(datamodule: LightningDataModule | None, checkpoint: Path) -> bool:
    """Give data back what they had learned when the weights were written, such as a vocabulary; whether there was any.

    Otherwise a file that has changed since then would have its words numbered as the model was never taught.
    """
    if datamodule is None or type(datamodule).load_state_dict is LightningDataModule.load_state_dict:
        return False
    learned = torch.load(checkpoint, weights_only=True, map_location="cpu").get(type(datamodule).__qualname__)
    if learned:
        datamodule.load_state_dict(learned)
    return bool(learned)


def handle_for(module: LightningModule, config: Mapping[str, Any], info: DataInfo) -> ModelHandle:
    """A handle whose `rebuild()` follows the resolved configuration."""
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
    """A network, its loss and its optimizer as one LightningModule; a LightningModule stays what it is.

    Args:
        model: the network or LightningModule.
        values: parsed configuration; `optimizer` and `lr_scheduler` are read.
        info: what is known of the data; a plain network needs its target, unless it predicts a score of its own.

    Raises:
        UserError: if a plain network meets data without a declared target, or `optimizer:` or `lr_scheduler:` would
            replace what a LightningModule configures itself.
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
            "is a plain network, and the data do not say what is to be predicted.",
            "Add `data_info: {target: {name: ..., kind: binary, classes: [...]}, ...}`.",
        )
    else:
        module = Task(model, target)
    module.optimizer_factory = optimizer_factory(values.get("optimizer"))
    module.scheduler = scheduler_config(values.get("lr_scheduler"))
    return module  # type: ignore[no-any-return]


def optimizer_factory(chosen: Any) -> Any:
    """`optimizer:` as a function from parameters to an optimizer; None where it is not given."""
    if chosen is None:
        return None
    cls, options = class_and_options(chosen)

    def make(parameters: Iterable[nn.Parameter]) -> Optimizer:
        with library_errors.user_errors_from_constructor(f"optimizer '{cls.__name__}'"):
            return cls(parameters, **options)  # type: ignore[no-any-return]

    return make


def scheduler_config(chosen: Any) -> SchedulerConfig | None:
    """`lr_scheduler:` to be built once the optimizer exists; None where it is not given."""
    if chosen is None:
        return None
    cls, options = class_and_options(chosen)
    intervals = {
        component.class_path: component.plugin.interval
        for component in registry().components("lr_scheduler")
        if isinstance(component.plugin, SchedulerPlugin)
    }
    return SchedulerConfig(cls, options, interval=intervals.get(chosen["class_path"], "epoch"))
