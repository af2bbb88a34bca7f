"""Check everything that can be refused before anything is written or trained."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.config.policy_names import check_attributes, load_checked_policy
from glasshouse.config.run_options import Choice, RunOptions, parse_choices
from glasshouse.config.yaml_files import read_yaml
from glasshouse.data.auditable import WithDefaults, declares_info
from glasshouse.data.data_info import SIDE_ATTRIBUTE_KEYS, DataInfo
from glasshouse.errors import UserError
from glasshouse.evidence.self_scoring import with_self_score_target
from glasshouse.external_data.reading import reading_in
from glasshouse.measure.selection import choose_audits
from glasshouse.pipeline.conclude import current_provenance
from glasshouse.pipeline.failures import errors_of_own_code
from glasshouse.pipeline.gather_evidence import (
    chosen_attributes,
    data_to_audit,
    has_loader,
    infer_data_info,
    with_attributes_of_batches,
)
from glasshouse.pipeline.progress import Progress, check_unchanged, make_ready, read_progress
from glasshouse.pipeline.run import Run
from glasshouse.pipeline.stages import Prepared, PreparedRun, Trained
from glasshouse.record.audited_data import audited_fingerprint
from glasshouse.report.writing import check_formats
from glasshouse.run_folder.folders import fresh_folder
from glasshouse.run_folder.mirror import mirror_of, parent_of_runs
from glasshouse.run_folder.provenance import plugin_changes, with_later_action
from glasshouse.system import distributed, library_errors
from glasshouse.system.atomic_files import read_json, write_json, write_yaml
from glasshouse.system.redaction import redact
from glasshouse.training.checkpoint_checks import check_checkpoint
from glasshouse.training.model_building import find_checkpoint, rebuild, restore_data, wrap_network
from glasshouse.training.task import Task
from glasshouse.training.trainer import make_trainer

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule, LightningModule

    from glasshouse.config.lightning_parser import GlasshouseCLI
    from glasshouse.external_data.reading import Reading
    from glasshouse.plugins import Registry


def prepare(cli: GlasshouseCLI, registry: Registry, folder: Path | None = None) -> Prepared:
    """Refuse everything that can be refused, before anything is written or trained; then make the folder.

    Args:
        cli: the parsed command.
        registry: the plugins.
        folder: of an interrupted run to continue, or for one of the repeats of another; None makes one.
    """
    run, datamodule, reading = parse_request(cli, registry, audits=not cli.values.get("no_audits"))
    callbacks = make_techniques(registry, run.techniques)
    parent = parent_of_runs(run.options.run_dir)
    model = run.model = wrap_network(cli.build_model(run.info), cli.values, run.info)
    if run.info is not None:
        run.info = with_self_score_target(run.info, model)
        if reading.attributes_in_batches:
            run.info = with_attributes_of_batches(datamodule, model, run.info, run.options.evaluate_on, reading)
    elif cli.command == "run":
        run.info = infer_data_info(datamodule, model, judged=run.options.evaluate_on, reading=reading)
    if isinstance(model, Task):
        model.layout = reading.layout
    chosen_attributes(run.options.sensitive, run.info)
    if run.info is not None:
        check_attributes(run.policy, registry, run.info)
    run.config = cli.resolved(run.info)
    if cli.command in ("run", "fit"):
        check_optimizer(model)
    adapted = registry.call("glasshouse_adapt_model", run=run)
    model = run.model = model if adapted is None else adapted
    if path := cli.method_arguments().get("ckpt_path"):
        check_checkpoint(path, model, run.config, training=cli.command in ("run", "fit"))
    name = run.options.name or default_name(run)
    if folder is None and distributed.is_rank_zero():
        place: AbstractContextManager[Path] = fresh_folder(parent, name)
    else:  # rank 0 tells the others later which folder it has made
        place = nullcontext(folder or parent / name / "unknown")
    with place as run.folder:
        if distributed.is_rank_zero():
            run.mirror = mirror_of(run.options.run_dir, run.folder)
        if (run.folder / "config.yaml").is_file():
            progress, resume_from = resume(run)
        else:
            progress, resume_from = begin(run, name), None
        if run.mirror is not None:
            run.send()
            callbacks.append(run.mirror.callback())
        callbacks += flat(registry.call("glasshouse_callbacks", run=run))
        loggers = flat(registry.call("glasshouse_loggers", run=run))
        monitor = "validate_loss" if isinstance(model, Task) and has_loader(datamodule, model, "val") else None
        with library_errors.user_errors_from_constructor("trainer"):
            run.trainer = make_trainer(
                cli.trainer_options(), folder=run.folder, monitor=monitor, callbacks=callbacks, loggers=loggers
            )
        if run.options.repeats > 1 and run.trainer.world_size > 1:
            raise UserError("repeats", "are trained by one process each.", "Set `trainer: {devices: 1}`.")
        registry.call("glasshouse_trainer_ready", run=run)
    prepared = Prepared(
        run=run,
        model=model,
        trainer=run.trainer,
        datamodule=datamodule,
        progress=progress,
        resume_from=resume_from,
    )
    if cli.command != "run" or run.info is None:
        return prepared
    return PreparedRun(
        **vars(prepared),
        info=run.info,
        reading=reading,
        ckpt_path=cli.method_arguments()["ckpt_path"],
    )


def begin(run: Run, name: str) -> Progress:
    """Write what a run can be repeated from; the configuration last, since it makes a folder that of a run."""
    run.config["name"] = name
    run.provenance = current_provenance(run, fingerprint_of(run.datamodule))
    progress = Progress(run.command)
    progress.save(run.folder)
    write_json(run.folder / "provenance.json", run.provenance)
    write_yaml(run.folder / "config.yaml", redact(run.config))
    return progress


def resume(run: Run) -> tuple[Progress, Path | None]:
    """How far an interrupted run has come, and the checkpoint that it continues from."""
    progress = read_progress(run.folder)
    began, now = read_json(run.folder / "provenance.json"), current_provenance(run, fingerprint_of(run.datamodule))
    check_unchanged(run.folder, run.config, began["data_fingerprint"], now["data_fingerprint"])
    run.provenance = updated_provenance(run, began, now, "resumed")
    checkpoint = make_ready(run.folder, progress)
    write_json(run.folder / "provenance.json", run.provenance)
    return progress, checkpoint


def updated_provenance(run: Run, began: dict[str, Any], now: dict[str, Any], action: str) -> dict[str, Any]:
    """The provenance of a run that this process continues; names plugins whose version has changed."""
    note = plugin_changes(began, now)
    if note is not None:
        run.say(note)
    return with_later_action(began, now, action)


def parse_request(
    cli: GlasshouseCLI, registry: Registry, *, audits: bool = True
) -> tuple[Run, LightningDataModule | None, Reading]:
    """The requested run, its data, and how to read them; no model is built and nothing is written yet."""
    options = cli.options
    chosen = None if options.audits is None else parse_choices("audits", options.audits)
    run = Run(
        registry=registry,
        command=cli.command,
        options=options,
        policy=load_checked_policy(options.policy, registry),
        audits=choose_audits(registry, chosen, seconds=options.audit_seconds) if audits else [],
        techniques=parse_choices("techniques", options.techniques),
        seed=cli.values["seed_everything"],
    )
    check_formats(options.report, registry)
    datamodule = run.datamodule = cli.build_data()
    reading = reading_in(None if options.data_info is None else options.data_info.values)
    run.info = set_up(datamodule, options)
    for note in getattr(datamodule, "notes", ()):
        run.say(f"note: {note}")
    if run.info is not None and reading.aligned is not None:
        run.info = reading.aligned.added_to(run.info)
    registry.call("glasshouse_check_run", run=run)
    return run, datamodule, reading


def reopen(cli: GlasshouseCLI, registry: Registry, folder: Path, *, changed_data: bool = False) -> Trained:
    """A finished run from its folder: its data set up, its model rebuilt from config.yaml and weights.

    Args:
        cli: parsed from the run's config.yaml.
        registry: the plugins.
        folder: the run's folder.
        changed_data: whether the data may differ from those of the run's audits so far.

    Raises:
        UserError: if the data differ and may not.
    """
    run, datamodule, reading = parse_request(cli, registry)
    run.folder = folder
    run.config = read_yaml(folder / "config.yaml")
    began, fingerprint = read_json(folder / "provenance.json"), fingerprint_of(run.datamodule)
    before = audited_fingerprint(began)
    if fingerprint != before and not changed_data:
        raise UserError(
            str(folder),
            f"its data have changed: expected the fingerprint {before}, received {fingerprint}.",
            "Give the data's place (--data.path), or --changed-data to audit the model on the data as they are.",
        )
    if fingerprint == before and changed_data:
        raise UserError("--changed-data", f"has no effect: the data are those that {folder} was audited with.")
    run.provenance = updated_provenance(run, began, current_provenance(run, fingerprint), "audited")
    if changed_data:  # first what the folder's predictions and results are of, so that nothing else passes for them
        write_json(folder / "provenance.json", run.provenance)
        for predictions in (folder / "predictions").glob("*.parquet"):
            predictions.unlink()
    handle = rebuild(folder)
    model = run.model = handle.lightning_module
    info = run.info
    if restore_data(datamodule, find_checkpoint(folder)):
        info = set_up(datamodule, run.options)
    if info is None:
        raise UserError(str(folder), "does not describe its data: its model was trained without audits.")
    info = run.info = with_self_score_target(info, model)
    chosen_attributes(run.options.sensitive, info)
    check_attributes(run.policy, registry, info)
    data = data_to_audit(datamodule, model, info, run.options.evaluate_on, reading)
    return Trained(run=run, info=info, handle=handle, data=data)


def set_up(datamodule: LightningDataModule | None, options: RunOptions) -> DataInfo | None:
    """Set the data up and return their description: their own, or that under `data_info:`."""
    if datamodule is not None and declares_info(datamodule):
        with errors_of_own_code():
            datamodule.prepare_data()
            datamodule.setup("fit")
        info: DataInfo = datamodule.info  # type: ignore[attr-defined]
        return info
    if options.data_info is None or set(options.data_info.values) <= set(SIDE_ATTRIBUTE_KEYS):
        return None
    try:
        return DataInfo.from_dict(options.data_info.values)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(
            "`data_info:`", f"cannot be read: {error}.", "It needs name, modality, target, input_shape."
        ) from error


def check_optimizer(model: LightningModule) -> None:
    """Refuse a missing optimizer, and options that it or its schedule does not take, before anything is written.

    Raises:
        UserError: if the model neither is given an optimizer nor configures its own, or one of the two refuses.
    """
    if not hasattr(model, "optimizer_factory"):
        return  # it configures its own
    factory: Any = model.optimizer_factory
    if factory is None:
        raise UserError(
            "optimizer", "none is given, and the model does not configure its own.", "Set `optimizer: adamw`."
        )
    optimizer = factory([p for p in model.parameters() if p.requires_grad])
    schedule: Any = getattr(model, "scheduler", None)
    if schedule is not None:
        schedule.try_out(optimizer)


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


def default_name(run: Run) -> str:
    """The data's name, or the model's where there is no data."""
    return run.info.name if run.info else type(run.model).__name__.lower()


def flat(answers: list[Any]) -> list[Any]:
    """What several plugins yielded, in one list."""
    return [item for answer in answers for item in answer]


def fingerprint_of(datamodule: Any) -> str | None:
    """The fingerprint of the data in use, where the data module computes one."""
    return WithDefaults(datamodule).table_fingerprint or None
