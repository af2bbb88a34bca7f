"""The `subgroups` audit: where the model is worst, found on some rows and confirmed on others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from glasshouse import AuditResult, Column, Evidence, Figure, Measurement, Predictions, Table, UserError
from numpy.typing import NDArray

from glasshouse_audits.fairness import feature_codes as coding
from glasshouse_audits.fairness.feature_codes import Coding
from glasshouse_audits.fairness.holdout_split import Part, apart, whole
from glasshouse_audits.fairness.subgroups.confirmation import Confirmation, compared, confirm, permuted_p_values
from glasshouse_audits.fairness.subgroups.search import Subgroup, conditions, distinct, search
from glasshouse_audits.option_checks import whole_number

SIGNIFICANCE = 0.05
"""The level of the statement "confirmed": the chance that any subgroup is confirmed where none is worse."""

CONFIRM = {
    "split": "Found on other rows than these numbers are from, the worst there first. The p-value is adjusted for the "
    "number of subgroups (Holm).",
    "permutation": "The worst first. The numbers are from the rows that were searched, and look worse than they are; "
    "the p-value says how often a search finds one as bad where losses were exchanged at random, and holds for all.",
}
"""The ways to tell what was found from chance, and what the table says of each."""

_MOST_TESTED = 10
# A validation split of at least this share of the judged one is worth more for the search than half of the latter,
# which then is whole for the test.
_ENOUGH_TO_SEARCH = 0.5


class SubgroupsAudit:
    """In which subgroups of people does the model fail most? Over features and sensitive attributes together.

    Args:
        depth: most conditions that describe a subgroup.
        width: subgroups of one length that the beam search goes on with.
        minimum_rows: fewest rows of a subgroup in the search.
        bins: bins of each numeric feature.
        confirm: ``split`` searches on some rows and tests on others; ``permutation`` searches on all judged rows, and
            again on as many random exchanges of their losses: a larger sample, for a longer wait.
        permutations: exchanges, where these confirm.
    """

    def __init__(
        self,
        *,
        depth: int = 3,
        width: int = 40,
        minimum_rows: int = 30,
        bins: int = 5,
        confirm: str = "split",
        permutations: int = 199,
    ) -> None:
        self.depth = whole_number("subgroups", "depth", depth, least=1)
        self.width = whole_number("subgroups", "width", width, least=1)
        self.minimum_rows = whole_number("subgroups", "minimum_rows", minimum_rows, least=2)
        self.bins = whole_number("subgroups", "bins", bins, least=2)
        if not isinstance(confirm, str) or confirm not in CONFIRM:
            raise UserError("audit 'subgroups'", f"confirm is {confirm!r}; expected {' or '.join(CONFIRM)}.")
        self.confirm = confirm
        self.permutations = whole_number("subgroups", "permutations", permutations, least=19)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Search on the validation split (or half of the judged one) and test on the rest; or permute the judged.

        Raises:
            UserError: if rows in clusters are to be exchanged.
        """
        parameters = {
            name: getattr(self, name) for name in ("depth", "width", "minimum_rows", "bins", "confirm", "permutations")
        }
        result: dict[str, Any] = {"name": "subgroups", "family": "fairness", "parameters": parameters}
        permuted = self.confirm == "permutation"
        if permuted and evidence.evaluated.clusters is not None:
            raise UserError(
                "audit 'subgroups'", "rows in clusters cannot be exchanged one by one.", "Set `confirm: split`."
            )
        searched, judged = (whole(evidence.evaluated),) * 2 if permuted else apart(evidence, share=_ENOUGH_TO_SEARCH)
        columns = _columns(evidence, searched, judged, self.bins)
        if not columns.codings:
            reason = "needs sensitive attributes, or the encoded inputs and which columns encode each feature"
            return AuditResult(**result, status="skipped", reason=reason)
        known = conditions([(len(one), one.ordered) for one in columns.codings])

        def look(loss: NDArray[np.float64], weights: NDArray[np.float64] | None) -> list[Subgroup]:
            return search(
                columns.searched,
                loss,
                known,
                depth=self.depth,
                width=self.width,
                minimum=self.minimum_rows,
                origins=columns.origins,
                weights=weights,
            )

        loss, weights = losses(searched.predictions), searched.predictions.weights
        candidates = distinct(look(loss, weights), columns.searched, most=_MOST_TESTED)
        if permuted:
            rng = np.random.default_rng(evidence.seed)
            p_values = permuted_p_values(
                candidates, loss, look, rng=rng, permutations=self.permutations, weights=weights
            )
            confirmed = [
                replace(one, p_value=p, difference=replace(one.difference, interval=None))
                for one, p in zip(compared(candidates, columns.judged, loss, weights=weights), p_values, strict=True)
            ]
        else:
            confirmed = confirm(
                candidates,
                columns.judged,
                losses(judged.predictions),
                weights=judged.predictions.weights,
                clusters=judged.predictions.clusters,
            )
        described = [columns.described(one) for one in candidates]
        metric = metric_of(judged.predictions)
        p_value = "max_statistic_p_value" if permuted else "holm_adjusted_p_value"
        measurements = list(_measured(candidates, confirmed, described, metric, judged.split, p_value))
        shown = bool(candidates)
        return AuditResult(
            **result,
            measurements=measurements,
            tables=[_table(described, confirmed, metric, self.confirm)] if shown else [],
            figures=[_figure(described, confirmed, metric)] if shown and not permuted else [],
            notes=list(_notes(searched, judged, columns, len(known), metric, self.confirm)),
        )


