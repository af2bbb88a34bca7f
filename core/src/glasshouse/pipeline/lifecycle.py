"""One life for every kind of run: how it ends, which hooks are called, and the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from glasshouse.errors import UserError
from glasshouse.pipeline.failures import as_user_error
from glasshouse.pipeline.run import Run
from glasshouse.run_folder.manifest import stamps, update_manifest, write_manifest
from glasshouse.system import distributed


@contextmanager
def lifecycle(run: Run, *, new: bool, resume: Callable[[], str] | None = None) -> Iterator[None]:
    """Everything that a run does once its folder exists, however it ends.

    If the block succeeds, the manifest is written, `glasshouse_run_finished` is called, and the manifest is updated
    with what plugins wrote there. If it raises, `glasshouse_run_failed` is called, the console shows how to resume, and
    the error is raised again, as a `UserError` where it is not a defect of glasshouse. Last, the folder is copied to
    its URL.

    Args:
        run: the run, with its folder.
        new: whether all files in the folder are this run's; otherwise files that others changed keep their recorded
            hash, so that `verify` still reports them.
        resume: the command that continues the run; None where no command does.
    """
    if not distributed.is_rank_zero():  # rank 0 writes the folder and calls the hooks
        yield
        return
    before = stamps(run.folder)
    try:
        try:
            yield
            if new:
                write_manifest(run.folder)
            else:
                update_manifest(run.folder, before)
            before = stamps(run.folder)
        except BaseException as error:
            shown = as_user_error(error, run.folder)
            run.registry.call("glasshouse_run_failed", run=run, error=shown)
            run.say(_how_to_continue(run, shown, resume))
            raise shown from (None if shown is error else error)
        run.registry.call("glasshouse_run_finished", run=run)
        update_manifest(run.folder, before)  # with what plugins wrote
    finally:
        run.send()


def _how_to_continue(run: Run, error: BaseException, resume: Callable[[], str] | None) -> str:
    """How to continue a run that ended early; after a UserError its own remedy says it."""
    if resume is None or isinstance(error, UserError):
        return f"ended early; what was written stays in {run.place}"
    return f"ended early; resume with: {resume()}"
