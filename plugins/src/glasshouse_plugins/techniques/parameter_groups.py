"""Options of the optimizer for some parameters alone: no decay of norms and biases, rates by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from glasshouse import UserError
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from glasshouse_plugins.techniques.weights import Kind, kinds, require_kinds, trainable_network

_WHO = "technique 'parameter_groups'"


class ParameterGroups(Callback):
    """Keeps weight decay off norms and biases, and gives parameters options of the optimizer by their names.

    Decay shrinks what a layer does; of a norm's scale or of a bias it only moves the place (as in BERT's and GPT-2's
    training, and Loshchilov and Hutter 2019). Works with every optimizer but `lbfgs`. Schedules move the rate of each
    group by the same factor; a `max_lr` given to `one_cycle` is that of all.

    Args:
        no_decay: parameters whose weight decay is 0: any of norms, biases, embeddings.
        groups: each with ``match``, a pattern of parameters' names in the network such as ``embed.*``, and options of
            the optimizer for these, e.g. ``{match: "embed.*", lr: 0.0001}``. The first pattern that fits counts, and a
            ``weight_decay`` given here more than `no_decay`.

    Raises:
        UserError: for a group without options, a pattern that fits no parameter, or an option that no optimizer has.
    """

    def __init__(
        self, no_decay: Sequence[Kind] = ("norms", "biases"), groups: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        require_kinds("no_decay", no_decay)
        for group in groups:
            if not isinstance(group, Mapping) or not isinstance(group.get("match"), str) or len(group) < 2:
                raise ValueError(
                    f"a group is {group!r}; expected a pattern and options: {{match: 'embed.*', lr: 0.0001}}"
                )
        self.no_decay = no_decay
        self.groups = groups

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Have the optimizer made with the groups."""
        if stage != "fit":
            return
        if not hasattr(pl_module, "optimizer_factory"):
            raise UserError(
                _WHO,
                f"model '{type(pl_module).__name__}' configures its own optimizers.",
                "Make the groups there, or give the network as a plain torch.nn.Module.",
            )
        pl_module.parameter_groups = lambda module: grouped(  # type: ignore[assignment]
            trainable_network(module, who=_WHO), self.no_decay, self.groups
        )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse options that are none of the optimizer's; it has been made by now."""
        for optimizer in trainer.optimizers:
            asked = {name for group in self.groups for name in group} - {"match"}
            unknown = sorted(asked - set(optimizer.defaults))
            if unknown:
                raise UserError(
                    _WHO,
                    f"'{unknown[0]}' is no option of {type(optimizer).__name__}.",
                    f"It has: {', '.join(sorted(optimizer.defaults))}.",
                )

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the module as it was."""
        if stage == "fit" and hasattr(pl_module, "parameter_groups"):
            pl_module.parameter_groups = None  # type: ignore[assignment]


def grouped(network: nn.Module, no_decay: Sequence[Kind], groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Trainable parameters as torch's optimizers take them: those of each pattern, then the rest; those with and those
    without decay apart. Groups without parameters are left out.

    Raises:
        UserError: for a pattern that fits no parameter.
    """
    matched: list[dict[bool, list[nn.Parameter]]] = [{True: [], False: []} for _ in (*groups, None)]
    fitting, seen, names = set(), set(), []
    for name, parameter, kind in kinds(network):
        names.append(name)
        if parameter in seen:
            continue  # shared under two names: the first counts
        seen.add(parameter)
        place = next((i for i, group in enumerate(groups) if fnmatchcase(name, group["match"])), len(groups))
        fitting.add(place)
        matched[place][kind not in no_decay].append(parameter)
    for place, group in enumerate(groups):
        if place not in fitting:
            raise UserError(
                _WHO,
                f"no parameter is left that '{group['match']}' fits.",
                f"Names: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}.",
            )
    found = []
    for group, parts in zip((*groups, {}), matched, strict=True):
        options = {key: value for key, value in group.items() if key != "match"}
        for decays in (True, False):
            if parts[decays]:
                found.append({**({} if decays else {"weight_decay": 0.0}), **options, "params": parts[decays]})
    return found
