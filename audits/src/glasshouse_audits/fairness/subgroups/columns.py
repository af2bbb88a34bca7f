"""What subgroups are defined by: sensitive attributes and features as codes, and the loss of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from glasshouse import Evidence, Predictions
from numpy.typing import NDArray

from glasshouse_audits.fairness import feature_codes
from glasshouse_audits.fairness.feature_codes import FeatureCoding
from glasshouse_audits.fairness.holdout_split import RowSubset
from glasshouse_audits.fairness.subgroups.search import Subgroup


@dataclass(frozen=True, eq=False)
class CodedColumns:
    """Attributes and features, coded alike for the searched and the evaluated rows."""

    codings: list[FeatureCoding]
    origins: list[int]
    """For each column the number of its source; columns with the same source are not combined."""
    searched: NDArray[np.int16]
    """(columns, n) codes of the rows to search."""
    evaluated: NDArray[np.int16]
    """(columns, m) codes of the rows to test on."""
    attributes: int
    """How many of the columns, the first ones, are sensitive attributes."""

    def labels(self, subgroup: Subgroup) -> dict[str, str]:
        """The conditions of a subgroup in words, by column name."""
        return {
            self.codings[condition.column].name: self.codings[condition.column].label(condition.low, condition.high)
            for condition in subgroup.conditions
        }


def code_columns(evidence: Evidence, searched: RowSubset, evaluated: RowSubset, bins: int) -> CodedColumns:
    """Attributes first; then the features, except those that are themselves an attribute."""
    groups = list(evaluated.predictions.groups.values())
    codings, searched_codes, evaluated_codes = [], [], []
    for attribute in groups:
        coding, codes = feature_codes.encode_groups(attribute)
        codings.append(coding)
        searched_codes.append(feature_codes.encode_groups(searched.predictions.groups[attribute.name])[1])
        evaluated_codes.append(codes)
    origins = list(range(len(groups)))
    features = evidence.info.features if evidence.info.modality == "tabular" else ()
    if features and evidence.inputs is not None:
        x, z = (_inputs(evidence, rows) for rows in (searched, evaluated))
        source: dict[str, int] = {}
        for position, attribute in enumerate(searched.predictions.groups.values()):
            own = feature_codes.feature_of_attribute(attribute, features, x)
            if own is not None:
                source[own.name] = position
        for feature in features:
            position = source.get(feature.name, len(codings))
            if position < len(groups) and (feature.kind == "categorical" or feature.name == groups[position].name):
                continue
            fitted = feature_codes.fit(feature, x, bins=bins)
            codings.append(fitted)
            origins.append(position)
            searched_codes.append(feature_codes.encode(fitted, feature, x))
            evaluated_codes.append(feature_codes.encode(fitted, feature, z))
    return CodedColumns(
        codings,
        origins,
        _stacked(searched_codes, len(searched)),
        _stacked(evaluated_codes, len(evaluated)),
        len(groups),
    )


def _inputs(evidence: Evidence, rows: RowSubset) -> NDArray[np.float32]:
    assert evidence.inputs is not None
    encoded = np.asarray(evidence.inputs(rows.split), dtype=np.float32)
    return encoded[rows.rows]


def _stacked(columns: Sequence[NDArray[np.int16]], rows: int) -> NDArray[np.int16]:
    return np.stack(columns) if columns else np.empty((0, rows), np.int16)


def losses(predictions: Predictions) -> NDArray[np.float64]:
    """(n,) 1 for a wrong decision and 0 for a right one, or the absolute error of a regression."""
    assert predictions.targets is not None
    if predictions.target.kind == "regression":
        return np.asarray(np.abs(predictions.predicted - predictions.targets), dtype=np.float64)
    return np.asarray(predictions.predicted != predictions.targets, dtype=np.float64)


def metric_name(predictions: Predictions) -> str:
    """Name of the mean of `losses`."""
    return "mean_absolute_error" if predictions.target.kind == "regression" else "error_rate"
