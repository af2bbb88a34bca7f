"""From a trained model and its data to what audits are given: predictions of every split that they need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from glasshouse.data.data_info import DataInfo
from glasshouse.errors import UserError, did_you_mean
from glasshouse.evidence.collect import collect
from glasshouse.evidence.evidence import Evidence
from glasshouse.evidence.predictions import Predictions
from glasshouse.evidence.self_scoring import with_default_target, with_self_score_target
from glasshouse.external_data.adapter import ForeignData, loader_from, project_hooks
from glasshouse.external_data.infer_info import answer, complete_info
from glasshouse.measure.selection import required_splits
from glasshouse.pipeline.run import Run
from glasshouse.system import distributed
from glasshouse.training.model_building import handle_for


def collect_evidence(run: Run) -> None:
    """Predictions of every split that the audits need, kept as Parquet."""
    assert run.model is not None
    assert run.info is not None
    run.handle = run.handle or handle_for(run.model, run.config, run.info)
    if distributed.is_rank_zero():
        (run.folder / "predictions").mkdir(exist_ok=True)
    predictions = {}
    for split in required_splits(run.registry, run.audits, run.options.evaluate_on):
        if split != run.options.evaluate_on and not has_split(run, split):
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
        small_group_limit=run.options.small_group_limit,
        words=getattr(run.datamodule, "words", None),
        inputs_at=getattr(run.datamodule, "inputs_at", None),
        spelled=getattr(run.datamodule, "spelled", None),
    )
    run.announce("evidence")


def predictions_of(run: Run, split: str) -> Predictions:
    """One split's predictions: from their file where an earlier pass left it, else from one pass over the data."""
    assert run.info is not None
    assert run.handle is not None
    path = run.folder / "predictions" / f"{split}.parquet"
    if distributed.broadcast_from_rank0(str(path.is_file())) == "True":
        declared = {attribute.name: attribute for attribute in run.info.sensitive}
        return Predictions.load(path, split=split, target=run.info.target, sensitive=declared)
    batches = distributed.shard_batches(split_batches(run, split))
    found = of_all_ranks(collect(run.handle, batches, split=split, info=run.info, sensitive=chosen_attributes(run)))
    found = replace(found, weights=_beside(run, "row_weights", found), clusters=_beside(run, "row_clusters", found))
    if distributed.is_rank_zero():
        found.save(path)
    return found


def of_all_ranks(share: Predictions) -> Predictions:
    """The predictions of which each process has a share, on every process; a row that several have counts once."""
    if distributed.rank_and_world_size()[1] == 1:
        return share
    index, order = np.unique(distributed.all_gather_rows(share.index), return_index=True)

    def together(rows: Any) -> Any:
        return None if rows is None else distributed.all_gather_rows(rows)[order]

    arrays = {name: together(getattr(share, name)) for name in ("scores", "targets", "losses")}
    groups = {name: replace(one, codes=together(one.codes)) for name, one in share.groups.items()}
    return replace(share, index=index, groups=groups, **arrays)


def _beside(run: Run, what: str, found: Predictions) -> Any:
    """What the data say of each row beside its inputs, where they say it."""
    values = getattr(run.datamodule, what, lambda split: None)(found.split)
    return None if values is None else values[found.index]


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


def split_batches(run: Run, split: str) -> Any:
    """The batches of one split, in a fixed order where the data can say it."""
    return evidence_data(run).loader(split)


def evidence_data(run: Run) -> Any:
    """What evidence comes from: the data module, or `ForeignData` around loaders that do not number their rows."""
    if hasattr(run.datamodule, "loader"):
        return run.datamodule
    if run.foreign is None:
        assert run.info is not None
        run.foreign = foreign(run)
        run.foreign.info = run.info
    return run.foreign


def foreign(run: Run) -> ForeignData:
    """The loaders of a stranger's data module, or of a model that brings its own."""
    owner = run.model if run.datamodule is None else run.datamodule
    return ForeignData(
        lambda split: loader_from(owner, split),
        judged=run.options.evaluate_on,
        aligned=run.aligned,
        prepared=project_hooks(run.datamodule, run.model),
        owner=owner,
    )


def look_up(run: Run) -> DataInfo:
    """What a batch and the untrained model's answer show of data that nobody describes.

    Raises:
        UserError: for what does not follow from them.
    """
    from pytorch_lightning.utilities.seed import isolate_rng

    assert run.model is not None
    data = foreign(run)  # not kept: training sets the data up once more, and may split them anew
    name = type(run.model if run.datamodule is None else run.datamodule).__name__.lower()
    try:
        with isolate_rng():
            x, y = data.first()
            raw = answer(run.model, x)
        given = with_default_target(None, run.model)
        return with_self_score_target(
            complete_info(given, name=name, x=x, y=y, raw=raw, aligned=run.aligned), run.model
        )
    except UserError as error:
        of_model = error.who.startswith("model")
        remedy = error.remedy if of_model else "Say what is predicted, and from what, under `data_info:`."
        raise UserError(error.who, error.problem, remedy) from error


def has_split(run: Run, split: str) -> bool:
    """Whether the data have a split to collect predictions on."""
    data = evidence_data(run)
    return data.has(split) if isinstance(data, ForeignData) else True


def split_inputs(run: Run) -> Callable[[str], Any] | None:
    """Encoded inputs by split, where the data can give them."""
    return getattr(evidence_data(run), "inputs", None)


def has_loader(run: Run, split: str) -> bool:
    """Whether the data, or a model that brings its own loaders, have one for ``train``, ``val``, ``test``."""
    from pytorch_lightning.utilities.model_helpers import is_overridden

    owner = run.datamodule if run.datamodule is not None else run.model
    return owner is not None and is_overridden(f"{split}_dataloader", owner)
