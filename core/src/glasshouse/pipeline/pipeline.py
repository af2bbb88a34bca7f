"""One run, readable top to bottom: configuration, data, model, training, evidence, audits, judgement, report."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException
from pytorch_lightning.utilities.model_helpers import is_overridden

from glasshouse.config.run_options import Choice
from glasshouse.errors import UserError
from glasshouse.evidence.predictions import save_scores
from glasshouse.measure.run_audits import help_with_audits
from glasshouse.pipeline.conclude import audit_and_report, exit_code
from glasshouse.pipeline.failures import explained, resume_command
from glasshouse.pipeline.gather_evidence import collect_evidence, has_loader
from glasshouse.pipeline.prepare import prepare, reopen
from glasshouse.pipeline.run import Run
from glasshouse.record.measurements import AuditResult
from glasshouse.run_folder.folders import lock_folder
from glasshouse.run_folder.manifest import stamps, update_manifest, write_manifest
from glasshouse.system import distributed, library_errors
from glasshouse.training.metrics_csv import MetricsFile
from glasshouse.training.model_building import rebuild
from glasshouse.training.trainer import best_checkpoint, load_weights, shards_weights

if TYPE_CHECKING:
    from glasshouse.config.lightning_parser import GlasshouseCLI
    from glasshouse.plugins import Registry


def execute(cli: GlasshouseCLI, registry: Registry, resume: Path | None = None) -> int:
    """What a command line asks for; the run's folder is the last line of stdout.

    Args:
        cli: the parsed command.
        registry: of plugins.
        resume: the folder of a killed run that is to go on; the command is parsed from its configuration.

    Returns:
        The exit code: 0 done, 1 the policy was violated and `--gate` was given, 3 an audit ended in error.
    """
    run = carry_out(cli, registry, resume)
    if not distributed.is_rank_zero():
        return 0
    print(run.place)
    return exit_code(run, gate=bool(cli.values.get("gate")))


def carry_out(cli: GlasshouseCLI, registry: Registry, folder: Path | None = None) -> Run:
    """What a parsed command asks for, from its data to its report.

    Args:
        cli: the parsed command.
        registry: of plugins.
        folder: where the run goes on, or begins; None makes one.
    """
    with ExitStack() as stack:
        sent = stack.enter_context(ExitStack())  # last of all, with the manifest and however the run ended
        if folder is not None:
            stack.enter_context(lock_folder(folder))
        run = prepare(cli, registry, folder)
        sent.callback(run.send)
        if folder is None:
            stack.enter_context(lock_folder(run.folder))
        with ending(run):
            if cli.command == "run":
                fit_and_test(run, cli)
                collect_evidence(run)
                run.repeats = repeat(run, cli)
                audit_and_report(run) if distributed.is_rank_zero() else help_with_audits(run)
            else:
                run_lightning_command(run, cli)
    return run


def repeat(run: Run, cli: GlasshouseCLI) -> dict[int, list[AuditResult]]:
    """The same run with the seeds after its own, each in a folder below it: seed -> the audits' results."""
    results: dict[int, list[AuditResult]] = {}
    for seed in range(run.seed + 1, run.seed + run.options.repeats):
        folder = run.folder / "repeats" / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        run.say(f"repeat {len(results) + 2} of {run.options.repeats}: seed {seed}")
        again = type(cli)("run", [*cli.argv, f"--seed_everything={seed}", "--repeats=1"])
        results[seed] = carry_out(again, run.registry, folder).results
    return results


def audit_again(
    cli: GlasshouseCLI, registry: Registry, folder: Path, *, only: Collection[str] | None, force: bool
) -> Run:
    """Audit a finished run once more, its model rebuilt from its files.

    Args:
        cli: parsed from the run's config.yaml.
        registry: of plugins.
        folder: the run's folder.
        only: the audits to run, by name, also such as the run had not; None runs the run's own.
        force: measure again what was measured before.
    """
    with lock_folder(folder):
        run = reopen(cli, registry, folder)
        new = [name for name in only or () if name not in {choice.name for choice in run.audits}]
        run.audits += [Choice(name, seconds=run.options.audit_seconds) for name in new]
        with ending(run):
            collect_evidence(run)
            audit_and_report(run, only=only, force=force)
    return run


