"""One run, readable top to bottom: configuration, data, model, training, evidence, audits, judgement, report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import glasshouse
from glasshouse import refusals
from glasshouse.auditing import choose_audits, earlier_results, required_splits, run_audits
from glasshouse.checkpoints import check_checkpoint
from glasshouse.collecting import collect
from glasshouse.config import Choice, RunOptions, parse_choices
from glasshouse.config_files import read_yaml
from glasshouse.data import DataInfo
from glasshouse.errors import UserError, did_you_mean
from glasshouse.evidence import Evidence
from glasshouse.folders import fresh_folder, writable_parent
from glasshouse.measurements import AuditResult, Section
from glasshouse.model import ModelHandle
from glasshouse.policy import Policy, judge, load_policy
from glasshouse.predictions import Predictions, save_scores
from glasshouse.provenance import command_line, provenance, redact
from glasshouse.rebuilding import assemble, handle_on, rebuild
from glasshouse.record import Record, build_record, write_json, write_whole
from glasshouse.report.writing import check_formats, write_reports
from glasshouse.task import Task
from glasshouse.training import best_checkpoint, load_weights, make_trainer

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule, LightningModule, Trainer

    from glasshouse.parser import GlasshouseCLI
    from glasshouse.plugins import Registry


@dataclass(kw_only=True)
class Run:
    """One run as plugins see it. It only ever gains attributes; what is not there yet is None."""

    registry: Registry
    command: str
    options: RunOptions
    policy: Policy
    audits: list[Choice]
    techniques: list[Choice]
    seed: int
    datamodule: LightningDataModule | None = None
    info: DataInfo | None = None
    config: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration, as config.yaml holds it."""
    model: LightningModule | None = None
    trainer: Trainer | None = None
    handle: ModelHandle | None = None
    results: list[AuditResult] = field(default_factory=list)
    record: Record | None = None
    no_evidence: str | None = None
    """Why the model's predictions could not be collected."""
    _folder: Path | None = None
    _evidence: Evidence | None = None

    @property
    def folder(self) -> Path:
        """Where this run writes."""
        assert self._folder is not None, "the run has no folder yet"
        return self._folder

    @property
    def evidence(self) -> Evidence:
        """What audits are given."""
        assert self._evidence is not None, "the evidence is not collected yet"
        return self._evidence

    def say(self, line: str) -> None:
        """A line of progress, on stderr: the last line of stdout is the run's folder."""
        print(line, file=sys.stderr, flush=True)


# -------------------------------------------------------------------- the life of a run


def execute(cli: GlasshouseCLI, registry: Registry) -> int:
    """What a parsed command asks for, from its data to its report.

    Returns:
        The exit code: 0 done, 1 the policy was violated and `--gate` was given, 3 an audit ended in error.
    """
    run = prepare(cli, registry)
    try:
        if cli.command == "run":
            fit_and_test(run, cli)
            collect_evidence(run)
            audit_and_report(run)
        else:
            run_lightning_command(run, cli)
    except BaseException as error:
        registry.call("glasshouse_run_failed", run=run, error=error)
        run.say(f"ended early; what was written stays in {run.folder}")
        raise
    registry.call("glasshouse_run_finished", run=run)
    print(run.folder)
    return exit_code(run, gate=bool(cli.values.get("gate")))


