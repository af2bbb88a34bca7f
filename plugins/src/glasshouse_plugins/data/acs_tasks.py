"""The folktables tasks on the American Community Survey: features, filters, target and names of codes."""

from __future__ import annotations

from dataclasses import dataclass

Bounds = tuple[str, float | None, float | None]
"""A column with its lower and upper bound, both inclusive; None: no bound on that side."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One of the prediction tasks of Ding, Hardt, Miller and Schmidt (2021), appendix B."""

    target: str
    """Column that the label is computed from."""
    label: str
    """Name of the label, whose classes are yes and no."""
    positive: Bounds
    """Rows with the label yes."""
    features: tuple[str, ...]
    filters: tuple[Bounds, ...] = ()
    """Rows that meet all of these belong to the task."""
    favourable: str | None = None
    """The favourable class, if there is one."""


TASKS = {
    "income": Task(
        target="PINCP",
        label="income above 50,000 dollars",
        positive=("PINCP", 50_001, None),
        features=("AGEP", "COW", "SCHL", "MAR", "OCCP", "POBP", "RELP", "WKHP", "SEX", "RAC1P"),
        filters=(("AGEP", 17, None), ("PINCP", 101, None), ("WKHP", 1, None), ("PWGTP", 1, None)),
        favourable="yes",
    ),
    "employment": Task(
        target="ESR",
        label="employed",
        positive=("ESR", 1, 1),
        features=(
            *("AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE"),
            *("DREM", "SEX", "RAC1P"),
        ),
        favourable="yes",
    ),
    "public_coverage": Task(
        target="PUBCOV",
        label="covered by public health insurance",
        positive=("PUBCOV", 1, 1),
        features=(
            *("AGEP", "SCHL", "MAR", "SEX", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE"),
            *("DREM", "PINCP", "ESR", "ST", "FER", "RAC1P"),
        ),
        filters=(("AGEP", None, 64), ("PINCP", None, 30_000)),
        favourable="yes",
    ),
    "mobility": Task(
        target="MIG",
        label="at the same address as a year ago",
        positive=("MIG", 1, 1),
        features=(
            *("AGEP", "SCHL", "MAR", "SEX", "DIS", "ESP", "CIT", "MIL", "ANC", "NATIVITY", "RELP", "DEAR", "DEYE"),
            *("DREM", "RAC1P", "GCL", "COW", "ESR", "WKHP", "JWMNP", "PINCP"),
        ),
        filters=(("AGEP", 19, 34),),
    ),
    "travel_time": Task(
        target="JWMNP",
        label="more than 20 minutes to work",
        positive=("JWMNP", 21, None),
        features=(
            *("AGEP", "SCHL", "MAR", "SEX", "DIS", "ESP", "MIG", "RELP", "RAC1P", "PUMA", "ST", "CIT", "OCCP"),
            *("JWTR", "POWPUMA", "POVPIP"),
        ),
        filters=(("AGEP", 17, None), ("PWGTP", 1, None), ("ESR", 1, 1)),
        favourable="no",
    ),
}
"""All amounts are whole numbers: above 50,000 means at least 50,001."""

NUMERIC = ("AGEP", "SCHL", "WKHP", "PINCP", "JWMNP", "POVPIP", "PWGTP")
"""Columns with amounts or ordered codes, such as schooling; the other columns are categorical."""

IMMUTABLE = ("AGEP", "SEX", "RAC1P", "POBP", "NATIVITY", "ANC")

LATER_NAMES = {"RELP": "RELSHIPP", "JWTR": "JWTRNS"}
"""Names of columns from 2019 on."""

RACES = {
    1: "White",
    2: "Black or African American",
    3: "American Indian",
    4: "Alaska Native",
    5: "American Indian or Alaska Native, tribe not specified",
    6: "Asian",
    7: "Native Hawaiian or Pacific Islander",
    8: "some other race",
    9: "two or more races",
}
SEXES = {1: "male", 2: "female"}
