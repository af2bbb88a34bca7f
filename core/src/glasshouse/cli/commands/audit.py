"""`glasshouse audit RUN_DIR`: audit a finished run again; `glasshouse audit --predictions`: audit files of predictions.

Finished audits of a run are kept. Predictions need no model, and auditing them never imports torch.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.config.run_options import RunOptions
from glasshouse.config.short_names import options as option_pairs
from glasshouse.config.validation import check
from glasshouse.config.yaml_files import read_yaml, refuse_made_by_python
from glasshouse.errors import UserError
from glasshouse.plugins import Registry, registry
from glasshouse.run_folder.folders import display_path
from glasshouse.system.heavy_imports import heavy_imports

if TYPE_CHECKING:
    from glasshouse.data.raw_table import SensitiveColumn

_OF_PREDICTIONS = (
    "prediction",
    "target",
    "score",
    "weights",
    "clusters",
    "sensitive",
    "classes",
    "favourable",
    "threshold",
    "policy",
    "name",
    "out",
)


def main(argv: list[str]) -> int:
    """Audit, judge and report.

    Returns:
        The exit code: 0 done, 1 the policy was violated and `--gate` was given, 3 an audit ended in error.

    Raises:
        UserError: if the folder is not a run with a trained model, the predictions cannot be used, or an audit is not
            known.
    """
    asked, data_options = _parser().parse_known_args(argv)
    _refuse_other_options(data_options, asked)
    known = registry()
    names = [name.strip() for name in (asked.audits or "").split(",") if name.strip()]
    for name in names:
        known.find("audit", name)
    if asked.predictions:
        return _audit_predictions(asked, names)
    given = [name for name in _OF_PREDICTIONS if getattr(asked, name) not in (None, [])]
    if given:
        raise UserError(f"--{given[0]}", "applies to files of predictions.", "Name the files with --predictions.")
    if asked.run_dir is None:
        raise UserError("glasshouse audit", "expected the folder of a run, or --predictions FILE.")
    folder: Path = asked.run_dir
    if not (folder / "config.yaml").is_file():
        raise UserError(str(folder), "is not the folder of a run: it has no config.yaml.", "See `glasshouse runs`.")
    refuse_made_by_python(read_yaml(folder / "config.yaml"), str(folder))
    return _audit(folder, names, data_options, asked, known)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="glasshouse audit",
        description="Audit a finished run again, or files of predictions.",
        epilog="Data that have moved: --data.OPTION VALUE, e.g. `glasshouse audit RUN_DIR --data.path NEW`.",
    )
    parser.add_argument(
        "run_dir", metavar="RUN_DIR", type=Path, nargs="?", help="the folder of a run that trained a model"
    )
    parser.add_argument("--audits", metavar="A,B", help="only these audits; other finished audits stay in the record")
    parser.add_argument("--force", action="store_true", help="repeat finished audits")
    parser.add_argument(
        "--changed-data",
        "--changed_data",
        action="store_true",
        help="audit on data that differ from the run's; every audit is repeated, and the report says so",
    )
    parser.add_argument("--gate", action="store_true", help="exit with code 1 if the policy fails")
    of = parser.add_argument_group("files of predictions")
    of.add_argument(
        "--predictions", metavar="FILE", type=Path, nargs="+", help="CSV, Parquet or Arrow files, or folders of them"
    )
    repeated: dict[str, Any] = {"action": "append", "default": []}
    of.add_argument(
        "--prediction",
        metavar="[LABEL=]COL",
        help="the prediction: a class or a number; repeat it for multilabel predictions",
        **repeated,
    )
    of.add_argument(
        "--target",
        metavar="[LABEL=]COL",
        help="the true value; without it, only selection rates are measured",
        **repeated,
    )
    of.add_argument(
        "--score",
        metavar="[CLASS=]COL",
        help="probability of the favourable class, from 0 to 1; or CLASS=COL for each class or label",
        **repeated,
    )
    of.add_argument(
        "--sensitive",
        metavar="COL[=EDGES]",
        action="append",
        default=[],
        help="a sensitive attribute; numbers in bins: age=40,60; may be repeated",
    )
    of.add_argument(
        "--favourable", metavar="VALUE", help="the favourable class, the better outcome for the person concerned"
    )
    of.add_argument("--classes", metavar="A,B", help="all classes; needed where no row of the target has one of them")
    of.add_argument("--threshold", metavar="T", type=float, help="the favourable class is predicted from this score on")
    of.add_argument("--weights", metavar="COL", help="row weights")
    of.add_argument(
        "--clusters", metavar="COL", help="identifiers of rows that belong together, such as households or patients"
    )
    of.add_argument("--policy", metavar="POLICY", help="a policy's name or file (default: default)")
    of.add_argument("--name", metavar="NAME", help="the run's name (default: predictions)")
    of.add_argument("--out", metavar="DIR", help="the parent of the new folder NAME/TIME-ID (default: runs)")
    return parser


def _refuse_other_options(unknown: list[str], asked: argparse.Namespace) -> None:
    """Refuse what is neither an option of this command nor one of the run's data.

    Raises:
        UserError: for the first.
    """
    for option, _ in option_pairs(unknown):
        if not option.startswith("--data.") or option.startswith(("--data.class_path", "--data.help")):
            raise UserError("glasshouse audit", f"has no option '{option}'.", "See `glasshouse audit --help`.")
        if asked.predictions:
            raise UserError(
                f"`{option}`", "applies to the folder of a run.", "Name columns with --prediction and others."
            )


def _audit(folder: Path, names: list[str], data_options: list[str], asked: argparse.Namespace, known: Registry) -> int:
    if asked.changed_data and names:
        raise UserError("--changed-data", "repeats every audit; received --audits as well.", "Leave --audits out.")
    arguments = ["--config", str(folder / "config.yaml"), *data_options]
    if data_options:
        check(arguments, known)
    with heavy_imports():
        from glasshouse.config.lightning_parser import GlasshouseCLI, restrict_imports
        from glasshouse.pipeline.pipeline import audit_again

    restrict_imports()
    cli = GlasshouseCLI("run", arguments)
    concluded = audit_again(cli, known, folder, only=names or None, force=asked.force, changed_data=asked.changed_data)
    print(display_path(folder))
    return concluded.exit_code(gate=asked.gate)


def _audit_predictions(asked: argparse.Namespace, names: list[str]) -> int:
    if asked.run_dir is not None:
        raise UserError("glasshouse audit", f"expected RUN_DIR or --predictions, received both ('{asked.run_dir}').")
    from glasshouse.frames import PredictionColumns
    from glasshouse.pipeline.existing_predictions import audit_predictions

    columns = PredictionColumns(
        **(_labels(asked) if len(asked.prediction) > 1 else _single(asked)),
        weights=asked.weights,
        clusters=asked.clusters,
        sensitive=tuple(_sensitive(text) for text in asked.sensitive),
        classes=tuple(name.strip() for name in (asked.classes or "").split(",") if name.strip()),
        favourable=asked.favourable,
        threshold=asked.threshold,
    )
    options = RunOptions(
        name=asked.name,
        run_dir=asked.out or "runs",
        policy=asked.policy or "default",
        audits=list(names) or None,
    )
    concluded = audit_predictions(asked.predictions, columns, options)
    print(concluded.run.place)
    return concluded.exit_code(gate=asked.gate)


def _single(asked: argparse.Namespace) -> dict[str, Any]:
    """One prediction: its target, and the probability of the favourable class or of each."""
    if len(asked.target) > 1:
        raise UserError("--target", "names more than one column.", "Of several labels, give each its --prediction too.")
    roles: dict[str, Any] = {name: next(iter(getattr(asked, name)), None) for name in ("prediction", "target")}
    roles["prediction"] = roles["prediction"] or ""
    pairs = [_pair(text) for text in asked.score]
    if len(pairs) > 1 or (pairs and pairs[0][0]):
        for name, column in pairs:
            if not name:
                raise UserError("--score", f"'{column}' is the probability of which class?", "Give CLASS=COLUMN.")
        return {**roles, "scores": tuple(pairs)}
    return {**roles, "score": pairs[0][1] if pairs else None}


def _labels(asked: argparse.Namespace) -> dict[str, Any]:
    """Several labels: a prediction of each, and its target and probability where they are known."""
    from glasshouse.frames import LabelColumns

    predictions = {name or column: column for name, column in map(_pair, asked.prediction)}
    of: dict[str, dict[str, str]] = {}
    for role in ("target", "score"):
        of[role] = {}
        for name, column in map(_pair, getattr(asked, role)):
            if name not in predictions:
                known = ", ".join(predictions)
                raise UserError(f"--{role}", f"'{column}' is of which label? There are {known}.", "Give LABEL=COLUMN.")
            of[role][name] = column
        if of[role] and len(of[role]) < len(predictions):
            lacking = next(name for name in predictions if name not in of[role])
            raise UserError(f"--{role}", f"label '{lacking}' has none.", "Give it for each label, or for none.")
    return {
        "labels": tuple(
            LabelColumns(name=name, prediction=column, target=of["target"].get(name), score=of["score"].get(name))
            for name, column in predictions.items()
        )
    }


def _pair(text: str) -> tuple[str, str]:
    """``NAME=COLUMN``; the name is empty where there is none."""
    name, _, column = text.rpartition("=")
    return name, column


def _sensitive(text: str) -> SensitiveColumn:
    """``age=40,60`` is the column age in three bins; anything else a column as it is."""
    from glasshouse.data.raw_table import SensitiveColumn

    column, equals, edges = text.rpartition("=")
    if not equals:
        return SensitiveColumn(name=text, column=text)
    try:
        return SensitiveColumn(name=column, column=column, edges=tuple(float(edge) for edge in edges.split(",")))
    except ValueError:
        raise UserError("--sensitive", f"expected numbers after '=', received '{edges}'.", "E.g. age=40,60.") from None
