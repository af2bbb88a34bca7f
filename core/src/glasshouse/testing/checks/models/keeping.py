"""Checks of building, saving, rebuilding and converting a model."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from glasshouse.config.lightning_parser import restrict_imports
from glasshouse.data.data_info import DataInfo
from glasshouse.plugins.loading import one_line
from glasshouse.system import library_errors
from glasshouse.testing.checks.models.subject import ModelSubject, network_of, outputs
from glasshouse.testing.checks.training.steps import quiet
from glasshouse.testing.checks.training.tensors import expect_close, expect_same, named_tensors
from glasshouse.testing.kit.checks import expect, expect_user_error
from glasshouse.testing.kit.fresh import FreshProcessError, in_fresh_process
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.training.model_building import build_module

_MUST_BE_POSITIVE = ("in_features", "num_classes", "out_features", "vocab_size")


def builds_from_sizes(subject: ModelSubject) -> None:
    """It can be built from its options and the sizes of the data, for every declared modality and kind of target."""
    for case in subject.cases:
        try:
            subject.build(case)
        except Exception as error:
            raise CheckFailed(f"expected to be built for {case}, received {one_line(error)}") from error


def refuses_bad_sizes(subject: ModelSubject) -> None:
    """A size below one is refused by the constructor, with an error that names the model."""
    case = subject.case
    bad: dict[str, Any] = dict.fromkeys(_MUST_BE_POSITIVE, -1)
    if case.info.modality != "text":
        bad["input_shape"] = [-1, *case.info.input_shape[1:]]
    taken = subject.config(case.info)["model"]["init_args"]
    tried = {name: value for name, value in bad.items() if taken.get(name) is not None}
    if not tried:
        raise NotApplicable("it has no size that the data fill")
    for name, value in tried.items():
        with quiet():
            expect_user_error(
                partial(subject.build, case, **{name: value}),
                naming=(subject.name, subject.target.__name__),
                given=f"{name}: {value}",
            )


def options_are_plain_values(subject: ModelSubject) -> None:
    """Its resolved options and hyper-parameters are plain values, which `config.yaml` can store."""
    config = subject.config(subject.case.info)["model"]["init_args"]
    hparams = dict(getattr(subject.build(subject.case), "hparams", {}))
    for where, values in (("options", config), ("hyper-parameters", hparams)):
        for name, value in values.items():
            try:
                kept = json.loads(json.dumps(value))
            except (TypeError, ValueError):
                kept = None
            expect(
                kept == _as_lists(value),
                f"expected {where} of plain values, received {name}: {type(value).__name__}; "
                "exclude other values with `save_hyperparameters(ignore=...)`",
            )


def state_dict_round_trip(subject: ModelSubject) -> None:
    """Saved weights, loaded with `weights_only=True` into another instance, give the same outputs."""
    case = subject.case
    module = subject.build(case, seed=1)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    copy = subject.build(case, seed=2)
    copy.load_state_dict(torch.load(file, weights_only=True))
    expect_same(outputs(copy, case.rows.x), outputs(module, case.rows.x), "the outputs of the copy")


def rebuilds_in_a_fresh_process(subject: ModelSubject) -> None:
    """Another process rebuilds it from the resolved configuration and the saved weights, with the same outputs."""
    case = subject.case
    module = subject.build(case, seed=1)
    weights = io.BytesIO()
    torch.save({"weights": module.state_dict(), "x": case.rows.x[:4]}, weights)
    try:
        found = in_fresh_process(
            answer_rebuilt,
            config=json.loads(json.dumps(subject.config(case.info))),
            info=case.info.to_dict(),
            weights=weights.getvalue().hex(),
        )
    except FreshProcessError as error:
        raise CheckFailed(f"expected to be built from its configuration, received {error}") from error
    expect_close(
        torch.tensor(found).reshape(outputs(module, case.rows.x[:4]).shape),
        outputs(module, case.rows.x[:4]),
        "the outputs of the model that another process built",
    )


def answer_rebuilt(config: dict[str, Any], info: dict[str, Any], weights: str) -> list[Any]:
    """The outputs of a model that is built from its configuration; runs in the other process."""
    known = DataInfo.from_dict(info)
    restrict_imports(also=[config["model"]["class_path"].partition(".")[0]])
    with library_errors.user_errors_from_constructor("model"):
        module = build_module(config, known)
    given = torch.load(io.BytesIO(bytes.fromhex(weights)), weights_only=True)
    module.load_state_dict(given["weights"])
    found: list[Any] = outputs(module, given["x"]).tolist()
    return found


def all_tensors_are_registered(subject: ModelSubject) -> None:
    """Every tensor of the model is a registered parameter or buffer, and so moves between devices with it."""
    case = subject.case
    module = subject.build(case)
    outputs(module, case.rows.x)
    network = network_of(module)
    known = {id(tensor) for _, tensor in named_tensors(network)}
    left = [
        f"'{key}' of {type(part).__name__}"
        for part in network.modules()
        for key, value in vars(part).items()
        if key not in ("_parameters", "_buffers", "_modules")
        for tensor in _tensors_in(value)
        if id(tensor) not in known
    ]
    expect(not left, f"expected parameters and buffers only, received {', '.join(left[:3])}: use `register_buffer`")


def works_in_double_precision(subject: ModelSubject) -> None:
    """Converted to torch.float64, it computes in that dtype, with the same outputs up to rounding."""
    case = subject.case
    module = subject.build(case)
    x = case.rows.x
    single = outputs(module, x)
    double = outputs(module.to(torch.float64), x.double() if x.is_floating_point() else x)
    expect(double.dtype == torch.float64, f"expected torch.float64, received {double.dtype}")
    expect_close(double.float(), single, "the outputs in double precision")


def _tensors_in(value: Any, depth: int = 2) -> Iterator[Tensor]:
    """Tensors in an attribute, including those in nested lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from _tensors_in(item, depth - 1)
    elif depth and isinstance(value, (list, tuple, set)):
        for item in value:
            yield from _tensors_in(item, depth - 1)


def _as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_lists(item) for key, item in value.items()}
    return [_as_lists(item) for item in value] if isinstance(value, (list, tuple)) else value
