"""One configured run, readable top to bottom: prepare, train, gather evidence, audit, judge, report."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from glasshouse.config.run_options import Choice
from glasshouse.evidence.network_work import multiply_adds
from glasshouse.measure.run_audits import run_shared_audits
from glasshouse.pipeline.conclude import ResultsBySeed, audit_and_conclude
from glasshouse.pipeline.failures import resume_command
from glasshouse.pipeline.gather_evidence import gather_evidence
from glasshouse.pipeline.hook_plugins import hook_plugins
from glasshouse.pipeline.lifecycle import lifecycle
from glasshouse.pipeline.prepare import prepare, reopen
from glasshouse.pipeline.run import Run
from glasshouse.pipeline.stages import Concluded, PreparedRun
from glasshouse.pipeline.train import fit_and_test, run_lightning_command
from glasshouse.run_folder.folders import lock_folder
from glasshouse.system import distributed
from glasshouse.system.threads import threads_for

if TYPE_CHECKING:
    from glasshouse.config.lightning_parser import GlasshouseCLI
    from glasshouse.plugins import Registry


def execute(cli: GlasshouseCLI, registry: Registry, resume: Path | None = None) -> int:
    """Carry out a command line; the run's folder is the last line of stdout.

    Args:
        cli: the parsed command.
        registry: the plugins.
        resume: the folder of an interrupted run to continue; the command is parsed from its configuration.

    Returns:
        The exit code: 0 done, 1 the policy failed and `--gate` was given, 3 an audit ended in error.
    """
    run, concluded = carry_out(cli, registry, resume)
    if not distributed.is_rank_zero():
        return 0
    print(run.place)
    return 0 if concluded is None else concluded.exit_code(gate=bool(cli.values.get("gate")))


def carry_out(cli: GlasshouseCLI, registry: Registry, folder: Path | None = None) -> tuple[Run, Concluded | None]:
    """Carry out a parsed command, from its data to its report.

    Args:
        cli: the parsed command.
        registry: the plugins.
        folder: where an interrupted run continues, or a repeat begins; None makes one.

    Returns:
        The run, and what it concluded; None for commands that do not audit, and on every rank but 0.
    """
    with ExitStack() as stack:
        stack.enter_context(hook_plugins(cli.options, registry))
        if folder is not None:
            stack.enter_context(lock_folder(folder))
        prepared = prepare(cli, registry, folder)
        run = prepared.run
        if folder is None:
            stack.enter_context(lock_folder(run.folder))
        resume = (lambda: resume_command(run.place)) if cli.command == "run" else None
        stack.enter_context(lifecycle(run, new=True, resume=resume))
        if not isinstance(prepared, PreparedRun):
            run_lightning_command(prepared, cli)
            return run, None
        with threads_for(_work_of_training(prepared)):
            trained = fit_and_test(prepared)
        found = gather_evidence(trained)
        others = _repeat(run, cli)
        if distributed.is_rank_zero():
            return run, audit_and_conclude(found, others=others)
        run_shared_audits(run)
    return run, None


def _work_of_training(prepared: PreparedRun) -> int | None:
    """Multiply-adds of the forward pass of a training batch; None where training is not on the processor's cores."""
    rows = getattr(prepared.datamodule, "batch_size", None)
    if prepared.trainer.strategy.root_device.type != "cpu" or not isinstance(rows, int):
        return None
    return multiply_adds(prepared.model, prepared.info, rows)


def _repeat(run: Run, cli: GlasshouseCLI) -> ResultsBySeed:
    """The same run with the seeds that follow its own, each in a folder below it: seed -> the audits' results."""
    results: ResultsBySeed = {}
    for seed in range(run.seed + 1, run.seed + run.options.repeats):
        folder = run.folder / "repeats" / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        run.say(f"repeat {len(results) + 2} of {run.options.repeats}: seed {seed}")
        again = type(cli)("run", [*cli.argv, f"--seed_everything={seed}", "--repeats=1"])
        repeated, _ = carry_out(again, run.registry, folder)
        results[seed] = repeated.results
    return results


def audit_again(
    cli: GlasshouseCLI,
    registry: Registry,
    folder: Path,
    *,
    only: Collection[str] | None,
    force: bool,
    changed_data: bool = False,
) -> Concluded:
    """Audit a finished run once more, its model rebuilt from its files.

    Args:
        cli: parsed from the run's config.yaml.
        registry: the plugins.
        folder: the run's folder.
        only: names of the audits to run, also of audits that the run did not have; None runs the run's own.
        force: measure again what was measured before.
        changed_data: the data are not those of the run's audits so far; everything is measured again.

    Raises:
        UserError: if the data differ from those of the run's audits so far, unless `changed_data` is set.
    """
    with lock_folder(folder), hook_plugins(cli.options, registry):
        trained = reopen(cli, registry, folder, changed_data=changed_data)
        run = trained.run
        known = {choice.name for choice in run.audits}
        run.audits += [Choice(name, seconds=run.options.audit_seconds) for name in only or () if name not in known]
        with lifecycle(run, new=False):
            return audit_and_conclude(gather_evidence(trained), only=only, force=force or changed_data)
