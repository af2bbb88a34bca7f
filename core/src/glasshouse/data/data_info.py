"""The description of data by their plugin, as plain dataclasses without torch.

None of these objects passes through a module's `__init__` or hyper-parameters (a frozen dataclass there
crashes `fit`, and breaks `weights_only` loading); they are attributes of the data module.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from glasshouse.data.kinds import Modality, TargetKind


@dataclass(frozen=True, kw_only=True)
class Target:
    """The target variable."""

    name: str
    kind: TargetKind
    classes: tuple[str, ...] = ()
    """Class names in the order of their codes; empty for regression. Binary: (negative, positive)."""
    favourable: str | None = None
    """The class that benefits the person; None if there is none. Default of a binary target: the second class."""
    center: float = 0.0
    """Regression: mean of the training targets, in their unit."""
    scale: float = 1.0
    """Regression: standard deviation of the training targets, for standardized outputs."""
    observed: bool = True
    """False for a score that the model computes itself, such as a reconstruction error: the data have no true value."""

    def __post_init__(self) -> None:
        if not self.observed and self.kind != "regression":
            raise ValueError("a target with observed=False is a number: its kind must be regression")
        if self.kind == "regression" and self.classes:
            raise ValueError("a regression target has no classes")
        if not self.scale > 0:
            raise ValueError(f"the scale of a target is above 0, got {self.scale}")
        if self.kind == "binary" and len(self.classes) != 2:
            raise ValueError(f"a binary target has two classes, got {self.classes}")
        if self.kind in ("multiclass", "multilabel") and not self.classes:
            raise ValueError(f"a {self.kind} target names its classes")
        if self.favourable is not None and self.favourable not in self.classes:
            raise ValueError(f"favourable class {self.favourable!r} is not one of {self.classes}")

    @property
    def favourable_index(self) -> int | None:
        """Code of the favourable class; for a binary target without one, the second class."""
        if self.favourable is not None:
            return self.classes.index(self.favourable)
        return 1 if self.kind == "binary" else None

    @property
    def num_outputs(self) -> int:
        """Width of the model's output: classes or labels, 1 for regression."""
        return max(1, len(self.classes))


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One input feature, which may occupy several encoded columns."""

    name: str
    kind: Literal["numeric", "categorical"]
    columns: tuple[int, ...]
    """Positions in the encoded `x` (tabular only)."""
    categories: tuple[str, ...] = ()
    """Names of the encoded columns of a categorical feature, in order."""
    immutable: bool = False
    """The person cannot change it (age, place of birth)."""
    center: float = 0.0
    """Numeric: the value that is encoded as 0, in the feature's unit."""
    scale: float = 1.0
    """Numeric: the size of one encoded unit in the feature's unit."""


@dataclass(frozen=True, kw_only=True)
class Sensitive:
    """A sensitive attribute: its groups are compared for fairness."""

    name: str
    levels: tuple[str, ...]
    """Level names in the order of their codes. One called ``missing`` gets quotation marks, because that is the name of
    rows without a value."""
    seen_by_model: bool | None = False
    """Whether it, or a column that it is derived from, is a feature of the model; None: unknown."""

    def __post_init__(self) -> None:
        if "missing" in self.levels:
            from glasshouse.statistics.counts.table import quoted_missing

            object.__setattr__(self, "levels", quoted_missing(self.levels))


@dataclass(frozen=True, kw_only=True)
class DataInfo:
    """The description of a data set for audits and reports, without its rows."""

    name: str
    modality: Modality
    target: Target
    input_shape: tuple[int, ...]
    """Shape of one encoded example, without the batch dimension."""
    features: tuple[Feature, ...] = ()
    sensitive: tuple[Sensitive, ...] = ()
    sizes: dict[str, Any] = field(default_factory=dict)
    """Values of a model's size parameters, any of `SIZE_NAMES`; primitives only."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows per split: ``train``, ``validate``, ``test``."""
    source: str = ""
    """Origin of the data, with a citation."""
    licence: str = ""
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    """How values were read where that is not obvious, a sentence each."""
    labels: Target | None = None
    """The target of the data, if the model is self-scoring: then the class is the last of `sensitive`, and `y` in
    batches."""

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, as in the record and in `config.yaml`."""
        values: dict[str, Any] = _plain(asdict(self))
        if not self.notes:
            del values["notes"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DataInfo:
        """The inverse of `to_dict`; keys in `SIDE_ATTRIBUTE_KEYS` are ignored."""
        rest = {key: value for key, value in values.items() if key not in SIDE_ATTRIBUTE_KEYS}
        target = Target(**_tupled(rest.pop("target")))
        labels = rest.pop("labels", None)
        features = tuple(Feature(**_tupled(f)) for f in rest.pop("features", ()))
        sensitive = tuple(Sensitive(**_tupled(s)) for s in rest.pop("sensitive", ()))
        shape = tuple(rest.pop("input_shape"))
        return cls(
            target=target,
            features=features,
            sensitive=sensitive,
            input_shape=shape,
            labels=None if labels is None else Target(**_tupled(labels)),
            notes=tuple(rest.pop("notes", ())),
            **rest,
        )


SIDE_ATTRIBUTE_KEYS = ("aligned", "bins", "batch")
"""Keys of `data_info:` that are not fields of `DataInfo`: a file with sensitive attributes aligned with the rows of the
data, or one for each split, the bin edges of numeric attributes, and the layout of batches."""

SIZE_NAMES = (
    "in_features",
    "out_features",
    "input_shape",
    "num_classes",
    "cardinalities",
    "vocab_size",
    "sequence_length",
)
"""Parameters of a model that default to `DataInfo.sizes`.

`in_features`: encoded columns, or values of an image; `out_features` and `num_classes`: `Target.num_outputs`;
`cardinalities`: the widths of the one-hot blocks of categorical features, which are the last columns of `x`.
"""

SPLITS = ("train", "validate", "test")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _tupled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
