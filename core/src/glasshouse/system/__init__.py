"""Services around the operating system and libraries: atomic files, processes, random state, redaction, time limits."""

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names

if TYPE_CHECKING:
    from glasshouse.system.distributed import all_gather_rows, any_rank_failed, broadcast_from_rank0, own_row_shard

__all__ = [
    "all_gather_rows",
    "any_rank_failed",
    "broadcast_from_rank0",
    "own_row_shard",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.system.distributed": (
            "all_gather_rows",
            "any_rank_failed",
            "broadcast_from_rank0",
            "own_row_shard",
        ),
    },
)
