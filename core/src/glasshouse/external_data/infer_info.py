"""What can be known of a stranger's data from one batch and the model's answer to it; the rest has to be said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from glasshouse.data.data_info import DataInfo
from glasshouse.errors import UserError
from glasshouse.evidence.model_outputs import OutputKind
from glasshouse.external_data.side_attributes import Aligned

WHO = "`info`"


def complete_info(
    given: DataInfo | Mapping[str, Any] | None,
    *,
    name: str,
    x: Tensor,
    y: Tensor,
    raw: Tensor,
    aligned: Aligned | None = None,
    rows: Mapping[str, int] | None = None,
) -> DataInfo:
    """What is known of the data: what is said of them, and for the rest what a batch shows.

    A batch shows the shape of an example; its modality where that follows (rows of numbers, pictures with channels);
    the kind of target from the targets' type and the model's number of outputs. Classes that nobody names are called
    by their codes, features by their position.

    Args:
        given: all of it, or some of the keys of `data_info:`; features may be mere names.
        name: how the data are called where `given` does not say it.
        x: inputs of a batch, (n, ...).
        y: their targets.
        raw: the model's answer, (n,) or (n, k).
        aligned: sensitive attributes that stand beside the data.
        rows: rows by split.

    Raises:
        UserError: for what cannot be read or does not follow.
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
    return info if aligned is None else aligned.beside(info)


def answer(model: torch.nn.Module, x: Any) -> Tensor:
    """The model's raw output for one batch, without gradients, in evaluation mode.

    Raises:
        UserError: for inputs that are no tensor, or a model without `forward` or whose `forward` returns something
            else.
    """
    who = f"model '{type(model).__name__}'"
    if not isinstance(x, Tensor):
        raise UserError("data", f"expected inputs as one tensor, received {type(x).__name__}.", "Yield pairs (x, y).")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            raw = model(x.to(device))
    except NotImplementedError as error:
        raise UserError(
            who, "cannot be asked: it has no `forward`.", "Give it one that maps inputs to outputs."
        ) from error
    finally:
        for module, mode in modes:
            module.training = mode
    if not isinstance(raw, Tensor):
        raise UserError(who, f"returns {type(raw).__name__}; expected one tensor of outputs.", "Wrap it in a module.")
    return raw.cpu()


def modality(x: Tensor) -> str:
    """``tabular`` for rows of numbers, ``image`` for (n, channels, height, width).

    Raises:
        UserError: for other shapes, of which several things could be the reason.
    """
    if x.ndim == 2 and x.is_floating_point():
        return "tabular"
    if x.ndim == 4:
        return "image"
    shape = "(" + ", ".join(["n", *map(str, x.shape[1:])]) + ")"
    raise UserError(
        WHO,
        f"inputs of shape {shape} and type {str(x.dtype).removeprefix('torch.')} may be several things.",
        "Say which: `info={'modality': 'text'}`, or tabular, image, sequence.",
    )


def target(given: Mapping[str, Any], y: Tensor, raw: Tensor) -> dict[str, Any]:
    """The target's name, kind and classes, completed.

    Whole numbers beside one or two outputs are a binary target, beside more a multiclass one, a row of them for each
    example a multilabel one; other numbers beside one output are a regression.

    Raises:
        UserError: where outputs and targets make no sense together.
    """
    values = {"name": "target", **given}
    width = 1 if raw.ndim == 1 else raw.shape[-1]
    kind = values.setdefault("kind", _kind(y, width, len(values.get("classes") or ())))
    if not values.get("classes") and kind != "regression":
        count = 2 if kind == "binary" else width
        values["classes"] = [str(code) for code in range(count)]
    return values


def _kind(y: Tensor, width: int, classes: int) -> str:
    flat = y.squeeze(1) if y.ndim == 2 and y.shape[1] == 1 else y
    if flat.ndim == 2:
        return "multilabel"
    if flat.ndim != 1:
        raise UserError("data", f"targets of shape {tuple(y.shape)} are of no kind that is known.")
    whole = not flat.is_floating_point() or bool(((flat == 0) | (flat == 1)).all())
    if width == 1:
        return "binary" if whole or classes == 2 else "regression"
    if not whole:
        raise UserError("data", f"targets are not whole numbers, and the model has {width} outputs.")
    return "binary" if width == 2 else "multiclass"


def features(given: Any, x: Tensor, kind: str) -> list[Any]:
    """Features as `DataInfo` has them; for rows of numbers each column is one, named or numbered.

    Raises:
        UserError: for another number of names than of columns.
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
    """``probabilities`` where outputs can be nothing else; None where they are logits or values as usual.

    Raises:
        UserError: where one output lies between 0 and 1 throughout, which logits may do as well.
    """
    if info.target.kind == "regression" or len(raw) == 0:
        return None
    columns = raw.detach().float().reshape(len(raw), -1)
    if not bool(((columns >= 0) & (columns <= 1)).all()):
        return None
    if columns.shape[1] > 1 and info.target.kind != "multilabel":
        sums = columns.sum(dim=1)
        return "probabilities" if bool(torch.isclose(sums, torch.ones_like(sums), atol=1e-3).all()) else None
    raise UserError(
        "model",
        "all its outputs lie between 0 and 1: they may be probabilities, or logits.",
        "Say which: `output_kind='probabilities'` or `output_kind='logits'`.",
    )
