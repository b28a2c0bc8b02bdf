"""Embedders: texts in, vectors of one declared space out. This is their registry.

Importing this package imports none of the libraries that embedders need; `make_embedder`
imports the module of the one that is asked for, and that imports its library on first use.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ledger.errors import BadInputError, Problem
from ledger.process.registry import Registry
from ledger.vectors.embedders.base import Embedder, EmbedderType, Text, setting

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.vectors.settings import EmbeddingSettings

__all__ = ["EMBEDDERS", "Embedder", "EmbedderType", "Text", "make_embedder"]

EMBEDDERS = Registry(
    "ledger.embedders",
    "embedder",
    {
        "wordllama": "ledger.vectors.embedders.wordllama:EMBEDDER",
        "minilm": "ledger.vectors.embedders.minilm:EMBEDDER",
        "openai": "ledger.vectors.embedders.remote:OPENAI",
        "ollama": "ledger.vectors.embedders.remote:OLLAMA",
        "npy": "ledger.vectors.embedders.npy:EMBEDDER",
    },
)

_EXAMPLES = {
    "url": 'url = "http://localhost:11434"',
    "model": 'model = "nomic-embed-text"',
    "path": 'path = "vectors.npy"',
}
_SETTINGS = ("model", "url", "prefix", "dimension", "path", "api_key_env")


def make_embedder(root: Path, settings: EmbeddingSettings) -> Embedder:
    """The embedder that `[embedding]` asks for; loads no model and touches no network.

    `root` is the project's folder, which `settings.path` is relative to.

    Raises:
        BadInputError: an unknown or broken embedder, or settings that are missing or mean
            nothing to it.
    """
    if problems := _problems(settings):
        raise BadInputError(problems)
    return _load(settings.embedder).make(root, settings)


def _load(name: str) -> EmbedderType:
    """The registered embedder of that name.

    Raises:
        BadInputError: what is registered is none.
    """
    kind = EMBEDDERS.load(name)
    if isinstance(kind, EmbedderType):
        return kind
    what = f"is {kind!r:.60}, not a ledger.vectors.embedders.base.EmbedderType"
    raise BadInputError([EMBEDDERS.problem(name, what)])


def _problems(settings: EmbeddingSettings) -> list[Problem]:
    if not EMBEDDERS.knows(settings.embedder):
        known = EMBEDDERS.names()
        close = difflib.get_close_matches(settings.embedder, known, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
        what = f"{settings.embedder!r} is not an embedder"
        return [Problem(setting("embedder"), what, remedy)]
    kind = _load(settings.embedder)
    found = [_setting_problem(settings, kind, name) for name in _SETTINGS]
    return [problem for problem in found if problem]


def _setting_problem(settings: EmbeddingSettings, kind: EmbedderType, name: str) -> Problem | None:
    value, who, where = getattr(settings, name), settings.embedder, setting(name)
    if value in ("", 0):
        if name in kind.needs:
            return Problem(
                where, f"is not set, and {who} needs it", f"for example {_EXAMPLES[name]}"
            )
        return None
    if not kind.knows(name):
        others = ", ".join(other for other in EMBEDDERS.shipped if _load(other).knows(name))
        return Problem(where, f"means nothing to {who}", f"remove it; it belongs to {others}")
    if value != kind.fixed.get(name, value):
        what = f"is {value!r}, but {who} has only {kind.fixed[name]!r}"
        return Problem(where, what, "remove it, or choose another embedder")
    return _value_problem(name, value)


def _value_problem(name: str, value: Any) -> Problem | None:
    if name == "url":
        return _url_problem(value)
    if name == "dimension" and value < 0:
        return Problem(setting(name), f"is {value}", "make it 1 or more, or remove it")
    if name == "path" and not value.endswith(".npy"):
        return Problem(setting(name), f"{value!r} is not a .npy file", "save it with numpy.save")
    return None


def _url_problem(url: str) -> Problem | None:
    """Check a URL. It is shown and stored, so it must hold no secret, and messages quote none."""
    where, example = setting("url"), f"for example {_EXAMPLES['url']}"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")  # a ValueError for what no host can be
        good = parts.scheme in ("http", "https") and host and parts.port != 0 and url.isprintable()
    except ValueError:
        return Problem(where, "is not a URL", example)
    if "@" in parts.netloc or parts.query or parts.fragment:
        remedy = "give only scheme, host, port and path; name the key's variable in api_key_env"
        return Problem(where, "holds a user name, password, query or fragment", remedy)
    return (
        None
        if good and " " not in url
        else Problem(where, f"{url!r} is not an http or https URL", example)
    )
