"""What is written down holds no secrets, and all else as it was."""

from __future__ import annotations

import pytest
from glasshouse.system.redaction import REDACTED, names_secret, redact
from hypothesis import given
from hypothesis import strategies as st

SECRETS = ["password", "db_password", "dbPassword", "PASSWD", "api_key", "apiKey", "AWS_SECRET_ACCESS_KEY", "token"]
SECRETS += [
    "hub_token",
    "accessToken",
    "--data.init_args.token",
    "client_secret",
    "credentials",
    "AccountKey",
    "x-amz-signature",
]
OTHERS = [
    "pad_token",
    "unk_token",
    "mask_token",
    "tokenizer",
    "num_tokens",
    "token_pattern",
    "max_tokens",
    "key",
    "keys",
]
OTHERS += ["primary_key", "passes", "hidden", "secretary", "author", "sigma", "signal", "bypass", "", "7"]


@pytest.mark.parametrize("name", SECRETS)
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)
    assert redact({name: "hunter2"}) == {name: REDACTED}
    assert redact(["--x", f"--{name.lstrip('-')}", "hunter2", "y"])[2] == REDACTED
    assert "hunter2" not in redact(f"--{name.lstrip('-')}=hunter2")
    assert "hunter2" not in redact(f"{{'{name.lstrip('-')}': 'hunter2', 'b': 1}}")


@pytest.mark.parametrize("name", OTHERS)
def test_names_of_other_things(name: str) -> None:
    assert not names_secret(name)
    assert redact({name: "hunter2"}) == {name: "hunter2"}
    assert redact(["--x", f"--{name}", "hunter2"]) == ["--x", f"--{name}", "hunter2"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("postgresql://ann:s3cr3t@host:5432/db?x=1", f"postgresql://ann:{REDACTED}@host:5432/db?x=1"),
        ("https://ann:p:s@3@host/a", f"https://ann:{REDACTED}@host/a"),
        ("s3://bucket/a.csv", "s3://bucket/a.csv"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("https://h/a?X-Amz-Signature=0a1b&part=2", f"https://h/a?X-Amz-Signature={REDACTED}&part=2"),
        ("https://h/a?sv=1&sig=aB%2F", f"https://h/a?sv=1&sig={REDACTED}"),
        ("Server=db;Password=hunter2;Timeout=3", f"Server=db;Password={REDACTED};Timeout=3"),
        ("Authorization: Bearer abcdefghijk", f"Authorization: Bearer {REDACTED}"),
        ("ghp_" + "a" * 36, REDACTED),
        ("use hf_" + "B" * 34 + " here", f"use {REDACTED} here"),
        ("AKIA" + "Q" * 16, REDACTED),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4", REDACTED),
        ("f90b7e1c0a3d4f5e6a7b8c9d0e1f2a3b4c5d6e7f", "f90b7e1c0a3d4f5e6a7b8c9d0e1f2a3b4c5d6e7f"),  # a commit
        ("--model.hidden=[64, 64]", "--model.hidden=[64, 64]"),
    ],
)
def test_texts(text: str, written: str) -> None:
    assert redact(text) == written
    assert redact(["run", text]) == ["run", written]
    assert redact({"deep": [{"er": text}]}) == {"deep": [{"er": written}]}


def test_numbers_under_a_secret_name_stay_in_lists_and_go_alone() -> None:
    """A table's column may be called so: edges of bins are no secret."""
    assert redact({"bins": {"password_age": [1, 30]}}) == {"bins": {"password_age": [1, 30]}}
    assert redact({"password": 1234, "secrets": ["a", 2, None]}) == {
        "password": REDACTED,
        "secrets": [REDACTED, 2, None],
    }
    assert redact({"token": None, "password": ""}) == {"token": None, "password": ""}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="abc xyz", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="abcxyz", max_size=6), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(plain)
def test_what_is_no_secret_stays_and_nothing_is_redacted_twice(value: object) -> None:
    assert redact(value) == value
    once = redact({"password": value, "url": "http://a:b@c", "text": "password: d, token=e; Authorization: Bearer f"})
    assert redact(once) == once


def test_long_words_take_no_longer_than_they_are() -> None:
    """A search from every letter of a word would take an hour for this one."""
    word = "x" * 500_000
    assert redact(f"{word} password=abc") == f"{word} password=[redacted]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PGPASSWORD=hunter2x psql", "PGPASSWORD=[redacted] psql"),
        ("pass=hunter2x", "pass=[redacted]"),
        ('password: "two words here"', 'password: "[redacted]"'),
        ("run --password 'two words' --rows 3", "run --password '[redacted]' --rows 3"),
        ("run --db.password secret1 --rows 3", "run --db.password [redacted] --rows 3"),
        ("postgres://u:pa/ss@h/db", "postgres://u:[redacted]@h/db"),
        ("https://x1y2z3w4x5y6z7w8q9@github.com/a", "https://[redacted]@github.com/a"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"),
        ("a: 1\napi_key: |\n  line one\n  line two\nb: 2", "a: 1\napi_key: |\n  [redacted]\nb: 2"),
        ("  token: >-\n    abc\n", "  token: >-\n    [redacted]\n"),
    ],
)
def test_secrets_in_other_forms(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8080/a@b",
        "ssh://git@host/x",
        "postgres://reader@host/db",
        "tests: 3 pass, 1 fail",
        "description: |\n  a text\n",
        "--rows 3 --name x",
        "basic training",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_values_of_secret_variables_and_options_are_redacted_wherever_they_appear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_DB_PASSWORD", "correct horse")
    monkeypatch.setenv("SHOP_TOKEN", "short")
    monkeypatch.setattr("sys.argv", ["glasshouse", "run", "--data.password", "battery7", "--api_key=staple99"])
    text = "cannot open correct horse at battery7 for staple99; short is too short to look for"
    expected = "cannot open [redacted] at [redacted] for [redacted]; short is too short to look for"
    assert redact({"error": [text]}) == {"error": [expected]}
