"""One explanation by several processes, each of which explains its part of the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from glasshouse import Explanation, NotExplainableError, Question, UserError
from glasshouse.system import distributed


def in_shares(explain: Callable[[Question], Explanation], question: Question) -> Explanation:
    """What `explain` answers, asked of each process for its part of the rows where they work together.

    Rows of different processes may share draws: they start from the same seed, and `design` numbers say so. Evaluations
    are those of all processes; `details` are the first one's.

    Raises:
        NotExplainableError, UserError: as `explain`; on every process where one of them raises.
    """
    part = distributed.own_row_shard(len(question.rows))
    if part is None:
        return explain(question)
    problem: Exception | None = None
    try:
        mine = explain(replace(question, rows=question.rows[part]))
    except (NotExplainableError, UserError) as error:
        problem = error
    if distributed.any_rank_failed(problem is not None):
        raise problem or NotExplainableError("another process could not explain its part of the rows")
    return replace(
        mine,
        values=distributed.all_gather_rows(mine.values),
        base=None if mine.base is None else distributed.all_gather_rows(mine.base),
        standard_error=None if mine.standard_error is None else distributed.all_gather_rows(mine.standard_error),
        design=None if mine.design is None else distributed.all_gather_rows(mine.design),
        evaluations=int(distributed.all_gather_rows(np.array([mine.evaluations])).sum()),
        details=distributed.broadcast_from_rank0(mine.details),
    )