# ---------------------------------------------------------------- columns and losses


@dataclass(frozen=True, eq=False)
class Columns:
    """What subgroups are made of: attributes and features, coded alike on both parts."""

    codings: list[Coding]
    origins: list[int]
    searched: NDArray[np.int16]
    judged: NDArray[np.int16]
    attributes: int
    """How many of the columns, the first, are sensitive attributes."""

    def described(self, one: Subgroup) -> dict[str, str]:
        """A subgroup in words, column -> what its value is."""
        return {
            self.codings[each.column].name: self.codings[each.column].described(each.low, each.high)
            for each in one.conditions
        }


def _columns(evidence: Evidence, searched: Part, judged: Part, bins: int) -> Columns:
    """Attributes first; then features, without those that are an attribute themselves."""
    groups = list(judged.predictions.groups.values())
    codings, left, right = [], [], []
    for attribute in groups:
        named, codes = coding.of_groups(attribute)
        codings.append(named)
        left.append(coding.of_groups(searched.predictions.groups[attribute.name])[1])
        right.append(codes)
    origins = list(range(len(groups)))
    features = evidence.info.features if evidence.info.modality == "tabular" else ()
    if features and evidence.inputs is not None:
        x, z = (_inputs(evidence, part) for part in (searched, judged))
        made_from: dict[str, int] = {}
        for position, attribute in enumerate(searched.predictions.groups.values()):
            own = coding.own_feature(attribute, features, x)
            if own is not None:
                made_from[own.name] = position
        for feature in features:
            position = made_from.get(feature.name, len(codings))
            if position < len(groups) and (feature.kind == "categorical" or feature.name == groups[position].name):
                continue
            fitted = coding.fit(feature, x, bins=bins)
            codings.append(fitted)
            origins.append(position)
            left.append(coding.encode(fitted, feature, x))
            right.append(coding.encode(fitted, feature, z))
    return Columns(codings, origins, _stacked(left, len(searched)), _stacked(right, len(judged)), len(groups))


def _inputs(evidence: Evidence, part: Part) -> NDArray[np.float32]:
    assert evidence.inputs is not None
    encoded = np.asarray(evidence.inputs(part.split), dtype=np.float32)
    return encoded[part.rows]


def _stacked(columns: Sequence[NDArray[np.int16]], rows: int) -> NDArray[np.int16]:
    return np.stack(columns) if columns else np.empty((0, rows), np.int16)


def losses(predictions: Predictions) -> NDArray[np.float64]:
    """(n,) 1 where the decision is wrong, or the absolute error of a regression."""
    assert predictions.targets is not None
    if predictions.target.kind == "regression":
        return np.asarray(np.abs(predictions.predicted - predictions.targets), dtype=np.float64)
    return np.asarray(predictions.predicted != predictions.targets, dtype=np.float64)


