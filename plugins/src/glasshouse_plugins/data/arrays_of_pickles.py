"""Pickles of arrays, lists and strings, read without the power of pickle to call whatever it names."""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from glasshouse import UserError
from numpy.typing import NDArray

_NUMBERS = re.compile(r"[<>=|]?[biuf][1248]?")
"""Type codes of numpy for truth values, whole and floating-point numbers; no objects, records or texts."""


def read_pickle(path: Path, content: bytes, *, who: str) -> Any:
    """What is in a pickle of dictionaries, lists, tuples, strings, numbers and arrays of numbers.

    Nothing that the file names is looked up: the few names from which arrays are built stand for makers of our own,
    and any other, known or not, ends the reading. Strings of Python 2 come as bytes.

    Args:
        path: where `content` was read; for messages.
        content: the pickle.
        who: how error messages call the data.

    Raises:
        UserError: for a file that names anything else, or is no pickle.
    """
    try:
        return _with_arrays(_ArraysOnly(io.BytesIO(content), encoding="bytes").load())
    except _NotAllowedError as error:
        raise UserError(
            who,
            f"{path} asks for {error}; expected arrays, lists and strings alone.",
            "Do not open it with anything else: fetch the published file again.",
        ) from None
    except Exception as error:  # a damaged pickle may end in nearly any
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(
            who, f"{path} cannot be read: {said}.", "The file is cut off or changed: fetch it again."
        ) from None


class _NotAllowedError(Exception):
    """The name of what a pickle asked for."""


class _Maker:
    """What a pickle gets in place of a name: it can be called, and nothing else."""

    __slots__ = ("make", "name")

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        self.name = name
        self.make = make

    def __call__(self, *arguments: Any) -> Any:
        return self.make(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise _NotAllowedError(f"a change of {self.name}")


class _Type:
    """A type of numbers, as ``numpy.dtype`` is pickled: its code, then its byte order."""

    __slots__ = ("code",)

    def __init__(self, code: Any, *flags: Any) -> None:
        text = code.decode("latin-1") if isinstance(code, bytes) else str(code)
        if not _NUMBERS.fullmatch(text):
            raise _NotAllowedError(f"an array of type {text!r}")
        self.code = text

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("latin-1") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "=", "|"):
            raise _NotAllowedError(f"the byte order {order!r}")
        self.code = order + self.code.lstrip("<>=|")


class _Array:
    """An array, as ``numpy.ndarray`` is pickled: an empty one, then its version, shape, type, order and bytes."""

    __slots__ = ("values",)

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        if not isinstance(kind, _Type) or not isinstance(data, bytes):
            raise _NotAllowedError("an array that is no array of numbers")
        values = np.frombuffer(data, dtype=kind.code)
        if len(values) != math.prod(shape):
            raise ValueError(f"{len(values)} values in an array of shape {shape}")
        self.values: NDArray[Any] = values.reshape(shape, order="F" if fortran else "C")


def _latin_bytes(text: str, encoding: Any) -> bytes:
    if encoding not in ("latin1", b"latin1"):
        raise _NotAllowedError(f"the encoding {encoding!r}")
    return text.encode("latin-1")


def _not_by_itself(*arguments: Any) -> Any:
    raise _NotAllowedError("numpy.ndarray by itself")


def _empty_array(*arguments: Any) -> _Array:
    return _Array()


_MAKERS = {
    ("numpy", "ndarray"): _Maker("numpy.ndarray", _not_by_itself),
    ("numpy", "dtype"): _Maker("numpy.dtype", _Type),
    ("numpy.core.multiarray", "_reconstruct"): _Maker("_reconstruct", _empty_array),
    ("numpy._core.multiarray", "_reconstruct"): _Maker("_reconstruct", _empty_array),
    # how Python 3 writes bytes, and none at all, where it writes for Python 2
    ("__builtin__", "bytes"): _Maker("bytes", lambda: b""),
    ("_codecs", "encode"): _Maker("_codecs.encode", _latin_bytes),
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _MAKERS:
            raise _NotAllowedError(f"{module}.{name}")
        return _MAKERS[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _NotAllowedError(f"the persistent object {pid!r}")


def _with_arrays(value: Any) -> Any:
    """The same dictionaries, lists and tuples, with arrays of numpy in place of ours."""
    if isinstance(value, _Array):
        return value.values
    if isinstance(value, dict):
        return {key: _with_arrays(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_arrays(item) for item in value)
    if value is None or isinstance(value, (str, bytes, int, float)):
        return value
    raise _NotAllowedError(f"a {type(value).__name__}")
