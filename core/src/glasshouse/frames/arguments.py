"""The roles of columns from the arguments of `glasshouse.audit_predictions`, each checked by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glasshouse.data.level_names import level_name
from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.errors import UserError, did_you_mean
from glasshouse.frames.columns import LabelColumns, PredictionColumns

_LABEL_ROLES = ("prediction", "target", "score")


def columns_from_arguments(
    *,
    prediction: Any,
    target: Any,
    score: Any,
    scores: Any,
    labels: Any,
    sensitive: Any,
    bins: Any,
    classes: Any,
    favourable: Any,
    threshold: Any,
    weights: Any,
    clusters: Any,
) -> PredictionColumns:
    """The roles of the columns; names of columns and classes may be numbers, and are read as text.

    Raises:
        UserError: for an argument of another type.
    """
    names = [] if sensitive is None else _names("sensitive", sensitive)
    edges = {str(_column("bins", name)): given for name, given in _mapping("bins", bins, "{'age': (40, 60)}").items()}
    for name in edges:
        if name not in names:
            raise UserError("`bins`", f"'{name}' is not among the sensitive columns.", "Name it in `sensitive`.")
    return PredictionColumns(
        prediction=_column("prediction", prediction) or "",
        target=_column("target", target),
        score=_column("score", score),
        scores=tuple(
            (_value("scores", name), str(_column("scores", column)))
            for name, column in _mapping("scores", scores, "{'yes': 'p_yes'}").items()
        ),
        labels=tuple(
            _label(str(name), given)
            for name, given in _mapping("labels", labels, "{'flu': {'prediction': 'says_flu'}}").items()
        ),
        weights=_column("weights", weights),
        clusters=_column("clusters", clusters),
        sensitive=tuple(SensitiveColumn.binned(name, edges) for name in names),
        classes=tuple(_value("classes", name) for name in _listed("classes", classes)),
        favourable=None if favourable is None else _value("favourable", favourable),
        threshold=_number("threshold", threshold),
    )


def source_from_argument(frame: Any) -> Any:
    """Paths of files as a list, or the frame as it is.

    Raises:
        UserError: for a list of something else.
    """
    if isinstance(frame, (str, Path)):
        return [Path(frame)]
    if not isinstance(frame, (list, tuple)):
        return frame
    for each in frame:
        if not isinstance(each, (str, Path)):
            raise UserError("frame", f"expected paths in a list, received {type(each).__name__}.", "Give one frame.")
    return [Path(path) for path in frame]


def _column(option: str, name: Any) -> str | None:
    if name is None or isinstance(name, str):
        return name
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    raise UserError(f"`{option}`", f"expected the name of a column, received {type(name).__name__}.")


def _names(option: str, given: Any) -> list[str]:
    return [
        str(_column(option, name)) for name in ([given] if isinstance(given, (str, int)) else _listed(option, given))
    ]


def _listed(option: str, given: Any) -> Sequence[Any]:
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise UserError(f"`{option}`", f"expected a list, received {type(given).__name__}.")
    return list(given)


def _mapping(option: str, given: Any, example: str) -> Mapping[Any, Any]:
    if given is None or isinstance(given, Mapping):
        return given or {}
    raise UserError(f"`{option}`", f"expected a mapping, received {type(given).__name__}.", f"E.g. {example}.")


def _label(name: str, given: Any) -> LabelColumns:
    roles = _mapping(f"labels[{name!r}]", given, "{'prediction': 'says_flu', 'target': 'has_flu'}")
    for role in roles:
        if role not in _LABEL_ROLES:
            raise UserError(f"`labels[{name!r}]`", f"has '{role}'.", did_you_mean(str(role), _LABEL_ROLES))
    if "prediction" not in roles:
        raise UserError(f"`labels[{name!r}]`", "has no 'prediction'.", "Name its column of decisions.")
    return LabelColumns(
        name=name,
        prediction=str(_column("labels", roles["prediction"])),
        target=_column("labels", roles.get("target")),
        score=_column("labels", roles.get("score")),
    )


def _value(option: str, value: Any) -> str:
    name = level_name(value) if isinstance(value, (str, bool, int, float)) or hasattr(value, "dtype") else None
    if name is None:
        raise UserError(f"`{option}`", f"expected the name of a class, received {type(value).__name__}.")
    return name


def _number(option: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        raise UserError(f"`{option}`", f"expected a number, received {value!r}.")
    return float(value)
