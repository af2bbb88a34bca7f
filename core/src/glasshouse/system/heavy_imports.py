"""Heavy imports of the command line, made cheaper. Functions that notebooks call import as usual.

`import pytorch_lightning.cli` takes 3.1 s of processor time. 1.1 s of it are `transformers` (where it is installed) and
`scipy.signal` with `scipy.stats`, which torchmetrics imports and Lightning does not use; another fifth is the garbage
collector, which looks at all modules again and again and finds nothing (decision 0068).
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from glasshouse.system.garbage import no_collection

DEFERRED = ("transformers", "scipy.signal")
"""What torchmetrics imports and needs in few of its metrics; their first use imports it."""


@contextmanager
def heavy_imports() -> Iterator[None]:
    """For a process of our own: imports in the block, Lightning's among them, without what they do not need.

    No garbage is collected in the block, and collections after it leave out what it imported. Nothing changes where
    torchmetrics has been imported before: then so has the rest, and the process may not be our own.
    """
    if "torchmetrics" in sys.modules:
        yield
        return
    with no_collection():
        _import_torchmetrics()
        yield
        gc.freeze()


def _import_torchmetrics() -> None:
    """Import torchmetrics with stand-ins for `DEFERRED`, which are taken away again at the end.

    A later import gets the libraries themselves, and so does torchmetrics when it uses what it took from them.
    """
    stand_ins = {name: _StandIn(name) for name in DEFERRED if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("torchmetrics")
    except Exception:  # a version that does more with them on import: Lightning imports it as usual
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchmetrics"]:
            del sys.modules[name]
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


class _StandIn(ModuleType):
    """A module whose every name is one to be looked up later."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(self.__name__, name)


class _Later:
    """A class or function of a library that is imported at its first use."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def _found(self) -> Any:
        return getattr(importlib.import_module(self._module), self._name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._found(), name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._found()(*arguments, **named)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, self._found())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._found(),)
