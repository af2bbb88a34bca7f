"""Any table on OpenML, by name and version or by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import Request

import numpy as np
from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError, did_you_mean
from glasshouse.data import Coded, SplitOption

from glasshouse_plugins.data.folders import data_folder


class OpenML(TabularDataModule):
    """A data set of openml.org, fetched by scikit-learn and kept in a folder.

    Nothing is downloaded unless `download` says so; what has been is found in the folder ever after, which may also be
    one that `sklearn.datasets.fetch_openml` filled (`data_home`). scikit-learn compares each file with the hash that
    OpenML gives. Nominal columns are categorical, others numeric; the target is the one that OpenML names.

    Args:
        dataset: the data set's name, with `version`; or leave it out and give `data_id`.
        version: the version of that name.
        data_id: the data set's number.
        download: whether what the folder lacks may be fetched.
        path: the folder; default: ``$GLASSHOUSE_DATA/openml`` where that variable is set, else
            ``../shared/data/openml``.
        target: the column to predict; default: OpenML's.
        drop: columns the model does not see; they may still be sensitive attributes.
        sensitive: columns by whose values people must not be treated worse.
        bins: edges that turn a numeric sensitive column into groups, e.g. ``{age: [30, 50]}``.
        task: ``binary``, ``multiclass`` or ``regression``; default: classes for text and up to ten distinct whole
            numbers, else regression.
        favourable: the class that is good for the person concerned.
        immutable: columns that nobody can change about themselves.
        missing: ``error``, ``impute`` (training median and a marker column) or ``drop`` (rows where a feature or the
            target is missing).
        batch_size: rows per batch.
        fractions: shares of train, validate and test.
        split_seed: where the split comes from.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: to split otherwise, ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``.
    """

    name = "openml"

    def __init__(
        self,
        dataset: str | None = None,
        version: int | None = None,
        data_id: int | None = None,
        download: bool = False,
        path: str | None = None,
        target: str | None = None,
        drop: Sequence[str] = (),
        sensitive: Sequence[str] = (),
        bins: Mapping[str, Sequence[float]] | None = None,
        task: Literal["binary", "multiclass", "regression"] | None = None,
        favourable: str | None = None,
        immutable: Sequence[str] = (),
        missing: Literal["error", "impute", "drop"] = "error",
        batch_size: int = 256,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size, fractions=fractions, split_seed=split_seed, missing=missing, seed=seed, split=split
        )
        by_name = dataset is not None and version is not None
        if by_name == (data_id is not None) or (not by_name and (dataset is not None or version is not None)):
            raise UserError(
                self.who,
                "expected either `dataset` with its `version`, or `data_id`.",
                "A name without a version is not the same data tomorrow: e.g. `dataset: adult, version: 2`.",
            )
        self.bins = dict(bins or {})
        for column in self.bins:
            if column not in sensitive:
                raise UserError(
                    self.who, f"`bins` names '{column}', which is not in `sensitive`.", did_you_mean(column, sensitive)
                )
        self.dataset = dataset
        self.version = version
        self.data_id = data_id
        self.download = download
        self.path = path
        self.target = target
        self.drop = drop
        self.sensitive = sensitive
        self.task = task
        self.favourable = favourable
        self.immutable = immutable

    def load(self) -> RawTable:
        """The table as OpenML describes it."""
        bunch = self._fetched()
        frame, details = bunch.frame, bunch.details
        target = self.target or (bunch.target_names[0] if bunch.target_names else None)
        if target is None:
            raise UserError(self.who, "OpenML names no target of these data.", "Name one with `target:`.")
        asked = [("target", target), *(("drop", name) for name in self.drop)]
        asked += [("sensitive", name) for name in self.sensitive]
        for role, name in asked:
            if name not in frame.columns:
                raise UserError(
                    self.who, f"`{role}` names '{name}', which is no column.", did_you_mean(name, list(frame.columns))
                )
        hidden = {target, self.split_plan.column, *self.drop}
        return RawTable(
            columns={name: _column(frame[name]) for name in frame.columns},
            target=target,
            task=self.task,
            favourable=self.favourable,
            features=tuple(name for name in frame.columns if name not in hidden),
            immutable=tuple(self.immutable),
            sensitive=tuple(
                SensitiveColumn(name=name, column=name, edges=tuple(self.bins.get(name, ()))) for name in self.sensitive
            ),
            source=f"OpenML {details['id']}: {details['name']}, version {details['version']}, "
            f"https://www.openml.org/d/{details['id']}",
            licence=details.get("licence", "none stated"),
        )

    def _fetched(self) -> Any:
        from sklearn.datasets import fetch_openml

        folder = data_folder(self.path, "openml")
        what: dict[str, Any] = (
            {"data_id": self.data_id} if self.dataset is None else {"name": self.dataset, "version": self.version}
        )
        said = ", ".join(f"{key} {value}" for key, value in what.items())
        try:
            with _offline(unless=self.download):
                return fetch_openml(**what, data_home=folder, as_frame=True, parser="liac-arff", n_retries=1)
        except URLError as error:
            if not self.download:
                raise UserError(
                    self.who,
                    f"{said} is not in {Path(folder).absolute()}, or not all of it.",
                    "Set `download: true` once, or name the folder with `path:` (scikit-learn's `data_home`).",
                ) from error
            raise UserError(self.who, f"{said} cannot be fetched: {error}.", "Try again later.") from error
        except ValueError as error:
            raise UserError(self.who, f"{said} cannot be read: {str(error).splitlines()[0]}") from error


@contextmanager
def _offline(*, unless: bool) -> Iterator[None]:
    """scikit-learn answers from its folder or not at all; it has no switch for that, but one place that asks."""
    from sklearn.datasets import _openml

    if unless:
        yield
        return
    asks = _openml.urlopen
    _openml.urlopen = _refuse
    try:
        yield
    finally:
        _openml.urlopen = asks


def _refuse(request: Request, *arguments: Any, **options: Any) -> Any:
    raise URLError(f"{request.full_url} is not in the folder")


def _column(values: Any) -> Any:
    """A column of the frame; the codes of a nominal one stand for the levels that OpenML lists."""
    if hasattr(values, "cat"):
        levels = tuple(str(level) for level in values.cat.categories)
        return Coded(values.cat.codes.to_numpy().astype(np.int32), levels)
    return values.to_numpy()
