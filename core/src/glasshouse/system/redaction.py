"""Removal of secrets from everything that is written, by the names of keys and by the formats of tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

REDACTED = "[redacted]"

_WORDS = {"password", "passwd", "pwd", "passphrase", "secret", "secrets", "credential", "credentials", "authorization"}
_SIGNATURES = {"sig", "signature"}
_KEYS = {"api", "access", "private", "account", "secret", "encryption", "signing", "client", "subscription"}
_TEXT = {"pad", "unk", "unknown", "mask", "cls", "sep", "bos", "eos", "sos", "start", "end", "begin", "special"} | {
    *("blank", "class", "per", "max", "min", "num", "next", "last", "first")
}
"""Words before `token` that mean a token of text, such as `pad_token`."""

_USER_INFO = re.compile(r"(?<=://)([^/\s:@?#]*):([^/\s]+)@")
_NAMED = re.compile(r"""(["']?)(?<![A-Za-z])([A-Za-z][\w.-]*)\1(\s*[:=]\s*)(?!//)(["']?)([^\s"',;&}\]]+)\4""")
_FORMS = re.compile(
    r"gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_\w{20,}|sk-[\w-]{20,}|xox[abprs]-[\w-]{10,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{35}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
    r"|(?<=Bearer )[\w.~+/-]{8,}=*"
)
"""Tokens of GitHub, GitLab, Hugging Face, OpenAI, Slack, AWS and Google, JSON web tokens and bearer tokens."""


def redact(value: Any) -> Any:
    """A configuration, command line or text with its secrets replaced by ``[redacted]``.

    Redacted are the values of keys and options whose name means a secret, passwords in URLs and in their queries, and
    texts in the format of a token. In a list or mapping under such a key texts are redacted and numbers stay.
    """
    if isinstance(value, Mapping):
        return {key: _hidden(item) if names_secret(str(key)) else redact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return _list(value)
    return _text(value) if isinstance(value, str) else value


def names_secret(name: str) -> bool:
    """Whether a key's value is a secret: ``api_key``, ``dbPassword``, ``--data.token``; not ``pad_token``."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name.rpartition(".")[2])]
    if not words:
        return False
    if _WORDS & {*words} or words[-1] in _SIGNATURES or "apikey" in words:
        return True
    before = words[-2] if len(words) > 1 else ""
    return (words[-1] == "key" and before in _KEYS) or (words[-1] == "token" and before not in _TEXT)


def _list(values: Sequence[Any]) -> list[Any]:
    """A list item by item; on a command line the item after a secret option is its value."""
    found: list[Any] = []
    for at, value in enumerate(values):
        before = values[at - 1] if at else None
        option = isinstance(before, str) and before.startswith("--") and "=" not in before and names_secret(before)
        found.append(_hidden(value) if option else redact(value))
    return found


def _hidden(value: Any) -> Any:
    if value is None or isinstance(value, bool) or value == "":
        return value
    if isinstance(value, (Mapping, list, tuple)):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        hidden = {key: item if isinstance(item, (int, float)) else _hidden(item) for key, item in items}
        return hidden if isinstance(value, Mapping) else list(hidden.values())
    return REDACTED


def _text(text: str) -> str:
    text = _FORMS.sub(REDACTED, text)
    text = _USER_INFO.sub(rf"\1:{REDACTED}@", text)
    return _NAMED.sub(_named, text)


def _named(found: re.Match[str]) -> str:
    quote, name, between, inner, secret = found.groups()
    if secret.startswith(REDACTED[:-1]):
        return found.group()
    return f"{quote}{name}{quote}{between}{inner}{REDACTED}{inner}" if names_secret(name) else found.group()
