"""Any data set of OpenML, by name and version or by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import Request

import numpy as np
from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError, did_you_mean
from glasshouse.data import Coded, SplitOption, level_name

from glasshouse_plugins.data.published_files import data_folder


class OpenML(TabularDataModule):
    """A data set of openml.org, downloaded by scikit-learn and cached in a folder.

    Downloads only if `download` is true; afterwards the data is read from the folder, which can also be a `data_home`
    of `sklearn.datasets.fetch_openml`. scikit-learn checks each file against OpenML's hash. Nominal columns are
    categorical, others numeric; the default target is OpenML's.

    Args:
        dataset: name of the data set, together with `version`; or give `data_id` instead.
        version: version of the data set.
        data_id: OpenML id of the data set.
        download: download files that are not in the folder.
        path: the folder; default: ``$GLASSHOUSE_DATA/openml`` if that variable is set, else
            ``../shared/data/openml``.
        target: the column to predict; default: OpenML's.
        drop: columns not used as model inputs; they may still be sensitive attributes.
        sensitive: columns with sensitive attributes, whose groups the fairness audits compare.
        bins: bin edges that turn a numeric sensitive column into groups, e.g. ``{age: [30, 50]}``.
        task: ``binary``, ``multiclass`` or ``regression``; default: classification for text and for at most ten
            distinct whole numbers, else regression.
        favourable: the class that is the better outcome for the person; fairness audits compare its rates.
        immutable: columns that a person cannot change, e.g. age.
        missing: what to do with missing numbers: ``error``, ``impute`` (training median and a missing indicator) or
            ``drop`` (rows with a missing feature or target).
        batch_size: rows per batch.
        fractions: fractions of rows in the train, validate and test splits.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``.
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
        favourable: str | int | bool | None = None,
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
                "E.g. `dataset: adult, version: 2`: without a version, the data may change.",
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
        """The data set with OpenML's description."""
        bunch = self._fetch()
        frame, details = bunch.frame, bunch.details
        target = self.target or (bunch.target_names[0] if bunch.target_names else None)
        if target is None:
            raise UserError(self.who, "OpenML declares no target for this data set.", "Set `target:` to a column.")
        used = [("target", target), *(("drop", name) for name in self.drop)]
        used += [("sensitive", name) for name in self.sensitive]
        for option, name in used:
            if name not in frame.columns:
                raise UserError(
                    self.who,
                    f"`{option}` names '{name}', which is not a column.",
                    did_you_mean(name, list(frame.columns)),
                )
        excluded = {target, self.split_plan.column, *self.drop}
        return RawTable(
            columns={name: _column(frame[name]) for name in frame.columns},
            target=target,
            task=self.task,
            favourable=level_name(self.favourable),
            features=tuple(name for name in frame.columns if name not in excluded),
            immutable=tuple(self.immutable),
            sensitive=tuple(SensitiveColumn.binned(name, self.bins) for name in self.sensitive),
            source=f"OpenML {details['id']}: {details['name']}, version {details['version']}, "
            f"https://www.openml.org/d/{details['id']}",
            licence=details.get("licence", "none stated"),
        )

    def _fetch(self) -> Any:
        from sklearn.datasets import fetch_openml

        folder = data_folder(self.path, "openml")
        query: dict[str, Any] = (
            {"data_id": self.data_id} if self.dataset is None else {"name": self.dataset, "version": self.version}
        )
        label = ", ".join(f"{key} {value}" for key, value in query.items())
        try:
            with _offline(unless=self.download):
                return fetch_openml(**query, data_home=folder, as_frame=True, parser="liac-arff", n_retries=1)
        except URLError as error:
            if not self.download:
                raise UserError(
                    self.who,
                    f"{label} is not, or not completely, in {Path(folder).absolute()}.",
                    "Set `download: true` once, or set `path:` to the folder with it (scikit-learn's `data_home`).",
                ) from error
            raise UserError(self.who, f"{label} cannot be downloaded: {error}.", "Try again later.") from error
        except ValueError as error:
            raise UserError(self.who, f"{label} cannot be read: {str(error).splitlines()[0]}") from error


@contextmanager
def _offline(*, unless: bool) -> Iterator[None]:
    """Keep scikit-learn from downloading; it has no option for that, but one function that opens URLs."""
    from sklearn.datasets import _openml

    if unless:
        yield
        return
    urlopen = _openml.urlopen
    _openml.urlopen = _refuse_download
    try:
        yield
    finally:
        _openml.urlopen = urlopen


def _refuse_download(request: Request, *arguments: Any, **options: Any) -> Any:
    raise URLError(f"{request.full_url} is not in the folder")


def _column(values: Any) -> Any:
    """A column of the frame; nominal columns keep the levels that OpenML lists."""
    if hasattr(values, "cat"):
        levels = tuple(str(level) for level in values.cat.categories)
        return Coded(values.cat.codes.to_numpy().astype(np.int32), levels)
    return values.to_numpy()
