"""The model to check, built as in a run, for tiny data of each declared kind."""

from __future__ import annotations

from argparse import ArgumentError
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from glasshouse.config.lightning_parser import GlasshouseParser, restrict_imports
from glasshouse.config.model_sizes import fill_sizes
from glasshouse.data.batch import Batch
from glasshouse.data.data_info import DataInfo
from glasshouse.errors import UserError
from glasshouse.evidence.model_handle import ModelHandle
from glasshouse.evidence.self_scoring import with_self_score_target
from glasshouse.system import library_errors
from glasshouse.system.random_state import seeded
from glasshouse.system.yaml_text import write_yaml_text
from glasshouse.testing.kit.subjects import Subject
from glasshouse.testing.kit.tiny import TinyData, tiny
from glasshouse.training.model_building import build_module
from glasshouse.training.task import Task


@dataclass(frozen=True, eq=False)
class Case:
    """Tiny data of one declared modality and kind of target."""

    data: Any
    info: DataInfo

    @property
    def rows(self) -> Batch:
        """All training rows."""
        batches = list(self.data.loader("train"))
        return Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))

    def __str__(self) -> str:
        return f"{self.info.modality} data with a {self.info.target.kind} target"


class ModelSubject(Subject):
    """A model and its tiny data; `data` replaces them by another data module, or by a function that creates one."""

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """One case for each declared modality and kind of target, or the given data."""
        if self.data is not None:
            data = self.data() if callable(self.data) else self.data
            data.setup()
            return (Case(data, data.info),)
        return tuple(_case(m, t) for m in self.plugin.modalities for t in self.plugin.targets)

    @property
    def case(self) -> Case:
        """The first declared modality and kind of target, for checks that need only one."""
        return self.cases[0]

    @property
    def package(self) -> str:
        """The top-level package of its class; the registry does not know the package of an unregistered declaration."""
        return self.component.class_path.partition(".")[0]

    def config(self, info: DataInfo, **sizes: Any) -> dict[str, Any]:
        """The resolved configuration, as in `config.yaml`: sizes are filled from the data, except those given here.

        Raises:
            UserError: for unknown options, and for sizes that the data do not have.
        """
        text = write_yaml_text(
            {"model": {"class_path": self.component.class_path, "init_args": {**self.options, **sizes}}}
        )
        restrict_imports(also=[self.package])
        parser = GlasshouseParser()
        parser.add_subclass_arguments(nn.Module, "model", fail_untyped=False, required=True)
        try:
            model = parser.parse_string(text).model
        except ArgumentError as error:
            raise UserError(f"model '{self.target.__name__}'", str(error)) from error
        fill_sizes(model, info)
        return {"model": model.as_dict()}

    def build(self, case: Case, *, seed: int = 0, lr: float | None = None, **sizes: Any) -> LightningModule:
        """The model, built as in a run.

        Args:
            case: the data that fill the sizes.
            seed: of the initial weights.
            lr: learning rate of Adam, for a model without its own optimizer; None adds no optimizer.
            sizes: replace sizes of the data.

        Raises:
            UserError: if the constructor refuses its arguments.
        """
        config = self.config(case.info, **sizes)
        with (
            library_errors.user_errors_from_constructor(f"model '{self.target.__name__}'"),
            seeded(seed, "weights"),
        ):
            module: Any = build_module(config, case.info)
        if lr is not None and hasattr(module, "optimizer_factory"):
            module.optimizer_factory = lambda parameters: torch.optim.Adam(parameters, lr=lr)
        return module  # type: ignore[no-any-return]

    def handle(self, case: Case, *, seed: int = 0) -> ModelHandle:
        """The handle of the untrained model in evaluation mode, as audits get it."""
        return handle_on(self.build(case, seed=seed), case)


def handle_on(module: LightningModule, case: Case) -> ModelHandle:
    """The handle of a module, which is set to evaluation mode, as audits get it."""
    return ModelHandle(module.eval(), with_self_score_target(case.info, module), name=case.info.name)


def outputs(module: LightningModule, x: Tensor) -> Tensor:
    """Raw output in evaluation mode, without gradients."""
    network = network_of(module).eval()
    with torch.no_grad():
        return network(x)  # type: ignore[no-any-return]


def network_of(module: LightningModule) -> nn.Module:
    """The network of a `Task`; any other LightningModule itself."""
    return module.network if isinstance(module, Task) else module


@lru_cache(maxsize=32)
def _case(modality: Any, target: Any) -> Case:
    data: TinyData = tiny(modality, target)
    return Case(data, data.info)
