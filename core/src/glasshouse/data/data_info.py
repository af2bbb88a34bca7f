"""What a data plugin promises about its data: said once, in plain dataclasses, without torch.

None of these objects passes through a module's `__init__` or hyper-parameters (a frozen dataclass there
crashes `fit`, and breaks `weights_only` loading); they are attributes of the data module.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from glasshouse.data.kinds import Modality, TargetKind


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is predicted."""

    name: str
    kind: TargetKind
    classes: tuple[str, ...] = ()
    """Class names in the order of their codes; empty for regression. Binary: (negative, positive)."""
    favourable: str | None = None
    """The class that is good for the person concerned; None where there is none. Binary default: the second class."""
    center: float = 0.0
    """Regression: mean of the training targets, in their own units."""
    scale: float = 1.0
    """Regression: standard deviation of the training targets, so that a network's output may be of order one."""
    observed: bool = True
    """False for a score of the model's own, such as a reconstruction error: a number that no data hold the truth of."""

    def __post_init__(self) -> None:
        if not self.observed and self.kind != "regression":
            raise ValueError("a score that no data hold the truth of is a number: its kind is regression")
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
    """One input as a person would name it, which may occupy several encoded columns."""

    name: str
    kind: Literal["numeric", "categorical"]
    columns: tuple[int, ...]
    """Positions in the encoded `x` (tabular only)."""
    categories: tuple[str, ...] = ()
    """Names of the encoded columns of a categorical feature, in order."""
    immutable: bool = False
    """Nobody can change it about themselves (age, place of birth)."""
    center: float = 0.0
    """Numeric: the value that is encoded as 0, in the feature's own unit."""
    scale: float = 1.0
    """Numeric: the feature's own units that one unit of its encoding stands for."""


@dataclass(frozen=True, kw_only=True)
class Sensitive:
    """An attribute by which people must not be treated worse."""

    name: str
    levels: tuple[str, ...]
    """Level names in the order of their codes."""
    seen_by_model: bool | None = False
    """Whether it, or a column it is made from, is among the features; None: not known."""


@dataclass(frozen=True, kw_only=True)
class DataInfo:
    """All that audits and reports may know of a data set apart from its rows."""

    name: str
    modality: Modality
    target: Target
    input_shape: tuple[int, ...]
    """Shape of one encoded example, without the batch dimension."""
    features: tuple[Feature, ...] = ()
    sensitive: tuple[Sensitive, ...] = ()
    sizes: dict[str, Any] = field(default_factory=dict)
    """What a model's size parameters are filled from, primitives only: any of `SIZE_NAMES`."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows per split: ``train``, ``validate``, ``test``."""
    source: str = ""
    """Where the data come from, with a citation."""
    licence: str = ""
    synthetic: bool = False
    labels: Target | None = None
    """The data's own classes, where the model predicts a score of its own instead: then the last of `sensitive` is the
    class, which batches hold as `y`."""

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, as the record and `config.yaml` hold them."""
        values: dict[str, Any] = _plain(asdict(self))
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DataInfo:
        """The inverse of `to_dict`; keys of `BESIDE`, which say where attributes are to be had, are left aside."""
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
            **rest,
        )


SIDE_ATTRIBUTE_KEYS = ("aligned", "bins")
"""Keys of `data_info:` beside those of `DataInfo`: a file of sensitive attributes whose rows are those of the data, or
one for each split; and edges for those that are numbers."""

SIZE_NAMES = (
    "in_features",
    "out_features",
    "input_shape",
    "num_classes",
    "cardinalities",
    "vocab_size",
    "sequence_length",
)
"""Parameters of a model that are filled from `DataInfo.sizes` where the user leaves them out.

`in_features`: encoded columns, or numbers of a picture; `out_features` and `num_classes`: `Target.num_outputs`;
`cardinalities`: list of the widths of the categorical features' one-hot blocks, which stand last in `x`.
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
