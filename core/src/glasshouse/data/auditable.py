"""What audits ask of a data module."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from glasshouse.data.batch import Batch
    from glasshouse.data.data_info import DataInfo

Found = TypeVar("Found")

Words = Callable[[str, Any], list[list[str]]]
"""(split, positions of rows) -> the words of each of these rows."""

Spelled = Callable[[Any], list[list[str]]]
"""Token numbers (n, k) -> the words of each row."""


class AuditableData(Protocol):
    """A data module that audits can read directly: it describes itself and returns rows in a fixed order.

    `TabularDataModule`, `ImageDataModule` and `TextDataModule` implement it. A LightningDataModule of your own does
    so by defining the three required members: `info`, `loader` and `inputs`. All other members are optional: where
    one is missing, the default of this class is used. Inheriting from this class is not required.

    All members are valid after ``setup("fit")``. A split is ``train``, ``validate`` or ``test``. The position of a row
    is its place in the split's order, from 0; this order is the same in every pass and in every member.
    """

    @property
    @abstractmethod
    def info(self) -> DataInfo:
        """Modality, input shape, target, features and sensitive attributes."""

    @abstractmethod
    def loader(self, split: str) -> Iterable[Batch]:
        """The batches of a split, inputs encoded as the model takes them; `Batch.index` is the position of each row.

        Can be iterated several times.

        Raises:
            UserError: where there is no such split.
        """

    @abstractmethod
    def inputs(self, split: str) -> Tensor:
        """The encoded inputs of a split as one tensor (n, ...), in the order of its rows."""

    def has_split(self, split: str) -> bool:
        """Whether there are rows for a split; default: True."""
        return True

    def inputs_at(self, split: str, rows: Any) -> Tensor:
        """The encoded inputs of the rows at these positions (k,), as (k, ...).

        Override it where encoding all rows of the split takes much memory or time.
        """
        return self.inputs(split)[rows]

    def row_weights(self, split: str) -> NDArray[np.float64] | None:
        """Sampling weight of each row, (n,), non-negative; default: None, every row counts once."""
        return None

    def row_clusters(self, split: str) -> NDArray[np.int64] | None:
        """Code of the cluster (person, household, query) of each row, (n,); default: None, rows are independent."""
        return None

    @property
    def words(self) -> Words | None:
        """``words(split, rows)``: the words of the texts at these positions as they enter the model; None without."""
        return None

    @property
    def spelled(self) -> Spelled | None:
        """``spelled(numbers)``: the words of token numbers (n, k), such as those of generated texts; None without."""
        return None

    @property
    def table_fingerprint(self) -> str | None:
        """SHA-256 of the data in use, for the run's provenance; default: None."""
        return None


REQUIRED = ("info", "loader", "inputs")
"""Members of `AuditableData` that have no default."""


def is_auditable(datamodule: Any) -> bool:
    """Whether a data module has the required members of `AuditableData`.

    It looks at the class: `info` is a property that may raise an error before `setup`.
    """
    return all(hasattr(type(datamodule), name) for name in REQUIRED)


def declares_info(datamodule: Any) -> bool:
    """Whether a data module has an `info` property, with or without the other members of `AuditableData`."""
    return hasattr(type(datamodule), "info")


class WithDefaults(AuditableData):
    """A data module with the defaults of `AuditableData` for the members that it lacks.

    Args:
        datamodule: with the required members; it need not inherit from `AuditableData`.
    """

    def __init__(self, datamodule: Any) -> None:
        self.datamodule = datamodule

    @property
    def info(self) -> DataInfo:
        return self.datamodule.info  # type: ignore[no-any-return]

    def loader(self, split: str) -> Iterable[Batch]:
        return self.datamodule.loader(split)  # type: ignore[no-any-return]

    def inputs(self, split: str) -> Tensor:
        return self.datamodule.inputs(split)  # type: ignore[no-any-return]

    def has_split(self, split: str) -> bool:
        return self._own("has_split", super().has_split)(split)

    def inputs_at(self, split: str, rows: Any) -> Tensor:
        return self._own("inputs_at", super().inputs_at)(split, rows)

    def row_weights(self, split: str) -> NDArray[np.float64] | None:
        return self._own("row_weights", super().row_weights)(split)

    def row_clusters(self, split: str) -> NDArray[np.int64] | None:
        return self._own("row_clusters", super().row_clusters)(split)

    @property
    def words(self) -> Words | None:
        return self._own("words", None)

    @property
    def spelled(self) -> Spelled | None:
        return self._own("spelled", None)

    @property
    def table_fingerprint(self) -> str | None:
        return self._own("table_fingerprint", None)

    def _own(self, name: str, default: Found) -> Found:
        found: Found = getattr(self.datamodule, name, default)
        return found