def metric_of(predictions: Predictions) -> str:
    """What the mean of `losses` is called."""
    return "mean_absolute_error" if predictions.target.kind == "regression" else "error_rate"


# ---------------------------------------------------------------- showing


def _measured(
    found: Sequence[Subgroup],
    confirmed: Sequence[Confirmation],
    described: Sequence[dict[str, str]],
    metric: str,
    split: str,
    p_value: str,
) -> Iterator[Measurement]:
    yield Measurement(
        name="confirmed_subgroups",
        value=float(sum(_is_confirmed(one) for one in confirmed)) if found else None,
        undefined=None if found else "no subgroup that is large enough does worse than the rest in the search",
        n=len(found),
        split=split,
        parameters={"significance": SIGNIFICANCE},
    )
    for group, one in zip(described, confirmed, strict=True):
        about: dict[str, Any] = {"group": group, "split": split}
        yield Measurement(name=metric, **about, **one.loss.fields())
        yield Measurement(name=f"{metric}_difference_to_rest", **about, **one.difference.fields())
        yield Measurement(
            name=p_value,
            value=one.p_value,
            undefined=None if one.p_value is not None else "too few rows, or losses without any spread",
            n=one.loss.n,
            **about,
        )


def _is_confirmed(one: Confirmation) -> bool:
    return one.p_value is not None and one.p_value <= SIGNIFICANCE


def _table(described: Sequence[dict[str, str]], confirmed: Sequence[Confirmation], metric: str, how: str) -> Table:
    return Table(
        title="Subgroups where the model does worst",
        columns=(
            Column(name="subgroup"),
            Column(name="rows", format="d"),
            *(Column(name=name, format=".3f") for name in (metric, "difference", "low", "high", "p-value")),
            Column(name="confirmed"),
        ),
        rows=tuple(
            (
                in_words(group),
                one.loss.n,
                one.loss.value,
                one.difference.value,
                one.difference.interval.low if one.difference.interval else None,
                one.difference.interval.high if one.difference.interval else None,
                one.p_value,
                _is_confirmed(one),
            )
            for group, one in zip(described, confirmed, strict=True)
        ),
        description=f"{CONFIRM[how]} The difference is to everyone else. Confirmed: a p-value of at most "
        f"{SIGNIFICANCE}. A subgroup that is not confirmed may have looked bad by chance.",
        count_column="rows",
    )


def _figure(described: Sequence[dict[str, str]], confirmed: Sequence[Confirmation], metric: str) -> Figure:
    ends = [one.difference.interval for one in confirmed]
    return Figure(
        kind="dot_interval",
        title="How much worse the model does in the subgroups found",
        description=f"The {metric.replace('_', ' ')} of each subgroup less that of everyone else, on rows that the "
        "search did not see, with its 95 % interval. Right of 0 the model does worse.",
        data={
            "labels": [in_words(group) for group in described],
            "values": [one.difference.value for one in confirmed],
            "low": [end.low if end else None for end in ends],
            "high": [end.high if end else None for end in ends],
            "n": [one.loss.n for one in confirmed],
            "x_label": f"{metric.replace('_', ' ')}, subgroup minus rest",
            "reference": 0.0,
        },
    )


def in_words(group: dict[str, str]) -> str:
    """``sex: Female, age: above 48``."""
    return ", ".join(f"{name}: {value}" for name, value in group.items())


def _notes(searched: Part, judged: Part, columns: Columns, known: int, metric: str, how: str) -> Iterator[str]:
    features = len(columns.codings) - columns.attributes
    tested = (
        f"tested on {judged.name} ({len(judged):,} rows), which the search did not see."
        if how == "split"
        else "the search was repeated on random exchanges of the losses."
    )
    yield (
        f"Searched on {searched.name} ({len(searched):,} rows) over {columns.attributes} attributes and {features} "
        f"features, {known:,} conditions; {tested}"
    )
    yield (
        f"Worst by the {metric.replace('_', ' ')}, one-sided against everyone else. A beam search looks at the most "
        "promising subgroups, not at all; what it does not find may still be there."
    )
