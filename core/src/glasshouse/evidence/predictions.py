"""A model's predictions for one split: per-row arrays on the CPU that all audits share, stored as Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.data_info import Target
from glasshouse.system.atomic_files import atomic_replace

ARRAYS = ("index", "scores", "targets", "losses", "weights", "clusters")
"""The fields of `Predictions` that are arrays or None."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """One sensitive attribute of every row.

    `codes` (n,), read-only, are positions in `levels`; -1 is a missing value. Levels without rows stay in `levels`.
    """

    name: str
    levels: tuple[str, ...]
    codes: NDArray[np.int32]
    seen_by_model: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", read_only(self.codes))


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Scores, targets, groups and losses of one split, aligned by row; all arrays are read-only.

    Shapes, for n rows and K outputs (`Target.num_outputs`):

    - `index` (n,) int64: positions in the split, ascending and unique.
    - `targets` (n,) int64 class codes, (n, K) int64 multilabel, (n,) float64 regression; None: no labels.
    - `scores` (n, K) float32: class probabilities in the order of `target.classes` (binary: two columns that sum
      to 1), independent probabilities for multilabel, or (n, 1) predicted values for regression.
    - `losses` (n,) float32: cross-entropy in nats, or squared error; None if undefined.
    - `weights` (n,) float64: row weights; None counts each row once.
    - `clusters` (n,) int64: dependent rows have the same number (a household, a patient's visits); None: rows are
      independent.
    """

    split: str
    target: Target
    index: NDArray[np.int64]
    scores: NDArray[np.float32]
    targets: NDArray[Any] | None
    losses: NDArray[np.float32] | None
    groups: Mapping[str, Groups] = field(default_factory=dict)
    weights: NDArray[np.float64] | None = None
    clusters: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for name in ARRAYS:
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.index)

    @property
    def predicted(self) -> NDArray[Any]:
        """The decision: the most probable class code (n,), labels at 0.5 (n, K), or values (n,)."""
        found: NDArray[Any]
        if self.target.kind == "regression":
            found = self.scores[:, 0].astype(np.float64)
        elif self.target.kind == "multilabel":
            found = (self.scores >= 0.5).astype(np.int64)
        else:
            found = np.argmax(self.scores, axis=1).astype(np.int64)
        found.flags.writeable = False  # writing into it would change nothing
        return found

    def save(self, path: Path) -> None:
        """Write Parquet: index, target, score_0..., loss, weight, cluster and one dictionary column per attribute."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns: dict[str, Any] = {"index": self.index}
        if self.targets is not None:
            if self.targets.ndim == 1:
                columns["target"] = self.targets
            else:
                columns |= {f"target_{k}": self.targets[:, k] for k in range(self.targets.shape[1])}
        columns |= {f"score_{k}": self.scores[:, k] for k in range(self.scores.shape[1])}
        if self.losses is not None:
            columns["loss"] = self.losses
        if self.weights is not None:
            columns["weight"] = self.weights
        if self.clusters is not None:
            columns["cluster"] = self.clusters
        for name, groups in self.groups.items():
            codes = pa.array(groups.codes, mask=groups.codes < 0)
            columns[f"group_{name}"] = pa.DictionaryArray.from_arrays(codes, pa.array(groups.levels, pa.string()))
        with atomic_replace(path) as partial:
            pq.write_table(pa.table(columns), partial)

    @classmethod
    def load(cls, path: Path, *, split: str, target: Target, sensitive: Mapping[str, Any]) -> Predictions:
        """Read a file that `save` wrote. `sensitive` maps each attribute's name to its `Sensitive` declaration."""
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        names = table.column_names

        def stacked(prefix: str) -> NDArray[Any] | None:
            chosen = [name for name in names if name.startswith(prefix)]
            return np.stack([table[name].to_numpy() for name in chosen], axis=1) if chosen else None

        groups = {}
        for name in names:
            if not name.startswith("group_"):
                continue
            attribute = name.removeprefix("group_")
            levels = tuple(sensitive[attribute].levels)
            encoded = table[name].combine_chunks()
            stored = encoded.dictionary.to_pylist()
            lookup = np.array([levels.index(level) for level in stored] or [-1], dtype=np.int32)
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            groups[attribute] = Groups(
                name=attribute,
                levels=levels,
                codes=np.where(codes < 0, np.int32(-1), lookup[codes]).astype(np.int32),
                seen_by_model=sensitive[attribute].seen_by_model,
            )
        scores = stacked("score_")
        assert scores is not None
        return cls(
            split=split,
            target=target,
            index=table["index"].to_numpy(),
            scores=scores,
            targets=table["target"].to_numpy() if "target" in names else stacked("target_"),
            losses=table["loss"].to_numpy() if "loss" in names else None,
            weights=table["weight"].to_numpy() if "weight" in names else None,
            clusters=table["cluster"].to_numpy() if "cluster" in names else None,
            groups=groups,
        )


def read_only(array: Any) -> Any:
    """A view of an array that cannot be written to; anything else as it is."""
    if not isinstance(array, np.ndarray):
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def save_scores(path: Path, outputs: NDArray[Any]) -> None:
    """Write outputs (n, k) of `predict`, which have no targets, as Parquet: index, score_0, ..."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {f"score_{k}": outputs[:, k] for k in range(outputs.shape[1])}
    with atomic_replace(path) as partial:
        pq.write_table(pa.table({"index": np.arange(len(outputs)), **columns}), partial)
