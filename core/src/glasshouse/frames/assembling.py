"""Final tables from a tally: levels sorted, classes named, favourable class determined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.class_coding import (
    find_class,
    obvious_favourable,
    opposite,
    read_decisions,
    refuse_two_spellings,
    respelled,
)
from glasshouse.data.level_names import level_order
from glasshouse.errors import UserError, did_you_mean
from glasshouse.frames.columns import PredictionColumns
from glasshouse.frames.tally import HistogramTally, NumbersFoundLaterError, Tally, Vocabulary, are_numbers
from glasshouse.statistics.counts.clusters import ClusteredCounts
from glasshouse.statistics.counts.table import Attribute, GroupCounts, listed_groups
from glasshouse.statistics.numbers.sums import GroupSums
from glasshouse.statistics.scores.histograms import Scale, ScoreHistogram, histogram_of_bins
from glasshouse.statistics.tables import PredictionTables

SELECTED, REJECTED = "at or above the threshold", "below the threshold"


def build_tables(tally: Tally, columns: PredictionColumns, *, regression: bool, split: str) -> PredictionTables:
    """The tables of everything in a tally.

    Raises:
        UserError: if there are no rows, or the classes do not match the declared columns.
    """
    if not tally.cells:
        reasons = ", ".join(f"{rows:,} with {reason}" for reason, rows in tally.left_out.items())
        raise UserError("--predictions", f"have no row to audit{f' ({reasons})' if reasons else ''}.")
    attributes, order = [], []
    for declared, vocabulary in zip(columns.sensitive, tally.groups, strict=True):
        levels, places = _ordered(vocabulary)
        attributes.append(Attribute(declared.name, levels))
        order.append(places)
    groups = tuple(attributes)
    blank = PredictionTables(
        split=split, kind="regression", classes=(), positive=None, attributes=groups, left_out=dict(tally.left_out)
    )
    for option, given in (("--favourable", columns.favourable), ("--classes", columns.classes)):
        if regression and given:
            raise UserError(
                option, "is for classes; the predictions are numbers.", "Leave it out, or give --threshold."
            )
    if regression:
        return replace(blank, **_regression(tally, groups, order))
    classes, positive, read_as = _classes(tally, columns)
    counts, target_code = _counts(tally, columns, groups, order, classes, positive, read_as)
    scores = {}
    for given, found in tally.scores.items():
        scored = _scored(given, classes, positive)
        if len(classes) == 2 and scored != positive:
            continue  # the probability of the other class is 1 minus this one
        codes, targets = _combined(tally, order)
        truth = None if columns.target is None else (target_code[targets] == scored).astype(np.int64)
        scores[classes[scored]] = _histogram(found, groups, codes, truth, "probability")
    kind = "binary" if len(classes) == 2 else "multiclass"
    return replace(
        blank,
        kind=kind,
        classes=classes,
        positive=positive,
        counts=counts,
        scores=scores,
        read_as={columns.prediction: respelled(read_as)} if respelled(read_as) else {},
    )


def multilabel_tables(found: Mapping[str, PredictionTables]) -> PredictionTables:
    """Multilabel tables from one binary table for each label, whose second class means that the label applies.

    Raises:
        UserError: if one has more than two classes.
    """
    for label, tables in found.items():
        if tables.kind != "binary":
            raise UserError(f"label '{label}'", f"has {len(tables.classes)} classes; expected two, such as 0 and 1.")
    return replace(
        next(iter(found.values())),
        kind="multilabel",
        classes=tuple(found),
        positive=None,
        counts=None,
        labels={label: replace(t.counts, classes=("no", "yes")) for label, t in found.items() if t.counts is not None},
        scores={label: histogram for label, tables in found.items() for histogram in tables.scores.values()},
        left_out={f"{why} of '{label}'": n for label, tables in found.items() for why, n in tables.left_out.items()},
        read_as={column: words for tables in found.values() for column, words in tables.read_as.items()},
    )


def _scored(name: str | None, classes: tuple[str, ...], positive: int | None) -> int:
    """The code of the class of a column of probabilities; None: the favourable one."""
    if name is None and positive is not None:
        return positive
    if name is None:
        raise UserError(
            "--score",
            f"is the probability of one of {len(classes)} classes; expected the class.",
            "Give --favourable, or --score CLASS=COLUMN for each class.",
        )
    found = find_class(name, classes)
    if found is None:
        raise UserError("--score", f"no row has the class '{name}'.", did_you_mean(name, classes))
    return classes.index(found)


def _classes(tally: Tally, columns: PredictionColumns) -> tuple[tuple[str, ...], int | None, dict[str, str]]:
    """The classes in order, the code of the favourable one, and the class of each decision as it is written.

    Of two classes the favourable one is that which is declared, or says so itself (yes of no and yes). Otherwise it is
    the second, where nothing depends on it.

    Raises:
        UserError: where a gap, a rate or a score depends on it.
    """
    if columns.threshold is not None and columns.target is None:
        return (REJECTED, columns.favourable or SELECTED), 1, {}
    if columns.threshold is None and tally.predictions.may_be_numbers and not columns.classes:
        for vocabulary in (tally.predictions, tally.targets):
            if are_numbers(vocabulary.levels):
                raise NumbersFoundLaterError(vocabulary.column)
    known = _known_classes(tally, columns)
    decisions = tally.predictions.levels if columns.threshold is None else ()
    if columns.threshold is not None and len(known) > 2:
        raise UserError(
            f"target '{columns.target}'",
            f"has {len(known)} classes; a threshold decides between two.",
            "Give the predicted classes with --prediction and no --threshold.",
        )
    read_as = read_decisions(
        decisions,
        known or set(decisions),
        prediction=columns.prediction,
        known_from="--classes" if columns.classes else f"column '{columns.target}'",
    )
    names = set(known) | set(read_as.values())
    if len(names) == 1:
        only = next(iter(names))
        names.add(columns.favourable or opposite(only) or f"not {only}")
    if len(names) == 1:
        only = next(iter(names))
        names.add(opposite(only) or f"not {only}")
    classes = tuple(level_order(names))
    if columns.favourable is None and len(classes) != 2:
        return classes, None, read_as
    if columns.favourable is None:
        obvious = obvious_favourable(classes)
        if obvious is None and (columns.sensitive or columns.probabilities):
            raise UserError(
                "--favourable",
                f"is needed: the classes are '{classes[0]}' and '{classes[1]}', and neither says that it is the better "
                "outcome.",
                f"Give --favourable '{classes[0]}' or --favourable '{classes[1]}'.",
            )
        return classes if obvious is None else (next(c for c in classes if c != obvious), obvious), 1, read_as
    favourable = find_class(columns.favourable, classes)
    if favourable is None:
        raise UserError(
            "--favourable", f"no row has the class '{columns.favourable}'.", did_you_mean(columns.favourable, classes)
        )
    if len(classes) == 2:  # the favourable class of a binary target is always the second
        classes = (next(name for name in classes if name != favourable), favourable)
    return classes, classes.index(favourable), read_as


def _known_classes(tally: Tally, columns: PredictionColumns) -> set[str]:
    """The classes that decisions may have: those of the target, and declared ones; none if nothing says.

    A single class of yes or no has the other one for its opposite.

    Raises:
        UserError: for a true value that is not among the declared classes.
    """
    true = set(tally.targets.levels)
    if columns.classes:
        strange = level_order(true - set(columns.classes))
        if strange:
            raise UserError("--classes", f"column '{columns.target}' contains '{strange[0]}'.", "Name every class.")
        return set(columns.classes)
    refuse_two_spellings(true, columns.target or "")
    if len(true) != 1:
        return true
    only = next(iter(true))
    other = columns.favourable if columns.favourable not in (None, only) else opposite(only)
    return true if other is None or find_class(other, true) else {*true, other}


def _counts(
    tally: Tally,
    columns: PredictionColumns,
    groups: tuple[Attribute, ...],
    order: list[NDArray[np.int64]],
    classes: tuple[str, ...],
    positive: int | None,
    read_as: Mapping[str, str],
) -> tuple[GroupCounts, NDArray[np.int64]]:
    known = {name: k for k, name in enumerate(classes)}
    target_code = np.array([-1, *(known.get(name, -1) for name in tally.targets.levels)])
    if columns.threshold is None:
        predicted_code = np.array([-1, *(known[read_as[name]] for name in tally.predictions.levels)])
    else:
        assert positive is not None
        predicted_code = np.array([-1, 1 - positive, positive])
    keys = np.array(list(tally.cells), dtype=np.int64)
    amounts = np.stack(list(tally.cells.values()))
    codes = _final(keys[:, :-2], order)
    listed, slot = listed_groups(groups, codes)
    shape = (len(listed), 1 if columns.target is None else len(classes), len(classes))

    def places(given: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Final target and prediction codes of provisional codes (m, a + 2)."""
        row = np.zeros(len(given), dtype=np.int64) if columns.target is None else target_code[given[:, -2]]
        return row, predicted_code[given[:, -1]]

    where = (slot, *places(keys))

    def summed(column: int) -> NDArray[Any]:
        table = np.zeros(shape, dtype=np.float64 if tally.weighted and column else np.int64)
        np.add.at(table, where, amounts[:, column].astype(table.dtype))
        return table

    rows = summed(0)
    cells, squares = (summed(1), summed(2)) if tally.weighted else (rows, rows)
    counted = GroupCounts(attributes=groups, classes=classes, codes=listed, cells=cells, rows=rows, squares=squares)
    if tally.clusters is None:
        return counted, target_code
    slot_of = {key: int(at) for key, at in zip(map(tuple, codes.tolist()), slot, strict=True)}

    def cell_of(given: NDArray[np.int64]) -> NDArray[np.int64]:
        group = np.array([slot_of[key] for key in map(tuple, _final(given[:, :-2], order).tolist())], dtype=np.int64)
        return np.asarray(np.ravel_multi_index((group, *places(given)), shape), dtype=np.int64)

    names, sums = tally.clusters.sums(cell_of, cells.size)
    return ClusteredCounts.of(counted, names, sums), target_code


