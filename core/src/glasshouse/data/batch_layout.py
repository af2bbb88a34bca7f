"""Which part of a loader's batch is what: found by name or by the usual form, else said, never guessed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glasshouse.errors import UserError

INPUTS = ("x", "input", "inputs", "features", "image", "images")
TARGETS = ("y", "target", "targets", "label", "labels")
"""Names of fields that are certain."""

ROLES = ("x", "y", "weight", "index", "sensitive")
"""What a layout may call a part; ``sensitive.NAME`` is an attribute by name, None a part that is not used."""

REMEDY = "Name the parts: `batch=['x', 'sensitive', 'y']`, in run.yaml `data_info: {batch: [x, sensitive, y]}`."


class BatchFormError(UserError):
    """A batch of a form that the layout does not have, or that is not certain without one."""


@dataclass
class Parts:
    """The parts of one batch. `sensitive` are the attributes' values by name, unnamed ones under ``sensitive``."""

    x: Any = None
    y: Any = None
    weight: Any = None
    index: Any = None
    sensitive: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchLayout:
    """How to read a batch.

    `pattern` is a list of roles for batches that are tuples or lists, a mapping of field to role for batches with
    named fields, or one of these nested in the other.
    """

    pattern: Any

    @classmethod
    def parse(cls, given: Any) -> BatchLayout:
        """A layout from the option `batch`.

        Raises:
            UserError: for an unknown role, a role that is given twice, or none for inputs.
        """
        roles = list(_roles(given))
        if isinstance(given, str) or not all(isinstance(role, str) and _is_role(role) for role in roles):
            wrong = next((role for role in roles if not (isinstance(role, str) and _is_role(role))), given)
            raise UserError("`batch`", f"expected roles among {', '.join(ROLES)}, received {wrong!r}.", REMEDY)
        if "x" not in roles:
            raise UserError("`batch`", "names no part 'x'.", REMEDY)
        twice = next((role for role in roles if roles.count(role) > 1), None)
        if twice is not None:
            raise UserError("`batch`", f"names '{twice}' {roles.count(twice)} times.", REMEDY)
        return cls(given)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The sensitive attributes that batches carry; an unnamed one is called ``sensitive``."""
        return tuple(_name(role) for role in _roles(self.pattern) if _is_attribute(role))

    @property
    def plain(self) -> Any:
        """The pattern as lists and dictionaries, as YAML has them."""
        return _plain(self.pattern)

    @property
    def has_targets(self) -> bool:
        """Whether batches carry targets, which only self-scoring models do without."""
        return "y" in _roles(self.pattern)

    @property
    def has_weights(self) -> bool:
        """Whether batches carry row weights."""
        return "weight" in _roles(self.pattern)

    def read(self, batch: Any) -> Parts:
        """The parts of a batch; without targets, `y` is a list of zeros.

        Raises:
            BatchFormError: for a batch of another form than the layout's.
        """
        parts = Parts()
        for role, value in _matched(self.pattern, batch):
            if _is_attribute(role):
                parts.sensitive[_name(role)] = value
            else:
                setattr(parts, role, value)
        if not self.has_targets:
            parts.y = [0] * len(parts.x)
        return parts


def usual_parts(batch: Any) -> Parts:
    """The parts of a batch ``(x, y)``, or of one with named fields, an `index` among them; other fields are not used.

    Raises:
        BatchFormError: for a batch of another form.
    """
    fields = named_fields(batch)
    if fields is not None:
        inputs, targets = ([name for name in names if name in fields] for names in (INPUTS, TARGETS))
        if len(inputs) == len(targets) == 1:
            return Parts(x=fields[inputs[0]], y=fields[targets[0]], index=fields.get("index"))
    elif isinstance(batch, (tuple, list)) and len(batch) == 2:
        return Parts(x=batch[0], y=batch[1])
    raise BatchFormError("data", f"it is not certain what is what in a batch {described(batch)}.", REMEDY)


def named_fields(batch: Any) -> Mapping[str, Any] | None:
    """The fields of a mapping, a namedtuple or a dataclass; None for anything else."""
    if isinstance(batch, Mapping):
        return batch
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return dict(zip(batch._fields, batch, strict=True))
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return {one.name: getattr(batch, one.name) for one in dataclasses.fields(batch)}
    return None


def described(batch: Any) -> str:
    """The types and shapes of a batch's parts: ``(float32 (64, 4), int64 (64,))``."""
    fields = named_fields(batch)
    if fields is not None:
        return "{" + ", ".join(f"{name}: {described(part)}" for name, part in fields.items()) + "}"
    if isinstance(batch, (tuple, list)):
        shown = [described(part) for part in batch[:6]] + (["..."] if len(batch) > 6 else [])
        return "(" + ", ".join(shown) + ")"
    if hasattr(batch, "shape") and hasattr(batch, "dtype"):
        return f"{str(batch.dtype).removeprefix('torch.')} {tuple(batch.shape)}"
    return type(batch).__name__


def _roles(pattern: Any) -> Iterator[Any]:
    """The roles of a pattern, without parts that are not used."""
    if isinstance(pattern, Mapping):
        for part in pattern.values():
            yield from _roles(part)
    elif isinstance(pattern, Sequence) and not isinstance(pattern, str):
        for part in pattern:
            yield from _roles(part)
    elif pattern is not None:
        yield pattern


def _plain(pattern: Any) -> Any:
    if isinstance(pattern, Mapping):
        return {name: _plain(part) for name, part in pattern.items()}
    return [_plain(part) for part in pattern] if isinstance(pattern, (list, tuple)) else pattern


def _matched(pattern: Any, batch: Any) -> Iterator[tuple[str, Any]]:
    if pattern is None:
        return
    if isinstance(pattern, str):
        yield pattern, batch
        return
    if isinstance(pattern, Mapping):
        fields = named_fields(batch)
        lacking = list(pattern) if fields is None else [name for name in pattern if name not in fields]
        if fields is None or lacking:
            raise BatchFormError("`batch`", f"names a field '{lacking[0]}'; a batch is {described(batch)}.", REMEDY)
        pairs = [(part, fields[name]) for name, part in pattern.items()]
    else:
        if not isinstance(batch, (tuple, list)) or len(batch) != len(pattern):
            raise BatchFormError("`batch`", f"names {len(pattern)} parts; a batch is {described(batch)}.", REMEDY)
        pairs = list(zip(pattern, batch, strict=True))
    for part, value in pairs:
        yield from _matched(part, value)


def _is_role(role: str) -> bool:
    return role in ROLES or (role.startswith("sensitive.") and len(role) > len("sensitive."))


def _is_attribute(role: Any) -> bool:
    return isinstance(role, str) and role.partition(".")[0] == "sensitive"


def _name(role: str) -> str:
    return role.partition(".")[2] or "sensitive"