def prepare(cli: GlasshouseCLI, registry: Registry) -> Run:
    """Everything that can be refused is refused here, before anything is written or trained."""
    run = ask(cli, registry)
    callbacks = make_techniques(registry, run.techniques)
    parent = writable_parent(Path(run.options.run_dir))
    network = cli.build_model(run.info)
    run.config = cli.resolved(run.info)
    run.model = assemble(network, cli.values, run.info)
    if cli.command in ("run", "fit"):
        check_optimizer(run.model)
    adapted = registry.call("glasshouse_adapt_model", run=run)
    run.model = run.model if adapted is None else adapted
    if path := cli.method_arguments().get("ckpt_path"):
        check_checkpoint(path, run.model, run.config, training=cli.command in ("run", "fit"))
    with fresh_folder(parent, run.options.name or default_name(run)) as run._folder:
        run.config["name"] = run.folder.parent.name
        write_yaml(run.folder / "config.yaml", redact(run.config))
        callbacks += flat(registry.call("glasshouse_callbacks", run=run))
        loggers = flat(registry.call("glasshouse_loggers", run=run))
        monitor = "validate_loss" if isinstance(run.model, Task) and _has_loader(run, "val") else None
        with refusals.of_constructor("trainer"):
            run.trainer = make_trainer(
                cli.trainer_options(), folder=run.folder, monitor=monitor, callbacks=callbacks, loggers=loggers
            )
        registry.call("glasshouse_trainer_ready", run=run)
    return run


def ask(cli: GlasshouseCLI, registry: Registry) -> Run:
    """What is asked for, and the data it is asked of; nothing is built or written yet."""
    options = cli.options
    run = Run(
        registry=registry,
        command=cli.command,
        options=options,
        policy=load_policy(options.policy),
        audits=[] if cli.values.get("no_audits") else choose_audits(registry, _choices("audits", options.audits)),
        techniques=parse_choices("techniques", options.techniques),
        seed=cli.values["seed_everything"],
    )
    check_formats(options.report, registry)
    run.datamodule = cli.build_data()
    run.info = set_up(run.datamodule, options)
    chosen_attributes(run)
    registry.call("glasshouse_check_run", run=run)
    return run


def reopen(cli: GlasshouseCLI, registry: Registry, folder: Path) -> Run:
    """A finished run again, from its folder: its data set up, its model rebuilt from config.yaml and weights."""
    run = ask(cli, registry)
    run.config = read_yaml(folder / "config.yaml")
    run.handle = rebuild(folder)
    run.model = run.handle.lightning_module
    run._folder = folder
    return run


def fit_and_test(run: Run, cli: GlasshouseCLI) -> None:
    """Train, go back to the best checkpoint, test it."""
    assert run.trainer is not None
    assert run.model is not None
    run.say(f"training in {run.folder}")
    lightning(run, "fit", ckpt_path=cli.method_arguments()["ckpt_path"])
    load_weights(run.model, best_checkpoint(run.trainer, run.folder))
    run.registry.call("glasshouse_stage_finished", run=run, stage="fit")
    if _has_loader(run, "test"):
        lightning(run, "test")


def run_lightning_command(run: Run, cli: GlasshouseCLI) -> None:
    """`fit`, `validate`, `test` or `predict`, as Lightning does it."""
    outputs = lightning(run, cli.command, **cli.method_arguments())
    if cli.command == "predict" and all(isinstance(output, torch.Tensor) for output in outputs):
        scores = torch.cat([output.reshape(len(output), -1) for output in outputs])
        save_scores(run.folder / "predictions" / "predict.parquet", scores.float().cpu().numpy())
    run.registry.call("glasshouse_stage_finished", run=run, stage=cli.command)


def collect_evidence(run: Run) -> None:
    """Predictions of every split that the audits need, kept as Parquet."""
    assert run.model is not None
    if run.info is None:
        run.no_evidence = "the data do not say what is predicted; add `data_info:`"
        return
    run.handle = run.handle or handle_on(run.model, run.config, run.info)
    (run.folder / "predictions").mkdir(exist_ok=True)
    predictions = {}
    for split in required_splits(run.registry, run.audits, run.options.evaluate_on):
        if split == "validate" and split != run.options.evaluate_on and not has_validation(run):
            continue  # audits that need it are skipped with the reason; those that use it go without
        try:
            predictions[split] = predictions_of(run, split)
        except UserError as error:
            if error.who != "model":
                raise
            run.no_evidence = str(error)
            return
    run._evidence = Evidence(
        info=run.info,
        predictions=predictions,
        evaluate_on=run.options.evaluate_on,
        model=run.handle,
        inputs=split_inputs(run),
        seed=run.seed,
        show_examples=run.options.show_examples,
    )
    run.registry.call("glasshouse_stage_finished", run=run, stage="evidence")