def _regression(tally: Tally, groups: tuple[Attribute, ...], order: list[NDArray[np.int64]]) -> dict[str, Any]:
    codes, _ = _combined(tally, order)
    listed, slot = listed_groups(groups, codes)
    total: GroupSums | None = None
    for numbers, part in tally.sums:
        placed = replace(part, attributes=groups, codes=listed[slot[numbers]])
        total = placed.marginal([group.name for group in groups]) if total is None else total + placed
    parts: dict[str, Any] = {"sums": total}
    for name, found in (("values", tally.values), ("errors", tally.errors)):
        if found is not None:
            parts[name] = _histogram(found, groups, codes, None, "value")
    return parts


def _histogram(
    tally: HistogramTally,
    groups: tuple[Attribute, ...],
    codes: NDArray[np.int64],
    truth: NDArray[np.int64] | None,
    scale: Scale,
) -> ScoreHistogram:
    bins = tally.settle()
    listed, slot = listed_groups(groups, codes)
    if truth is not None:
        bins = bins.of_targets(truth[bins.group])
    return histogram_of_bins(groups, listed, bins.regrouped(slot).merged(), scale=scale, shift=tally.shift)


def _ordered(vocabulary: Vocabulary) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Sorted levels, and the position of each provisional code among them; a missing value is last."""
    levels = vocabulary.sorted_levels
    place = {name: k for k, name in enumerate(levels)}
    return levels, np.array([len(levels), *(place[name] for name in vocabulary.levels)], dtype=np.int64)


def _final(codes: NDArray[np.int64], order: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    if not order:
        return np.zeros((len(codes), 0), dtype=np.int64)
    return np.stack([places[codes[:, k]] for k, places in enumerate(order)], axis=1)


def _combined(tally: Tally, order: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(m, a) group codes and (m,) provisional target codes of the combinations, by number."""
    keys = np.array(list(tally.combinations), dtype=np.int64).reshape(len(tally.combinations), -1)
    return _final(keys[:, :-1], order), keys[:, -1]
