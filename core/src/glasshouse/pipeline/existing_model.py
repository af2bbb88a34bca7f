"""Audit a model that exists: from model and data to a folder with record and report."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from pytorch_lightning import LightningDataModule
from pytorch_lightning.utilities.seed import isolate_rng
from torch import nn

from glasshouse.config.policy_names import check_attributes, load_checked_policy
from glasshouse.config.run_options import Choice, RunOptions, parse_choices
from glasshouse.config.yaml_files import MADE_BY
from glasshouse.data.auditable import WithDefaults, is_auditable
from glasshouse.data.data_info import SPLITS, DataInfo
from glasshouse.errors import UserError
from glasshouse.evidence.model_handle import ModelHandle
from glasshouse.evidence.model_outputs import OutputKind, as_columns
from glasshouse.evidence.self_scoring import with_default_target, with_self_score_target
from glasshouse.external_data.adapter import LoaderAdapter, as_auditable, single
from glasshouse.external_data.infer_info import answer, complete_info, look_at_outputs
from glasshouse.external_data.reading import Reading, reading_of, refuse_unknown_sets
from glasshouse.measure.selection import choose_audits, required_splits
from glasshouse.pipeline.conclude import audit_and_conclude, current_provenance
from glasshouse.pipeline.gather_evidence import chosen_attributes, gather_evidence
from glasshouse.pipeline.lifecycle import lifecycle
from glasshouse.pipeline.run import Run
from glasshouse.pipeline.stages import Concluded, Trained
from glasshouse.plugins import Registry, registry
from glasshouse.report.writing import check_formats
from glasshouse.run_folder.folders import fresh_folder
from glasshouse.run_folder.mirror import mirror_of, parent_of_runs
from glasshouse.system import distributed
from glasshouse.system.atomic_files import write_yaml
from glasshouse.system.redaction import redact

if TYPE_CHECKING:
    from pytorch_lightning import Trainer


@dataclass(kw_only=True)
class Request:
    """The options of an audit of an existing model; what cannot be used is refused at construction.

    Args:
        options: the options that it shares with a run.
        info: a description of the data, which may be partial.
        reading: how to read data that do not describe themselves.
        output_kind: what the model returns; None: see `look_at_outputs`.
        seed: of everything random in the audits.

    Raises:
        UserError: for an unknown audit, report format or policy, or a folder that cannot be written.
    """

    options: RunOptions
    info: DataInfo | Mapping[str, Any] | None = None
    reading: Reading = field(default_factory=Reading)
    output_kind: OutputKind | None = None
    seed: int = 42
    registry: Registry = field(default_factory=registry)

    def __post_init__(self) -> None:
        load_checked_policy(self.options.policy, self.registry)
        self.choices()
        check_formats(self.options.report, self.registry)
        parent_of_runs(self.options.run_dir)

    def choices(self) -> list[Choice]:
        """The audits asked for, or all that are installed."""
        asked = self.options.audits
        return choose_audits(self.registry, None if asked is None else parse_choices("audits", asked))


def make_request(
    *,
    info: DataInfo | Mapping[str, Any] | None,
    sensitive: Any,
    bins: Mapping[str, Sequence[float]] | None,
    batch: Any,
    output_kind: OutputKind | None,
    seed: int,
    **options: Any,
) -> Request:
    """The keywords of `glasshouse.audit` and `AuditCallback`; names alone choose among attributes that are declared."""
    names = list(sensitive) if is_names(sensitive) else None
    reading = reading_of(batch=batch, attributes=None if names is not None else sensitive, bins=bins)
    for key in ("audits", "report"):
        if isinstance(options.get(key), str):
            options[key] = [options[key]]
    options["report"] = list(options["report"])
    return Request(
        options=RunOptions(sensitive=names, **options),
        info=info,
        reading=reading,
        output_kind=output_kind,
        seed=seed,
    )


def is_names(sensitive: Any) -> bool:
    """Whether attributes are named, rather than their values given."""
    return isinstance(sensitive, (list, tuple)) and all(isinstance(name, str) for name in sensitive)


def audit_existing(
    model: nn.Module,
    data: WithDefaults,
    request: Request,
    *,
    how: Mapping[str, Any],
    data_name: str,
    set_name: str = "",
    trainer: Trainer | None = None,
) -> Concluded:
    """Audit a trained model on its data, and write a folder with record and report.

    Weights, buffers, modes and gradients of the model, and every global random state, are restored afterwards.

    Args:
        model: as it is; nothing is loaded into it.
        data: what `as_auditable` returns.
        request: the options of the audit.
        how: what called the audit, for the first lines of config.yaml.
        data_name: the name of the data where their description has none.
        set_name: which of several evaluation sets it is; part of the run's name.
        trainer: the Trainer that trained it; its loggers receive the measurements.

    Raises:
        UserError: for data or outputs that cannot be used; then nothing is left behind.
    """
    with (
        distributed.as_single_process(),
        isolate_rng(),
        torch.inference_mode(False),
        torch.enable_grad(),
        _gradients_kept(model),
    ):
        run = _new_run(model, data, request, trainer)
        info, handle = _described(run, model, data, request, data_name)
        parent = parent_of_runs(request.options.run_dir)
        try:
            name = "-".join(filter(None, [request.options.name or info.name, set_name]))
            with fresh_folder(parent, re.sub(r"[^\w. -]", "_", name)) as run.folder:
                run.mirror = mirror_of(request.options.run_dir, run.folder)
                run.config = configuration(run, info, request, how)
                if set_name:
                    run.config["evaluation_set"] = set_name
                run.provenance = current_provenance(run)
                write_yaml(run.folder / "config.yaml", redact(run.config))
                found = gather_evidence(Trained(run=run, info=info, handle=handle, data=data))
            with lifecycle(run, new=True):
                return audit_and_conclude(found)
        finally:
            handle.copy_inputs(False)


def audit_model(model: nn.Module, data: Any, **asked: Any) -> Concluded:
    """`glasshouse.audit`: `asked` are its keywords."""
    if not isinstance(model, nn.Module):
        raise UserError("glasshouse.audit", f"expected a torch module first, received {type(model).__name__}.")
    request = make_request(**asked)
    how: dict[str, Any] = {MADE_BY: "glasshouse.audit"}
    judged, reading = request.options.evaluate_on, request.reading
    refuse_unknown_sets(reading)
    if isinstance(data, LightningDataModule):
        how["data"] = {"class_path": class_path(data)}
        if is_auditable(data):
            data.prepare_data()
            data.setup("fit")
        readable = as_auditable(data, model, judged=judged, reading=reading)
        return audit_existing(model, readable, request, how=how, data_name=type(data).__name__.lower())
    loaders = dict(data) if isinstance(data, Mapping) else {judged: data}
    unknown = [split for split in loaders if split not in SPLITS]
    if unknown or not all(hasattr(loader, "__iter__") for loader in loaders.values()):
        given = ", ".join(map(str, loaders)) if isinstance(data, Mapping) else type(data).__name__
        raise UserError(
            "glasshouse.audit",
            f"expected a data module, or loaders by split, received {given}.",
            "Give e.g. `{'train': train_loader, 'test': test_loader}`.",
        )
    how["data"] = "loaders"
    readable = as_auditable(
        None, model, judged=judged, reading=reading, loader_of=lambda split: single(loaders.get(split), split)
    )
    return audit_existing(model, readable, request, how=how, data_name=type(model).__name__.lower())


def _new_run(model: nn.Module, data: WithDefaults, request: Request, trainer: Trainer | None) -> Run:
    return Run(
        registry=request.registry,
        command="audit",
        options=request.options,
        policy=load_checked_policy(request.options.policy, request.registry),
        audits=request.choices(),
        seed=request.seed,
        datamodule=data.datamodule,
        model=model,
        trainer=trainer,
    )


def _described(
    run: Run, model: Any, data: WithDefaults, request: Request, data_name: str
) -> tuple[DataInfo, ModelHandle]:
    """What is known of the data, and the handle on the model; one batch shows what the data do not describe."""
    kind = request.output_kind
    if isinstance(data, LoaderAdapter):
        x, y = data.first_batch()
        raw = answer(model, x)
        rows = data.rows(required_splits(run.registry, run.audits, run.options.evaluate_on))
        given = with_default_target(request.info or data.declared_info, model)
        known = complete_info(given, name=data_name, x=x, y=y, raw=raw, aligned=data.reading.aligned, rows=rows)
        splits = required_splits(run.registry, run.audits, run.options.evaluate_on)
        known = data.find_attributes(known, splits, names=request.options.sensitive)
        data.info = with_self_score_target(known, model)
        as_columns(raw, data.info.target)
        if kind is None and getattr(model, "output_kind", None) is None:
            kind = look_at_outputs(raw, data.info)
    elif said := [name for name, value in _about_data(request).items() if value is not None]:
        what = said[0]
        raise UserError(f"`{what}`", "is for data that do not describe themselves; these do.", "Leave it out.")
    info = run.info = with_self_score_target(data.info, model)
    chosen_attributes(run.options.sensitive, info)
    check_attributes(run.policy, run.registry, info)
    handle = run.handle = ModelHandle(model, info, name=type(model).__name__, output_kind=kind)
    run.registry.call("glasshouse_check_run", run=run)
    return info, handle


def _about_data(request: Request) -> dict[str, Any]:
    """What is only said about data that do not describe themselves, by option."""
    return {"info": request.info, "sensitive": request.reading.aligned, "batch": request.reading.layout}


def configuration(run: Run, info: DataInfo, request: Request, how: Mapping[str, Any]) -> dict[str, Any]:
    """config.yaml of an audit from Python: what called it, which model and data it looks at, and its options."""
    options = run.options
    return {
        **how,
        "name": run.folder.parent.name,
        "seed_everything": run.seed,
        "model": {"class_path": class_path(run.model), "weights_sha256": weights_digest(run.model)},
        "evaluate_on": options.evaluate_on,
        "sensitive": chosen_attributes(options.sensitive, info),
        **({"sensitive_from": request.reading.aligned.source} if request.reading.aligned is not None else {}),
        **({"batch": request.reading.layout.plain} if request.reading.layout is not None else {}),
        "audits": [{"name": c.name, **c.options} if c.options else c.name for c in run.audits],
        "policy": options.policy,
        "report": list(options.report),
        "show_examples": options.show_examples,
        "small_group_limit": options.small_group_limit,
        "data_info": info.to_dict(),
    }


def class_path(thing: Any) -> str:
    """The import path of an object's class."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def weights_digest(model: nn.Module | None) -> str:
    """SHA-256 over names, types, shapes and bytes of everything in the model's state."""
    digest = hashlib.sha256()
    assert model is not None
    for name, value in sorted(model.state_dict().items()):
        if isinstance(value, torch.Tensor):
            digest.update(repr((name, str(value.dtype), tuple(value.shape))).encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        else:
            digest.update(repr((name, value)).encode())
    return digest.hexdigest()


@contextmanager
def _gradients_kept(model: nn.Module) -> Iterator[None]:
    """Restore the parameters' gradients, whatever an audit differentiates."""
    kept = [(parameter, parameter.grad) for parameter in model.parameters()]
    for parameter, _ in kept:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, gradient in kept:
            parameter.grad = gradient