def predictions_of(run: Run, split: str) -> Predictions:
    """One split's predictions: from their file where an earlier pass left it, else from one pass over the data."""
    assert run.info is not None
    assert run.handle is not None
    path = run.folder / "predictions" / f"{split}.parquet"
    if path.is_file():
        declared = {attribute.name: attribute for attribute in run.info.sensitive}
        return Predictions.load(path, split=split, target=run.info.target, sensitive=declared)
    batches = split_batches(run, split)
    found = collect(run.handle, batches, split=split, info=run.info, sensitive=chosen_attributes(run))
    found.save(path)
    return found


def audit_and_report(run: Run, *, force: bool = False) -> None:
    """Audits, judgement, record, reports: everything after the evidence."""
    run.results = run_audits(run, force=force)
    run.results += earlier_results(run.folder / "audits", but_not=run.audits)
    run.registry.call("glasshouse_stage_finished", run=run, stage="audit")
    findings, _ = judge(run.results, run.policy, target_kind=run.info.target.kind if run.info else None)
    sections: list[Section] = flat(run.registry.call("glasshouse_report_sections", run=run))
    write_json(run.folder / "provenance.json", run_provenance(run))
    run.record = build_record(header(run), run.results, findings, sections)
    write_json(run.folder / "record.json", run.record.to_dict())
    write_reports(run.record, run.folder, run.options.report)
    run.say(f"verdict: {run.record.verdict.replace('_', ' ')}")
    run.registry.call("glasshouse_stage_finished", run=run, stage="report")


def exit_code(run: Run, *, gate: bool) -> int:
    """0 done, 1 the policy was violated and the run was asked to gate, 3 an audit ended in error."""
    if gate and run.record is not None and run.record.verdict == "fail":
        return 1
    return 3 if any(result.status == "error" for result in run.results) else 0


# -------------------------------------------------------------------- its steps


def set_up(datamodule: LightningDataModule | None, options: RunOptions) -> DataInfo | None:
    """Set the data up and say what is known of them: by themselves, or under `data_info:`."""
    if datamodule is not None and hasattr(type(datamodule), "info"):
        datamodule.prepare_data()
        datamodule.setup("fit")
        info: DataInfo = datamodule.info  # type: ignore[attr-defined]
        return info
    if options.data_info is None:
        return None
    try:
        return DataInfo.from_dict(options.data_info.values)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(
            "`data_info:`", f"cannot be read: {error}.", "It needs name, modality, target, input_shape."
        ) from error


def chosen_attributes(run: Run) -> list[str]:
    """The sensitive attributes to audit by.

    Raises:
        UserError: for one that the data do not have.
    """
    declared = [attribute.name for attribute in run.info.sensitive] if run.info else []
    if run.options.sensitive is None:
        return declared
    for name in run.options.sensitive:
        if name not in declared:
            data = f"data '{run.info.name}'" if run.info else "the data"
            known = did_you_mean(name, declared) if declared else "There is none; the data's own options declare them."
            raise UserError("`sensitive:`", f"{data} has no attribute '{name}'.", known)
    return list(run.options.sensitive)


def check_optimizer(model: LightningModule) -> None:
    """Refuse a missing optimizer, and options that it does not take, before anything is written.

    Raises:
        UserError: if the model neither is given an optimizer nor configures its own, or the optimizer refuses.
    """
    if not hasattr(model, "optimizer_factory"):
        return  # it configures its own
    factory: Any = model.optimizer_factory
    if factory is None:
        raise UserError(
            "optimizer", "none is given, and the model does not configure its own.", "Set `optimizer: adamw`."
        )
    factory([p for p in model.parameters() if p.requires_grad])