@contextmanager
def ending(run: Run) -> Iterator[None]:
    """The manifest is written, plugins hear how the block ended, and the user what failed and how to go on."""
    if not distributed.is_rank_zero():  # the first process keeps the folder, and speaks
        yield
        return
    before = stamps(run.folder)
    try:
        yield
        if run.progress is None:
            update_manifest(run.folder, before)
        else:
            write_manifest(run.folder)
        before = stamps(run.folder)
    except BaseException as error:
        said = explained(error, run.folder)
        run.registry.call("glasshouse_run_failed", run=run, error=said)
        run.say(how_to_go_on(run, said))
        raise said from (None if said is error else error)
    run.registry.call("glasshouse_run_finished", run=run)
    update_manifest(run.folder, before)  # with what plugins wrote


def how_to_go_on(run: Run, error: BaseException) -> str:
    """What can be done with a run that ended early; what its user has to mend is said by the error."""
    if run.command != "run" or run.progress is None or isinstance(error, UserError):
        return f"ended early; what was written stays in {run.place}"
    return f"ended early; go on with: {resume_command(run.place)}"


def fit_and_test(run: Run, cli: GlasshouseCLI) -> None:
    """Train, go back to the best checkpoint, test it; what an earlier process finished is not done again."""
    assert run.trainer is not None
    assert run.model is not None
    assert run.progress is not None
    progress = run.progress
    if progress.weights is None or run.resume_from is not None:
        # Where training is over this takes up its state and returns at once.
        run.say(f"training in {run.place}")
        lightning(run, "fit", ckpt_path=run.resume_from or cli.method_arguments()["ckpt_path"])
    run._folder = Path(distributed.broadcast_from_rank0(str(run.folder)))
    weights = best_checkpoint(run.trainer, run.folder) if progress.weights is None else run.folder / progress.weights
    if shards_weights(run.trainer) and run.info is not None:
        run.handle = rebuild(run.folder, weights)
        run.model = run.handle.lightning_module
    else:
        load_weights(run.model, weights)
    if progress.weights is None:
        run.announce("fit")
        progress.weights = relative(weights, run.folder)
        progress.save(run.folder)
    if not progress.tested:
        if has_loader(run, "test") and is_overridden("test_step", run.model):
            lightning(run, "test")
        progress.tested = True
        progress.metrics_rows = sum(logger.rows for logger in run.trainer.loggers if isinstance(logger, MetricsFile))
        progress.save(run.folder)


def relative(path: Path, folder: Path) -> str:
    """A checkpoint's path within a run's folder; as it is where the user keeps checkpoints elsewhere."""
    inside = path.resolve().is_relative_to(folder.resolve())
    return str(path.resolve().relative_to(folder.resolve())) if inside else str(path)


def run_lightning_command(run: Run, cli: GlasshouseCLI) -> None:
    """`fit`, `validate`, `test` or `predict`, as Lightning does it."""
    assert run.trainer is not None
    if cli.command == "predict" and run.trainer.world_size > 1:
        raise UserError(
            "predict", "writes all rows from one process, and several are asked for.", "Set `--trainer.devices 1`."
        )
    outputs = lightning(run, cli.command, **cli.method_arguments())
    if cli.command == "predict" and all(isinstance(output, torch.Tensor) for output in outputs):
        scores = torch.cat([output.reshape(len(output), -1) for output in outputs])
        save_scores(run.folder / "predictions" / "predict.parquet", scores.float().cpu().numpy())
    run.announce(cli.command)


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
    try:
        with library_errors.user_errors_from_lightning():
            return getattr(run.trainer, method)(run.model, datamodule=run.datamodule, **arguments)
    except SystemExit as left:
        # Lightning turns Ctrl-C into exit(1), which is a policy's word, and a SIGTERM into an exit without a code.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if isinstance(left.__context__, KeyboardInterrupt) or isinstance(left, SIGTERMException):
            raise KeyboardInterrupt from None
        raise
