"""Evidence of a small trained model, and modifications of it: permuted rows, no rows, missing parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from glasshouse.data.data_info import SPLITS, DataInfo, Sensitive
from glasshouse.data.kinds import Modality, TargetKind
from glasshouse.evidence.collect import collect
from glasshouse.evidence.evidence import Evidence, tables_of
from glasshouse.evidence.model_handle import ModelHandle
from glasshouse.evidence.model_outputs import mean_loss
from glasshouse.evidence.predictions import Groups, Predictions
from glasshouse.plugins.declarations import AuditPlugin
from glasshouse.system.random_state import seeded
from glasshouse.testing.kit.tiny import WORDS, TinyData
from glasshouse.training.task import Task

ROWS = {"train": 60, "validate": 40, "test": 60}
REGIONS = ("north", "south", "nobody lives here")
"""A second sensitive attribute, with a level without rows."""

SENTINEL = 7654.321
"""A number that only one row contains, to find it in results."""

SECRET_WORD = "zyxomma"
"""A word that only one row contains."""


class TinyTableNet(nn.Sequential):
    """One hidden layer on a table's columns."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, outputs))


class TinyImageNet(nn.Sequential):
    """A convolution and a linear layer on images; it also generates images."""

    def __init__(self, shape: Sequence[int], outputs: int) -> None:
        self.shape = tuple(shape)
        channels, height, width = self.shape
        super().__init__(
            nn.Conv2d(channels, 4, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * -(-height // 2) * -(-width // 2), outputs),
        )

    def generate(self, count: int, *, seed: int) -> Tensor:
        """Noise images."""
        return torch.rand(count, *self.shape, generator=torch.Generator().manual_seed(seed))


class TinyTextNet(nn.Module):
    """A linear layer on the mean of the tokens' embeddings."""

    def __init__(self, words: int, outputs: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 8, padding_idx=0)
        self.layer = nn.Linear(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(n, length) token indices to (n, outputs)."""
        return self.layer(self.embed(x).mean(dim=1))  # type: ignore[no-any-return]


class TinySequenceNet(nn.Sequential):
    """One hidden layer on a flattened sequence."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, outputs))


def tiny_network(info: DataInfo) -> nn.Module:
    """An untrained network for tiny data."""
    outputs = info.target.num_outputs
    if info.modality == "image":
        return TinyImageNet(info.input_shape, outputs)
    if info.modality == "text":
        return TinyTextNet(info.sizes["vocab_size"], outputs)
    width = int(np.prod(info.input_shape))
    return TinyTableNet(width, outputs) if info.modality == "tabular" else TinySequenceNet(width, outputs)


def tiny_evidence(modality: Modality, target: TargetKind) -> Evidence:
    """All kinds of evidence, of a briefly trained network; calls share no objects."""
    data, network, found = _trained(modality, target)
    info = replace(data.info, sensitive=(*data.info.sensitive, Sensitive(name="region", levels=REGIONS)))
    inputs = {split: data.inputs(split).clone() for split in SPLITS}
    handle = ModelHandle(
        Task(deepcopy(network), info.target),
        info,
        recipe=lambda: _untrained(data.info),
        name="tiny",
    )
    return Evidence(
        info=info,
        predictions={split: _copy(predictions) for split, predictions in found.items()},
        model=handle,
        inputs=inputs.__getitem__,
        inputs_at=lambda split, rows: inputs[split][rows],
        words=_words(inputs) if modality == "text" else None,
        seed=1,
    )


def of_rows(evidence: Evidence, chosen: Mapping[str, NDArray[np.int64]]) -> Evidence:
    """The evidence of the chosen rows of some splits, in the given order, and of all rows of other splits."""
    predictions = {
        split: _rows(p, chosen[split]) if split in chosen else p for split, p in evidence.predictions.items()
    }
    whole, words = evidence.inputs, evidence.words

    def inputs(split: str) -> Tensor:
        assert whole is not None
        x: Tensor = whole(split)
        return x[torch.as_tensor(chosen[split])] if split in chosen else x

    def those(split: str, rows: Any) -> list[list[str]]:
        assert words is not None
        return words(split, chosen[split][rows] if split in chosen else rows)

    counts = {split: len(p) for split, p in predictions.items()}
    return replace(
        evidence,
        info=replace(evidence.info, rows={**evidence.info.rows, **counts}),
        predictions=predictions,
        inputs=None if whole is None else inputs,
        inputs_at=None if whole is None else lambda split, rows: inputs(split)[rows],
        words=None if words is None else those,
    )


def permuted(evidence: Evidence) -> Evidence:
    """The same rows of every split, permuted."""
    rng = np.random.default_rng(0)
    return of_rows(evidence, {split: rng.permutation(len(p)) for split, p in evidence.predictions.items()})


def judged(evidence: Evidence, rows: NDArray[np.int64]) -> Evidence:
    """The evidence with only these rows of the evaluated split."""
    return of_rows(evidence, {evidence.evaluate_on: rows})


def with_scores(evidence: Evidence, scores: NDArray[Any], *, losses: NDArray[Any] | None = None) -> Evidence:
    """The evidence with other scores (n, K) and losses (n,) in the evaluated split."""
    found = evidence.evaluated
    changed = replace(found, scores=scores.astype(np.float32), losses=found.losses if losses is None else losses)
    return replace(evidence, predictions={**evidence.predictions, evidence.evaluate_on: changed})


def without(evidence: Evidence, plugin: AuditPlugin) -> Evidence:
    """The evidence reduced to what an audit requires or uses."""
    wanted = {*plugin.requires, *plugin.uses}
    kept = {evidence.evaluate_on: evidence.evaluated}
    for split in ("train", "validate"):
        if f"{split}_predictions" in wanted:
            kept[split] = evidence.predictions[split]
    info = evidence.info if "features" in wanted else replace(evidence.info, features=())
    with_inputs = wanted & {"inputs"}
    return replace(
        evidence,
        info=info if "sensitive" in wanted else replace(info, sensitive=()),
        predictions={split: _stripped(p, wanted) for split, p in kept.items()},
        model=evidence.model if of_the_model(wanted) else None,
        inputs=evidence.inputs if with_inputs else None,
        inputs_at=evidence.inputs_at if with_inputs else None,
        words=evidence.words if with_inputs else None,
    )


def as_tables(evidence: Evidence) -> Evidence:
    """The evidence as count tables only, as computed from predictions that do not fit into memory."""
    return replace(
        evidence, tables=tables_of(evidence), predictions={}, model=None, inputs=None, inputs_at=None, words=None
    )


def with_sentinel(evidence: Evidence) -> Evidence:
    """The evidence with a number or word that only one row of each split contains, as an input and as its target."""
    whole, words = evidence.inputs, evidence.words
    assert whole is not None

    def inputs(split: str) -> Tensor:
        x: Tensor = whole(split).clone()
        if x.is_floating_point():
            x.view(len(x), -1)[3, 0] = SENTINEL if evidence.info.modality in ("tabular", "sequence") else 0.7654321
        return x

    def those(split: str, rows: Any) -> list[list[str]]:
        assert words is not None
        return [
            [SECRET_WORD, *text[1:]] if row == 3 else text for row, text in zip(rows, words(split, rows), strict=True)
        ]

    predictions = dict(evidence.predictions)
    if evidence.info.target.kind == "regression":
        for split, p in predictions.items():
            assert p.targets is not None
            truth = p.targets.copy()
            truth[3] = SENTINEL
            predictions[split] = replace(p, targets=truth)
    return replace(
        evidence,
        predictions=predictions,
        inputs=inputs,
        inputs_at=lambda split, rows: inputs(split)[rows],
        words=None if words is None else those,
    )


def contents(evidence: Evidence) -> dict[str, Any]:
    """All objects in the evidence that an audit could modify, by name."""
    found: dict[str, Any] = {"info": evidence.info}
    for split, predictions in evidence.predictions.items():
        found |= {f"{split} {name}": getattr(predictions, name) for name in ("index", "scores", "targets", "losses")}
        found |= {f"{split} groups of {name}": groups.codes for name, groups in predictions.groups.items()}
        if evidence.inputs is not None:
            found[f"{split} inputs"] = evidence.inputs(split)
    if evidence.model is not None:
        found["model"] = evidence.model.lightning_module
    return found


def of_the_model(wanted: Collection[str]) -> bool:
    """Whether any of these requirements needs the model."""
    return bool(set(wanted) - OF_DATA)


OF_DATA = {
    "tables",
    "targets",
    "sensitive",
    "train_predictions",
    "validate_predictions",
    "losses",
    "features",
    "inputs",
}
"""Requirements that need no model; all others are capabilities of the model."""


class WatchedEvidence(Evidence):
    """Evidence that records which parts are read: ``model``, ``inputs`` and ``SPLIT_predictions``."""

    def __init__(self, evidence: Evidence) -> None:
        seen: set[str] = set()
        values = {field.name: getattr(evidence, field.name) for field in fields(evidence)}
        values["predictions"] = _WatchedSplits(evidence.predictions, seen)
        super().__init__(**values)
        object.__setattr__(self, "_seen", seen)
        object.__setattr__(self, "_watched", evidence)

    @property
    def watched(self) -> Evidence:
        """The original evidence."""
        evidence: Evidence = object.__getattribute__(self, "_watched")
        return evidence

    @property
    def seen(self) -> set[str]:
        """The parts that were read, except the evaluated split."""
        seen: set[str] = object.__getattribute__(self, "_seen")
        return seen - {f"{self.evaluate_on}_predictions"}

    def has(self, requirement: str) -> bool:
        """Whether a requirement is met; this does not count as reading."""
        return self.watched.has(requirement)

    def __getattribute__(self, name: str) -> Any:
        if name in ("model", "inputs", "inputs_at", "words") and "_seen" in object.__getattribute__(self, "__dict__"):
            object.__getattribute__(self, "_seen").add("model" if name == "model" else "inputs")
        return object.__getattribute__(self, name)


class _WatchedSplits(Mapping[str, Predictions]):
    """Predictions by split that record which splits are read; `in` does not count as reading."""

    def __init__(self, splits: Mapping[str, Predictions], seen: set[str]) -> None:
        self._splits = splits
        self._seen = seen

    def __getitem__(self, split: str) -> Predictions:
        self._seen.add(f"{split}_predictions")
        return self._splits[split]

    def __contains__(self, split: object) -> bool:
        return split in self._splits

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits)

    def __len__(self) -> int:
        return len(self._splits)


@lru_cache(maxsize=16)
def _trained(modality: Modality, target: TargetKind) -> tuple[TinyData, nn.Module, dict[str, Predictions]]:
    data = TinyData(modality, target, seed=3, rows=ROWS)
    data.setup()
    info = data.info
    with seeded(0, "weights"):
        network = tiny_network(info)
    task = Task(network, info.target)
    x, y = data.inputs("train"), data.loader("train").rows.y
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(25):  # a good model, but not a perfect one
        optimizer.zero_grad()
        loss = mean_loss(network(x), y, info.target, task.output_kind) / info.target.scale**2
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    optimizer.zero_grad()
    handle = ModelHandle(task.eval(), info)
    names = [attribute.name for attribute in info.sensitive]
    found = {}
    for number, split in enumerate(SPLITS):
        predictions = collect(handle, data.loader(split), split=split, info=info, sensitive=names)
        codes = np.random.default_rng(number).integers(0, 2, len(predictions)).astype(np.int32)
        region = Groups(name="region", levels=REGIONS, codes=codes)
        found[split] = replace(predictions, groups={**predictions.groups, "region": region})
    return data, network, found


def _untrained(info: DataInfo) -> Task:
    task = Task(tiny_network(info), info.target)
    task.optimizer_factory = lambda parameters: torch.optim.Adam(parameters, lr=0.03)
    return task


def _words(inputs: Mapping[str, Tensor]) -> Callable[[str, Any], list[list[str]]]:
    spelled = ["", "?", *(f"word{number}" for number in range(2, WORDS))]

    def words(split: str, rows: Any) -> list[list[str]]:
        return [[spelled[number] for number in text if number] for text in inputs[split][rows].tolist()]

    return words


def _copy(p: Predictions) -> Predictions:
    return _rows(p, np.arange(len(p)))


def _rows(p: Predictions, chosen: NDArray[np.int64]) -> Predictions:
    def of(values: NDArray[Any] | None) -> Any:
        return None if values is None else values[chosen].copy()

    return replace(
        p,
        index=np.arange(len(chosen)),
        scores=of(p.scores),
        targets=of(p.targets),
        losses=of(p.losses),
        weights=of(p.weights),
        clusters=of(p.clusters),
        groups={name: replace(groups, codes=of(groups.codes)) for name, groups in p.groups.items()},
    )


def _stripped(p: Predictions, wanted: set[str]) -> Predictions:
    return replace(
        p,
        targets=p.targets if "targets" in wanted else None,
        losses=p.losses if "losses" in wanted else None,
        groups=p.groups if "sensitive" in wanted else {},
    )
