"""Optimizer options per group of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from glasshouse import UserError
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from glasshouse_plugins.techniques.weights import Kind, named_parameter_kinds, require_kinds, trainable_network

_WHO = "technique 'parameter_groups'"


class ParameterGroups(Callback):
    """Excludes norms and biases from weight decay, and sets optimizer options for parameters by name.

    Excluding norms and biases follows the training of BERT and GPT-2. Works with every optimizer except `lbfgs`.
    Learning-rate schedules scale all groups by the same factor; a `max_lr` of `one_cycle` applies to all groups.

    Args:
        no_decay: kinds of parameters without weight decay: any of ``norms``, ``biases``, ``embeddings``.
        groups: list of groups, each with ``match``, a glob pattern of parameter names in the network, and optimizer
            options for these parameters, e.g. ``{match: "embed.*", lr: 0.0001}``. The first matching pattern counts,
            and a ``weight_decay`` given here overrides `no_decay`.

    Raises:
        UserError: for a group without options, a pattern without a matching parameter, or an option that the optimizer
            does not have.
    """

    def __init__(
        self, no_decay: Sequence[Kind] = ("norms", "biases"), groups: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        require_kinds("no_decay", no_decay)
        for group in groups:
            if not isinstance(group, Mapping) or not isinstance(group.get("match"), str) or len(group) < 2:
                raise ValueError(
                    f"a group is {group!r}; expected a pattern and options, e.g. {{match: 'embed.*', lr: 0.0001}}"
                )
        self.no_decay = no_decay
        self.groups = groups

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set the groups from which the task builds its optimizer."""
        if stage != "fit":
            return
        if not hasattr(pl_module, "optimizer_factory"):
            raise UserError(
                _WHO,
                f"model '{type(pl_module).__name__}' configures its own optimizers.",
                "Set the groups there, or use a plain torch.nn.Module.",
            )
        pl_module.parameter_groups = lambda module: build_parameter_groups(  # type: ignore[assignment]
            trainable_network(module, who=_WHO), self.no_decay, self.groups
        )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse options that the optimizer does not have; it is built by now."""
        for optimizer in trainer.optimizers:
            options = {name for group in self.groups for name in group} - {"match"}
            unknown = sorted(options - set(optimizer.defaults))
            if unknown:
                raise UserError(
                    _WHO,
                    f"{type(optimizer).__name__} has no option '{unknown[0]}'.",
                    f"Options: {', '.join(sorted(optimizer.defaults))}.",
                )

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remove the groups from the module."""
        if stage == "fit" and hasattr(pl_module, "parameter_groups"):
            pl_module.parameter_groups = None  # type: ignore[assignment]


def build_parameter_groups(
    network: nn.Module, no_decay: Sequence[Kind], groups: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Trainable parameters in torch's format of parameter groups: those of each pattern, then the rest.

    Each group is split into parameters with and without weight decay; empty groups are left out.

    Raises:
        UserError: for a pattern without a matching parameter.
    """
    matched: list[dict[bool, list[nn.Parameter]]] = [{True: [], False: []} for _ in (*groups, None)]
    used, seen, names = set(), set(), []
    for name, parameter, kind in named_parameter_kinds(network):
        names.append(name)
        if parameter in seen:
            continue  # a parameter shared under two names belongs to the first
        seen.add(parameter)
        index = next((i for i, group in enumerate(groups) if fnmatchcase(name, group["match"])), len(groups))
        used.add(index)
        matched[index][kind not in no_decay].append(parameter)
    for index, group in enumerate(groups):
        if index not in used:
            raise UserError(
                _WHO,
                f"no remaining parameter matches '{group['match']}'.",
                f"Names: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}.",
            )
    result = []
    for group, parts in zip((*groups, {}), matched, strict=True):
        options = {key: value for key, value in group.items() if key != "match"}
        for decays in (True, False):
            if parts[decays]:
                result.append({**({} if decays else {"weight_decay": 0.0}), **options, "params": parts[decays]})
    return result