def make_techniques(registry: Registry, techniques: Sequence[Choice]) -> list[Any]:
    """The callbacks under `techniques:`.

    Raises:
        UserError: for an unknown name or an option that it does not take.
    """
    callbacks = []
    for choice in techniques:
        cls = registry.load(registry.find("technique", choice.name))
        try:
            callbacks.append(cls(**choice.options))
        except (TypeError, ValueError) as error:
            raise UserError(f"technique '{choice.name}'", f"cannot be set up: {error}.") from error
    return callbacks


def split_batches(run: Run, split: str) -> Any:
    """The batches of one split, in a fixed order where the data can say it."""
    data = run.datamodule
    if data is None:
        raise UserError("data", "none is given, so there is nothing to audit on.", "Set `data:`.")
    if hasattr(data, "loader"):
        return data.loader(split)
    data.setup("test" if split == "test" else "fit")
    methods = {"train": "train_dataloader", "validate": "val_dataloader", "test": "test_dataloader"}
    return getattr(data, methods[split])()


def has_validation(run: Run) -> bool:
    """Whether the data have a validation split to collect predictions on."""
    return hasattr(run.datamodule, "loader") or _has_loader(run, "val")


def split_inputs(run: Run) -> Callable[[str], Any] | None:
    """Encoded inputs by split, where the data can give them."""
    return getattr(run.datamodule, "inputs", None)


def lightning(run: Run, method: str, **arguments: Any) -> Any:
    """One of the Trainer's methods; checkpoints are read without unpickling, and what Lightning refuses is said.

    Raises:
        UserError: where Lightning itself, and not the model or the data, raises an error.
    """
    assert run.trainer is not None
    assert run.model is not None
    if "weights_only" in arguments or arguments.get("ckpt_path"):
        arguments["weights_only"] = True
    if method == "validate" or method == "test":
        arguments.setdefault("verbose", False)
    with refusals.of_lightning():
        return getattr(run.trainer, method)(run.model, datamodule=run.datamodule, **arguments)


def default_name(run: Run) -> str:
    """The data's name, or the model's where there is no data."""
    return run.info.name if run.info else type(run.model).__name__.lower()


def header(run: Run) -> dict[str, Any]:
    """The record's `run`: what was run, on what, with which model."""
    assert run.info is not None
    assert run.handle is not None
    return {
        "id": run.folder.name,
        "name": run.folder.parent.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "glasshouse_version": glasshouse.__version__,
        "command": redact(command_line()),
        "seed": run.seed,
        "config": redact({key: value for key, value in run.config.items() if key != "data_info"}),
        "provenance": run_provenance(run),
        "data": run.info.to_dict(),
        "model": {
            "name": run.handle.name,
            "class_path": run.config["model"]["class_path"],
            "parameters": run.handle.parameters,
            "output_kind": run.handle.output_kind,
        },
    }


def run_provenance(run: Run) -> dict[str, Any]:
    """Versions, plugins, command, commit, hardware and the data's fingerprint."""
    fingerprint = getattr(run.datamodule, "table_fingerprint", None)
    return provenance(
        run.registry, command=command_line(), seed=run.seed, data_fingerprint=fingerprint if fingerprint else None
    )


def write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Write YAML whole or not at all, keys in the order given."""
    import yaml

    write_whole(path, yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))


def flat(answers: list[Any]) -> list[Any]:
    """What several plugins yielded, in one list."""
    return [item for answer in answers for item in answer]


def _choices(key: str, entries: Any) -> list[Choice] | None:
    return None if entries is None else parse_choices(key, entries)


def _has_loader(run: Run, split: str) -> bool:
    from pytorch_lightning.utilities.model_helpers import is_overridden

    owner = run.datamodule if run.datamodule is not None else run.model
    return owner is not None and is_overridden(f"{split}_dataloader", owner)
