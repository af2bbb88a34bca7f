"""What folktables asks of the American Community Survey: features, people, target and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass

Bounds = tuple[str, float | None, float | None]
"""A column, and the values between which (both included) people are kept; None: without a bound on that side."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One of the prediction tasks of Ding, Hardt, Miller and Schmidt (2021), appendix B."""

    target: str
    asks: str
    """What the two classes answer with yes or no."""
    yes: Bounds
    """When the answer is yes."""
    features: tuple[str, ...]
    people: tuple[Bounds, ...] = ()
    favourable: str | None = None


TASKS = {
    "income": Task(
        target="PINCP",
        asks="income above 50,000 dollars",
        yes=("PINCP", 50_001, None),
        features=("AGEP", "COW", "SCHL", "MAR", "OCCP", "POBP", "RELP", "WKHP", "SEX", "RAC1P"),
        people=(("AGEP", 17, None), ("PINCP", 101, None), ("WKHP", 1, None), ("PWGTP", 1, None)),
        favourable="yes",
    ),
    "employment": Task(
        target="ESR",
        asks="employed",
        yes=("ESR", 1, 1),
        features=(
            *("AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE"),
            *("DREM", "SEX", "RAC1P"),
        ),
        favourable="yes",
    ),
    "public_coverage": Task(
        target="PUBCOV",
        asks="covered by public health insurance",
        yes=("PUBCOV", 1, 1),
        features=(
            *("AGEP", "SCHL", "MAR", "SEX", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE"),
            *("DREM", "PINCP", "ESR", "ST", "FER", "RAC1P"),
        ),
        people=(("AGEP", None, 64), ("PINCP", None, 30_000)),
        favourable="yes",
    ),
    "mobility": Task(
        target="MIG",
        asks="at the same address as a year ago",
        yes=("MIG", 1, 1),
        features=(
            *("AGEP", "SCHL", "MAR", "SEX", "DIS", "ESP", "CIT", "MIL", "ANC", "NATIVITY", "RELP", "DEAR", "DEYE"),
            *("DREM", "RAC1P", "GCL", "COW", "ESR", "WKHP", "JWMNP", "PINCP"),
        ),
        people=(("AGEP", 19, 34),),
    ),
    "travel_time": Task(
        target="JWMNP",
        asks="more than 20 minutes to work",
        yes=("JWMNP", 21, None),
        features=(
            *("AGEP", "SCHL", "MAR", "SEX", "DIS", "ESP", "MIG", "RELP", "RAC1P", "PUMA", "ST", "CIT", "OCCP"),
            *("JWTR", "POWPUMA", "POVPIP"),
        ),
        people=(("AGEP", 17, None), ("PWGTP", 1, None), ("ESR", 1, 1)),
        favourable="no",
    ),
}
"""All that is counted is whole: above 50,000 is 50,001 and more."""

NUMERIC = ("AGEP", "SCHL", "WKHP", "PINCP", "JWMNP", "POVPIP", "PWGTP")
"""Columns whose codes are amounts or, as years of schooling, in order; the codes of all others are names."""

IMMUTABLE = ("AGEP", "SEX", "RAC1P", "POBP", "NATIVITY", "ANC")

LATER_NAMES = {"RELP": "RELSHIPP", "JWTR": "JWTRNS"}
"""What the Census Bureau calls a column from 2019 on."""

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
