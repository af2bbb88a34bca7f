"""Facts about a run, its data and its provenance as labels with values, from the record's header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glasshouse.record.audited_data import audited_fingerprint
from glasshouse.report.formatting import NOTHING, show_cell, show_name, show_time


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A label and its value."""

    label: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts under one title."""

    title: str
    facts: tuple[Fact, ...]


def run_facts(run: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Model, data, target, split, time of creation and reproducibility."""
    data, config = run["data"], run["config"]
    model: Mapping[str, Any] = run["model"] or {"name": "predictions only"}
    target = data["target"]
    parameters = model.get("parameters")
    split = config.get("evaluate_on", "test")
    rows = (data.get("rows") or {}).get(split)
    part = f" ({config['evaluation_set']})" if config.get("evaluation_set") else ""
    size = f", {parameters:,} parameters" if parameters is not None else ""
    writes = "; writes into its inputs, and received copies of them" if model.get("writes_inputs") else ""
    facts = [
        ("Model", model["name"] + size + writes),
        ("Data", data["name"] + (" (synthetic)" if data.get("synthetic") else "")),
        ("Predicts", _target(target)),
        ("Evaluated on", f"{split} split{part}" + (f", {rows:,} rows" if rows is not None else "")),
        ("Created", show_time(run["created"])),
        ("Reproducibility", _reproducibility(run["provenance"])),
    ]
    return tuple(Fact(label=label, value=value) for label, value in facts)


def _reproducibility(provenance: Mapping[str, Any]) -> str:
    """Data fingerprint and git commit in short; the section on provenance has the rest."""
    trained, audited = provenance.get("data_fingerprint"), audited_fingerprint(provenance)
    code = provenance.get("git")
    words = [f"data {audited[:19]}" if audited else "data without a fingerprint"]
    if audited != trained:
        words[0] += f", not the data of the training ({trained[:19] if trained else 'without a fingerprint'})"
    if code:
        words.append(f"code at {code['commit'][:12]}" + (" with uncommitted changes" if code.get("dirty") else ""))
    else:
        words.append("code without version control")
    return "; ".join(words)


def _target(target: Mapping[str, Any]) -> str:
    classes = target.get("classes") or ()
    listed = f": {' or '.join(classes)}" if 0 < len(classes) <= 5 else f", {len(classes)} classes" if classes else ""
    if not target.get("observed", True):
        return f"{target['name']} (computed by the model; the data have no such target)"
    good = f"; favourable: {target['favourable']}" if target.get("favourable") else ""
    return f"{target['name']} ({target['kind']}{listed}{good})"


_MODEL_INPUT = {
    True: "; a model input",
    False: "; not a model input",
    None: "; unknown whether it is a model input",
}


def data_facts(data: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Name, kind, rows, target, source, licence and sensitive attributes of the data."""
    rows = data.get("rows") or {}
    sensitive = data.get("sensitive") or ()
    facts = [
        ("Name", data["name"]),
        ("Kind", data["modality"] + (", synthetic" if data.get("synthetic") else "")),
        ("Rows", ", ".join(f"{split} {count:,}" for split, count in rows.items())),
        ("Target", _target(data["target"])),
        ("Source", data.get("source", "")),
        ("Licence", data.get("licence", "")),
        *(
            (
                f"Sensitive: {one['name']}",
                ", ".join(one["levels"][:20])
                + (f" and {len(one['levels']) - 20} more" if len(one["levels"]) > 20 else "")
                + _MODEL_INPUT[one.get("seen_by_model", False)],
            )
            for one in sensitive
        ),
        *(("Note", note) for note in data.get("notes", ())),
    ]
    return tuple(Fact(label=label, value=value or NOTHING) for label, value in facts)


def provenance(run: Mapping[str, Any]) -> tuple[Facts, ...]:
    """Versions, plugins, hardware, data fingerprint and configuration of the run."""
    command = run["command"]
    own = [
        ("glasshouse", run["glasshouse_version"]),
        ("command", command if isinstance(command, str) else " ".join(command)),
        ("seed", NOTHING if run["seed"] is None else str(run["seed"])),
        ("created", run["created"]),
        ("run", run["id"]),
    ]
    groups = [Facts(title="Run", facts=tuple(Fact(label=label, value=value) for label, value in own))]
    loose = {}
    for key, value in run["provenance"].items():
        if isinstance(value, (Mapping, list)) and value and key != "command":
            groups.append(Facts(title=show_name(key), facts=tuple(flat(value))))
        elif key not in ("command", "seed"):
            loose[key] = value
    groups.insert(1, Facts(title="Environment", facts=tuple(flat(loose))))
    groups.append(Facts(title="Configuration", facts=tuple(flat(run["config"]))))
    return tuple(group for group in groups if group.facts)


def flat(value: Any, name: str = "") -> Iterable[Fact]:
    """Nested values as one list of facts, labelled by their path: ``model.init_args.hidden``."""
    if isinstance(value, Mapping) and (value or not name):
        for key, item in value.items():
            yield from flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        for at, item in enumerate(value):
            yield from flat(item, f"{name}[{at}]")
    elif isinstance(value, list) and not name:
        yield from (Fact(label=str(item), value="") for item in value)
    else:
        items = value if isinstance(value, (list, tuple)) else [] if isinstance(value, Mapping) else [value]
        yield Fact(label=name, value=", ".join(map(_plain, items)) or NOTHING)


def _plain(value: Any) -> str:
    return show_cell(value) if isinstance(value, bool) or value is None else str(value)
