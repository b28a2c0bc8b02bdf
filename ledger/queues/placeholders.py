"""Placeholders such as `{path}` in a command, a URL or a name, and their values for one job."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ledger.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PATTERN = re.compile(r"\{\{|\}\}|\{([^{}\"'\n]*)\}")
_A_NAME = re.compile(r"[\w.-]*")

PARTS: dict[str, Callable[[str], str]] = {
    "path": str,
    "name": lambda text: PurePosixPath(text).name,
    "stem": lambda text: PurePosixPath(text).stem,
    "ext": lambda text: PurePosixPath(text).suffix,
    "dir": lambda text: str(PurePosixPath(text).parent),
}
"""The parts of a value that is a path, as in `{stem}` or `{tutorial.stem}`."""

MAIN = ("", "1", "path")
"""The values that `{}`, `{path}`, `{stem}` and so on are about: the first that there is."""


def names_in(template: str) -> set[str]:
    """The placeholders of a template."""
    return {match[1] for match in _PATTERN.finditer(template) if match[1] is not None}


def unknown_in(template: str, record: Mapping[str, Any], more: Iterable[str] = ()) -> list[str]:
    """The placeholders without a value; braces around what cannot be a name are text, as in awk."""
    known = set(more)
    names = (name for name in names_in(template) if _A_NAME.fullmatch(name))
    return sorted(name for name in names if name not in known and value_of(name, record) is None)


def value_of(name: str, record: Mapping[str, Any]) -> str | None:
    """The value of a placeholder; None if it has none."""
    if name in record:
        return as_text(record[name])
    if name == "":
        values = [as_text(value) for value in record.values()]
        return " ".join(values) if values else None
    if name in PARTS:
        main = next((record[each] for each in MAIN if each in record), None)
        if main is None and len(record) == 1:
            main = next(iter(record.values()))
        return None if main is None else PARTS[name](as_text(main))
    base, _, part = name.rpartition(".")
    return PARTS[part](as_text(record[base])) if base in record and part in PARTS else None


def as_text(value: Any) -> str:
    """A value as text: JSON, unless it is text already."""
    import json

    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def fill(
    template: str,
    record: Mapping[str, Any],
    more: Mapping[str, str] | None = None,
    *,
    quoted: bool = False,
) -> str:
    """Fill in a template for one job; `quoted` for a shell.

    Raises:
        JobError: a placeholder has no value.
    """

    def replace(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        name = match[1]
        value = (more or {}).get(name)
        value = value_of(name, record) if value is None else value
        if value is None:
            if not _A_NAME.fullmatch(name):
                return match[0]
            raise JobError(
                f"{{{name}}} has no value",
                context=f"in {template!r}",
                remedy=f"use one of {', '.join(map(shown, record)) or 'none'}; a brace that is "
                "text is written twice: {{",
            )
        return shlex.quote(value) if quoted else value

    return _PATTERN.sub(replace, template)


def shown(name: str) -> str:
    """A placeholder as one writes it."""
    return f"{{{name}}}"
