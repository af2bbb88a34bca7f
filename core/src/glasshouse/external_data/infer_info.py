"""Third-party data described from one batch and the model's output for it; the user declares the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from glasshouse.data.data_info import DataInfo
from glasshouse.errors import ModelOutputError, UserError
from glasshouse.evidence.model_outputs import OutputKind
from glasshouse.external_data.side_attributes import SideAttributes
from glasshouse.external_data.target_codes import is_one_hot

WHO = "`info`"


def complete_info(
    given: DataInfo | Mapping[str, Any] | None,
    *,
    name: str,
    x: Tensor,
    y: Tensor,
    raw: Tensor,
    aligned: SideAttributes | None = None,
    rows: Mapping[str, int] | None = None,
) -> DataInfo:
    """Description of the data: what the user declares, completed by what one batch shows.

    A batch shows the shape of an example; its modality where the shape is unambiguous (rows of numbers, images with
    channels); and, with the model's number of outputs, the kind of target. Classes without names are named by their
    codes, features by their position.

    Args:
        given: a complete description, or some of the keys of `data_info:`; features may be a list of names.
        name: the name of the data where `given` has none.
        x: inputs of a batch, (n, ...).
        y: their targets.
        raw: the model's output for `x`, (n,) or (n, k).
        aligned: sensitive attributes in columns or files of their own.
        rows: number of rows by split.

    Raises:
        UserError: for keys that cannot be read, or a property that cannot be inferred.
    """
    if isinstance(given, DataInfo):
        values = given.to_dict()
    else:
        values = dict(given or {})
        values.setdefault("name", name)
        values.setdefault("input_shape", list(x.shape[1:]))
        if values.get("modality") is None:
            values["modality"] = modality(x)
        values["target"] = target(values.get("target") or {}, y, raw)
        values["features"] = features(values.get("features"), x, values["modality"])
    values["rows"] = dict(values.get("rows") or rows or {})
    try:
        info = DataInfo.from_dict(values)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(WHO, f"cannot be read: {error}.", "Its keys are those of `data_info:`.") from error
    return info if aligned is None else aligned.added_to(info)


def answer(model: torch.nn.Module, x: Any) -> Tensor:
    """The model's raw output for one batch, without gradients, in evaluation mode.

    Raises:
        UserError: for inputs that are no tensor.
        ModelOutputError: for a model without `forward`, or whose `forward` returns no tensor.
    """
    who = f"model '{type(model).__name__}'"
    if not isinstance(x, Tensor):
        raise UserError("data", f"expected inputs as one tensor, received {type(x).__name__}.", "Yield pairs (x, y).")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            raw = model(x.to(device, copy=True))
    except NotImplementedError as error:
        raise ModelOutputError(who, "has no `forward`.", "Define one that maps inputs to outputs.") from error
    finally:
        for module, mode in modes:
            module.training = mode
    if not isinstance(raw, Tensor):
        raise ModelOutputError(
            who, f"returns {type(raw).__name__}; expected one tensor of outputs.", "Wrap it in a module."
        )
    return raw.cpu()


def modality(x: Tensor) -> str:
    """``tabular`` for rows of numbers, ``image`` for (n, channels, height, width).

    Raises:
        UserError: for other shapes, which fit several modalities.
    """
    if x.ndim == 2 and x.is_floating_point():
        return "tabular"
    if x.ndim == 4:
        return "image"
    shape = "(" + ", ".join(["n", *map(str, x.shape[1:])]) + ")"
    raise UserError(
        WHO,
        f"inputs of shape {shape} and type {str(x.dtype).removeprefix('torch.')} fit several modalities.",
        "Set one: `info={'modality': 'text'}`, or tabular, image, sequence.",
    )


def target(given: Mapping[str, Any], y: Tensor, raw: Tensor) -> dict[str, Any]:
    """The target's name, kind and classes, completed.

    Whole numbers with one or two outputs are a binary target, with more outputs a multiclass target; a row of zeros and
    ones for each example is a class if it has a single 1 in every row, and several labels otherwise; other numbers with
    one output are a regression target.

    Raises:
        UserError: where outputs and targets do not fit together.
    """
    values = {"name": "target", **given}
    width = 1 if raw.ndim == 1 else raw.shape[-1]
    kind = values.setdefault("kind", _kind(y, width, len(values.get("classes") or ())))
    if not values.get("classes") and kind != "regression":
        signed = kind == "binary" and _is_signed(y)
        count = 2 if kind == "binary" else width
        values["classes"] = ["-1", "1"] if signed else [str(code) for code in range(count)]
    return values


def _kind(y: Tensor, width: int, classes: int) -> str:
    flat = y.squeeze(1) if y.ndim == 2 and y.shape[1] == 1 else y
    if is_one_hot(flat):
        return "binary" if flat.shape[1] == 2 else "multiclass"
    if flat.ndim == 2 and bool(((flat == 0) | (flat == 1)).all()):
        return "multilabel"
    if flat.ndim != 1:
        raise UserError(
            "data",
            f"targets of shape {tuple(y.shape)} are of no supported kind; expected (n,), or (n, k) of zeros and ones.",
        )
    values = set(flat.tolist())
    whole = all(math.isfinite(value) and value == round(value) for value in values)
    if width == 1:
        if classes == 2 or values <= {0, 1} or values <= {-1, 1}:
            return "binary"
        if whole and len(values) == 2:
            raise UserError(
                "data",
                f"targets are {min(values):g} and {max(values):g}, and the model has one output: classes or numbers?",
                "Say which: `info={'target': {'kind': 'binary', 'classes': [...]}}`, or `'kind': 'regression'`.",
            )
        return "regression"
    if not whole:
        raise UserError("data", f"targets are not whole numbers, but the model has {width} outputs.")
    return "binary" if width == 2 else "multiclass"


def _is_signed(y: Tensor) -> bool:
    """Whether two classes are written -1 and 1, as for a hinge loss."""
    return bool((y == -1).any()) and bool(((y == -1) | (y == 1)).all())


def features(given: Any, x: Tensor, kind: str) -> list[Any]:
    """Features as `DataInfo` has them; for tables each column is one feature, named or numbered.

    Raises:
        UserError: where the numbers of names and of columns differ.
    """
    if kind != "tabular" or x.ndim != 2:
        return list(given or ())
    names = [f"column {k}" for k in range(x.shape[1])] if given is None else list(given)
    if not all(isinstance(name, str) for name in names):
        return names
    if len(names) != x.shape[1]:
        raise UserError(WHO, f"names {len(names)} features; the inputs have {x.shape[1]} columns.")
    return [{"name": name, "kind": "numeric", "columns": [k]} for k, name in enumerate(names)]


def look_at_outputs(raw: Tensor, info: DataInfo) -> OutputKind | None:
    """``probabilities`` where each row of outputs sums to 1; None for logits or values, the default.

    Raises:
        ModelOutputError: where single outputs all lie between 0 and 1, since logits may do so as well.
    """
    if info.target.kind == "regression" or len(raw) == 0:
        return None
    columns = raw.detach().float().reshape(len(raw), -1)
    if not bool(((columns >= 0) & (columns <= 1)).all()):
        return None
    if columns.shape[1] > 1 and info.target.kind != "multilabel":
        sums = columns.sum(dim=1)
        return "probabilities" if bool(torch.isclose(sums, torch.ones_like(sums), atol=1e-3).all()) else None
    raise ModelOutputError(
        "model",
        "all its outputs lie between 0 and 1: they may be probabilities or logits.",
        "Set one: `output_kind='probabilities'` or `output_kind='logits'`.",
    )
