"""Evidence made of plain arrays, so that no audit's test trains anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from glasshouse import DataInfo, Evidence, Feature, Groups, Measurement, Predictions, Sensitive, Target

BINARY = Target(name="income", kind="binary", classes=("low", "high"), favourable="high")
REGRESSION = Target(name="price", kind="regression")


def predictions(
    target: Target,
    scores: Any,
    targets: Any,
    *,
    split: str = "test",
    groups: Mapping[str, tuple[Sequence[str], Any]] | None = None,
    losses: Any = None,
) -> Predictions:
    """Predictions from scores: (n,) probability of the second class or values, or (n, K)."""
    columns = np.asarray(scores, dtype=np.float32)
    if columns.ndim == 1:
        columns = columns[:, None] if target.kind == "regression" else np.stack([1 - columns, columns], axis=1)
    truth = np.asarray(targets, dtype=np.float64 if target.kind == "regression" else np.int64)
    return Predictions(
        split=split,
        target=target,
        index=np.arange(len(columns)),
        scores=columns,
        targets=truth,
        losses=None if losses is None else np.asarray(losses, dtype=np.float32),
        groups={
            name: Groups(name=name, levels=tuple(levels), codes=np.asarray(codes, dtype=np.int32))
            for name, (levels, codes) in (groups or {}).items()
        },
    )


def evidence(*splits: Predictions, seed: int = 0, **more: Any) -> Evidence:
    """Evidence about the last of `splits`."""
    judged = splits[-1]
    info = more.pop(
        "info",
        DataInfo(
            name="toy",
            modality="tabular",
            target=judged.target,
            input_shape=(1,),
            sensitive=tuple(Sensitive(name=g.name, levels=g.levels) for g in judged.groups.values()),
        ),
    )
    return Evidence(info=info, predictions={p.split: p for p in splits}, evaluate_on=judged.split, seed=seed, **more)


class Found:
    """Measurements by name, group and whatever else is asked for."""

    def __init__(self, measurements: Sequence[Measurement]) -> None:
        self.measurements = measurements

    def all(self, name: str, **wanted: Any) -> list[Measurement]:
        return [
            m
            for m in self.measurements
            if m.name == name and all(getattr(m, field) == value for field, value in wanted.items())
        ]

    def one(self, name: str, **wanted: Any) -> Measurement:
        found = self.all(name, **wanted)
        assert len(found) == 1, f"{len(found)} measurements {name} {wanted}: {[m.id for m in found]}"
        return found[0]


@pytest.fixture
def make_predictions() -> Callable[..., Predictions]:
    return predictions


@pytest.fixture
def make_evidence() -> Callable[..., Evidence]:
    return evidence


@pytest.fixture
def find() -> Callable[[Any], Found]:
    return lambda result: Found(result.measurements)


@pytest.fixture
def binary_target() -> Target:
    return BINARY


@pytest.fixture
def regression_target() -> Target:
    return REGRESSION


@pytest.fixture
def tabular_evidence() -> Callable[..., Evidence]:
    """Evidence on a network of encoded inputs: features of given widths, train and test inputs, and groups."""

    def build(
        network: Any,
        target: Target,
        widths: Mapping[str, int],
        *,
        train: Any,
        test: Any,
        seed: int = 0,
        targets: Any = None,
        groups: Mapping[str, tuple[Sequence[str], Any]] | None = None,
        **more: Any,
    ) -> Evidence:
        import torch
        from glasshouse import ModelHandle

        features, start = [], 0
        for name, width in widths.items():
            kind = "numeric" if width == 1 else "categorical"
            features.append(Feature(name=name, kind=kind, columns=tuple(range(start, start + width))))
            start += width
        info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(start,), features=tuple(features))
        holder = torch.nn.Module()
        holder.network = network
        inputs = {split: torch.as_tensor(x, dtype=torch.float32) for split, x in (("train", train), ("test", test))}
        handle = ModelHandle(holder, info)
        found = []
        for split, x in inputs.items():
            n = len(x)
            truth = np.zeros(n) if targets is None or split == "train" else targets
            theirs = groups if split == "test" else None
            found.append(predictions(target, handle.scores(x).numpy(), truth, split=split, groups=theirs))
        return evidence(*found, seed=seed, info=info, model=handle, inputs=inputs.__getitem__, **more)

    return build


def evidence_about(
    network: Any, modality: Any, shape: tuple[int, ...], inputs: Any, truth: Any, **more: Any
) -> Evidence:
    """Evidence about a network on images or texts, judged and trained on the same rows."""
    import torch
    from glasshouse import ModelHandle

    target = more.pop("target", BINARY)
    info = DataInfo(name="toy", modality=modality, target=target, input_shape=shape, rows={"train": len(inputs)})
    holder = torch.nn.Module()
    holder.network = network.eval()
    handle = ModelHandle(holder, info)
    scores = handle.scores(inputs).numpy()
    splits = [
        predictions(target, scores, truth, split=split, losses=np.ones(len(inputs))) for split in ("train", "test")
    ]
    return evidence(*splits, info=info, model=handle, inputs={"train": inputs, "test": inputs}.__getitem__, **more)


@pytest.fixture
def image_evidence() -> Callable[..., Evidence]:
    """Evidence about a network on images: (network, images (n, c, h, w), truth (n,))."""
    return lambda network, images, truth, **more: evidence_about(
        network, "image", tuple(images.shape[1:]), images, truth, **more
    )


@pytest.fixture
def text_evidence() -> Callable[..., Evidence]:
    """Evidence about a network on texts: (network, numbers of words (n, length), truth (n,))."""
    return lambda network, numbers, truth, **more: evidence_about(
        network, "text", (numbers.shape[1],), numbers, truth, **more
    )
