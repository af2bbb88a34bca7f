"""A library call leaves the process as it was: warnings, log levels, signal handlers, environment, threads, seeds.

The command line owns its process and does not need this; functions that scripts and notebooks call do.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

Restore = Callable[[], None]

_import_filters: list[Any] = []
"""Warning filters that libraries set while they were imported below; they count again in later calls."""


@contextmanager
def unchanged_process(*modules: str) -> Iterator[None]:
    """Restore, after the block, what libraries change in the whole process.

    That is: warning filters and formats, levels, handlers and propagation of loggers, signal handlers, environment
    variables, `sys.path`, random states of Python, NumPy and torch, torch's threads, gradient mode, default type and
    determinism, and what jsonargparse may import.

    Args:
        modules: imported first, so that what a library sets on import is not taken for a change by the block. Loggers
            keep what their library gave them; warning filters are restored all the same.
    """
    with ExitStack() as stack:
        stack.callback(_restore_format(warnings.formatwarning))
        stack.enter_context(warnings.catch_warnings())
        for restore in (_environment(), _path(), _signals(), _python_random()):
            stack.callback(restore)
        _import(modules)
        for restore in (_loggers(), _numpy_random(), *_torch_settings(), _jsonargparse()):
            stack.callback(restore)
        yield


def _import(modules: Sequence[str]) -> None:
    before = list(warnings.filters)
    for module in modules:
        import_module(module)
    _import_filters[:0] = [each for each in warnings.filters if each not in before and each not in _import_filters]
    warnings.filters[:] = [*(each for each in _import_filters if each not in before), *before]  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]  # as warnings.simplefilter does


def _restore_format(formatwarning: Any) -> Restore:
    def restore() -> None:
        warnings.formatwarning = formatwarning

    return restore


def _environment() -> Restore:
    before = dict(os.environ)

    def restore() -> None:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value

    return restore


def _path() -> Restore:
    before = list(sys.path)

    def restore() -> None:
        sys.path[:] = before

    return restore


def _signals() -> Restore:
    if threading.current_thread() is not threading.main_thread():
        return lambda: None  # only the main thread can set them
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def restore() -> None:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:  # None: set by no Python code
                signal.signal(number, handler)

    return restore


def _loggers() -> Restore:
    known: list[logging.Logger] = [logging.getLogger()]
    known += [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    before = [(each, each.level, each.propagate, each.disabled, list(each.handlers)) for each in known]

    def restore() -> None:
        for logger, level, propagate, disabled, handlers in before:
            if logger.level != level:
                logger.setLevel(level)
            logger.propagate, logger.disabled = propagate, disabled
            if logger.handlers != handlers:
                logger.handlers[:] = handlers

    return restore


def _python_random() -> Restore:
    before = random.getstate()
    return lambda: random.setstate(before)


def _numpy_random() -> Restore:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return lambda: None
    before = numpy.random.get_state()

    def restore() -> None:
        numpy.random.set_state(before)

    return restore


def _torch_settings() -> list[Restore]:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return []
    threads, gradients = torch.get_num_threads(), torch.is_grad_enabled()
    dtype, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
    state = torch.get_rng_state()
    on_devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None

    def restore() -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_grad_enabled(gradients)
        torch.set_default_dtype(dtype)
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        torch.set_rng_state(state)
        if on_devices is not None:
            torch.cuda.set_rng_state_all(on_devices)

    return [restore]


def _jsonargparse() -> Restore:
    """What configurations may import, which jsonargparse keeps for the whole process and has no function to read."""
    settings: Any = getattr(sys.modules.get("jsonargparse._common"), "parsing_settings", None)
    if settings is None:
        return lambda: None
    before = {key: dict(value) if isinstance(value, dict) else value for key, value in settings.items()}

    def restore() -> None:
        settings.clear()
        settings.update(before)

    return restore
