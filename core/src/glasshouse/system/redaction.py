"""Removal of secrets from everything that is written: by the names of keys, the formats of tokens, and known values."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

REDACTED = "[redacted]"

_WORDS = {
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "authorization",
} | {"pass"}
_ENDINGS = ("password", "passwd", "passphrase", "secret")
"""Ends of words that mean a secret, as in ``PGPASSWORD``."""
_SIGNATURES = {"sig", "signature"}
_KEYS = {"api", "access", "private", "account", "secret", "encryption", "signing", "client", "subscription"}
_TEXT = {"pad", "unk", "unknown", "mask", "cls", "sep", "bos", "eos", "sos", "start", "end", "begin", "special"} | {
    *("blank", "class", "per", "max", "min", "num", "next", "last", "first")
}
"""Words before `token` that mean a token of text, such as `pad_token`."""

_USER_INFO = re.compile(r"(?<=://)([^/\s:@?#]*):([^/\s]+|(?!\d+/)[^\s@\"']+)@")
"""User and password of a URL; a password may contain slashes, a port followed by a path is none."""
_TOKEN_AS_USER = re.compile(r"(?<=://)(?=[^/\s:@?#]*\d)[^/\s:@?#]{16,}@")
_NAMED = re.compile(
    r"""(["']?)(?<![A-Za-z])([A-Za-z][\w.-]*)\1(\s*[:=]\s*)(?!//)("[^"\n]*"|'[^'\n]*'|[^\s"',;&}\]]+)"""
)
_OPTION = re.compile(r"""(?<!\S)(--[A-Za-z][\w.-]*)([ \t]+)("[^"\n]*"|'[^'\n]*'|[^\s-]\S*)""")
_SCHEME = re.compile(r"""(?i)(authorization["']?\s*[:=]\s*["']?)([a-z]+)[ \t]+([^\s"',;]+)""")
_BLOCK = re.compile(
    r"""(?m)^([ \t]*)((?:- )?["']?([A-Za-z][\w.-]*)["']?:[ \t]*[|>][+-]?\d?[ \t]*)\n((?:\1[ \t]+\S.*(?:\n|$))+)"""
)
"""A YAML block: its indentation, key and lines."""
_SCHEMES = ("basic", "bearer", "digest", "negotiate", "token")
"""Words between ``Authorization:`` and the credentials."""
_SHORTEST = 6
"""Characters of a value below which it is not looked for in other texts."""
_FORMS = re.compile(
    r"gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_\w{20,}|sk-[\w-]{20,}|xox[abprs]-[\w-]{10,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{35}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
    r"|(?<=Bearer )[\w.~+/-]{8,}=*"
)
"""Tokens of GitHub, GitLab, Hugging Face, OpenAI, Slack, AWS and Google, JSON web tokens and bearer tokens."""


def redact(value: Any) -> Any:
    """A configuration, command line or text with its secrets replaced by ``[redacted]``.

    Redacted are the values of keys and options whose name means a secret, also in quotation marks and YAML blocks;
    passwords in URLs and in their queries; texts in the format of a token; and wherever they appear, the values of
    environment variables and of this command's options with such a name, from six characters on. In a list or mapping
    under such a key texts are redacted and numbers stay.
    """
    return _redacted(value, _known_values())


def _known_values() -> tuple[str, ...]:
    """Values of secret environment variables and options, the longest first."""
    found = {value for name, value in os.environ.items() if names_secret(name)}
    for at, word in enumerate(sys.argv[1:], start=1):
        option, equals, value = word.partition("=")
        if option.startswith("--") and names_secret(option):
            found.add(value if equals else "".join(sys.argv[at + 1 : at + 2]))
    return tuple(sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True))


def _redacted(value: Any, known: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {k: _hidden(item) if names_secret(str(k)) else _redacted(item, known) for k, item in value.items()}
    if isinstance(value, (list, tuple)):
        return _list(value, known)
    return _text(value, known) if isinstance(value, str) else value


def names_secret(name: str) -> bool:
    """Whether a key's value is a secret: ``api_key``, ``dbPassword``, ``--data.token``; not ``pad_token``."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name.rpartition(".")[2])]
    if not words:
        return False
    if _WORDS & {*words} or words[-1] in _SIGNATURES or "apikey" in words or words[-1].endswith(_ENDINGS):
        return True
    before = words[-2] if len(words) > 1 else ""
    return (words[-1] == "key" and before in _KEYS) or (words[-1] == "token" and before not in _TEXT)


def _list(values: Sequence[Any], known: tuple[str, ...]) -> list[Any]:
    """A list item by item; on a command line the item after a secret option is its value."""
    found: list[Any] = []
    for at, value in enumerate(values):
        before = values[at - 1] if at else None
        option = isinstance(before, str) and before.startswith("--") and "=" not in before and names_secret(before)
        found.append(_hidden(value) if option else _redacted(value, known))
    return found


def _hidden(value: Any) -> Any:
    if value is None or isinstance(value, bool) or value == "":
        return value
    if isinstance(value, (Mapping, list, tuple)):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        hidden = {key: item if isinstance(item, (int, float)) else _hidden(item) for key, item in items}
        return hidden if isinstance(value, Mapping) else list(hidden.values())
    return REDACTED


def _text(text: str, known: tuple[str, ...]) -> str:
    for value in known:
        text = text.replace(value, REDACTED)
    text = _FORMS.sub(REDACTED, text)
    text = _USER_INFO.sub(rf"\1:{REDACTED}@", text)
    text = _TOKEN_AS_USER.sub(f"{REDACTED}@", text)
    text = _SCHEME.sub(rf"\1\2 {REDACTED}", text)
    text = _BLOCK.sub(_block, text)
    text = _OPTION.sub(_option, text)
    return _NAMED.sub(_named, text)


def _block(found: re.Match[str]) -> str:
    indent, head, name, lines = found.groups()
    end = "\n" if lines.endswith("\n") else ""
    return f"{indent}{head}\n{indent}  {REDACTED}{end}" if names_secret(name) else found.group()


def _option(found: re.Match[str]) -> str:
    option, blank, secret = found.groups()
    return f"{option}{blank}{_as_quoted(secret)}" if names_secret(option) else found.group()


def _named(found: re.Match[str]) -> str:
    quote, name, between, secret = found.groups()
    scheme = secret.lower() in _SCHEMES and found.string.startswith(f" {REDACTED}", found.end())
    if secret.strip("\"'").startswith(REDACTED[:-1]) or scheme or secret[0] in "|>":
        return found.group()
    return f"{quote}{name}{quote}{between}{_as_quoted(secret)}" if names_secret(name) else found.group()


def _as_quoted(secret: str) -> str:
    quote = secret[0] if secret[:1] in ("'", '"') else ""
    return f"{quote}{REDACTED}{quote}"
