"""The hook plugins that a run names under `hooks:`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from glasshouse.config.run_options import RunOptions, parse_hooks

if TYPE_CHECKING:
    from glasshouse.plugins import Registry


@contextmanager
def hook_plugins(options: RunOptions, registry: Registry) -> Iterator[None]:
    """Construct the hook plugins of a run with their options, and call their hooks in the block.

    Raises:
        UserError: for an unknown name, or options that a plugin refuses.
    """
    with ExitStack() as stack:
        for choice in parse_hooks(options.hooks):
            stack.enter_context(registry.with_hooks(registry.find("hook", choice.name), choice.options))
        yield
