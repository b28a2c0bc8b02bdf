"""Recipes: what all jobs of a queue share, checked when it is added and read when one runs.

A recipe is a JSON-able dict with the fields of one of these classes. What of it tells one result
from another goes into a job's fingerprint; the rest (`NOT_TOLD_APART`) may change freely.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from ledger.errors import LedgerError, Problem
from ledger.fingerprint import digest_chunks, fingerprint
from ledger.queues.placeholders import fill, unknown_in, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.queues.inputs import Item

NOT_TOLD_APART = ("timeout", "grace", "retries", "ok_codes", "key_env", "key_file")
LONGEST_KEY = 200
LONGEST_PATH = 4096
MESSAGE_TOKENS = 64
"""What the frame around a prompt takes at most; no text has more tokens than it has bytes."""


class Recipe(Protocol):
    """What the parts of Ledger that are not of one kind know of a recipe."""

    def unknown(self, record: Item) -> list[str]:
        """The placeholders for which a record has nothing."""
        ...

    def preflight(self, root: Path) -> list[Problem]:
        """What would keep every job from running."""
        ...

    def tokens(self, record: Item) -> tuple[int, int]:
        """The most tokens that a try may take, in and out."""
        ...


class _Stored:
    """From a dict and back."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """What `as_dict` gave; what an older program did not know has its default."""
        known = {item.name for item in fields(cls)}  # type: ignore[arg-type]  # all are dataclasses
        return cls(**{name: value for name, value in values.items() if name in known})

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]  # all are dataclasses

    def preflight(self, root: Path) -> list[Problem]:
        """None."""
        del root
        return []

    def tokens(self, record: Item) -> tuple[int, int]:
        """None."""
        del record
        return 0, 0


@dataclass
class Command(_Stored):
    """A program with its arguments, or with `shell` one line for /bin/sh.

    `cwd` is relative to the project. With `capture` its standard output is its output.
    """

    argv: list[str] = field(default_factory=list)
    shell: bool = False
    cwd: str = "."
    out: str = ""
    capture: bool = False
    ok_codes: list[int] = field(default_factory=lambda: [0])
    retries: int = 0
    timeout: float | None = None
    grace: float = 5.0

    def unknown(self, record: Item) -> list[str]:
        """See `Recipe`."""
        more = ("out", "key", "queue", "attempt") if self.out else ("key", "queue", "attempt")
        return sorted({name for word in self.argv for name in unknown_in(word, record, more)})

    def preflight(self, root: Path) -> list[Problem]:
        """The program is not there."""
        if self.shell or not self.argv or "{" in self.argv[0]:
            return []
        program, folder = self.argv[0], root / self.cwd
        found = (folder / program).exists() if "/" in program else shutil.which(program)
        if found:
            return []
        return [Problem(program, "is no program that can be found", "install it, or mend PATH")]


@dataclass
class Request(_Stored):
    """A plain HTTP request; `{placeholders}` in URL, headers and body."""

    url: str = ""
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    out: str = ""
    key_env: str = ""
    key_file: str = ""
    retries: int = 7
    timeout: float = 60.0

    def unknown(self, record: Item) -> list[str]:
        """See `Recipe`."""
        texts = [self.url, self.body, *self.headers.values()]
        return sorted({name for text in texts for name in unknown_in(text, record, ("key",))})


@dataclass
class Prompt(_Stored):
    """A request to an OpenAI-compatible server, with a prompt from a Jinja template."""

    url: str = ""
    model: str = ""
    endpoint: str = "chat/completions"
    prompt: str = ""
    system: str = ""
    schema: dict[str, Any] | None = None
    max_tokens: int = 1024
    temperature: float | None = None
    out: str = ""
    key_env: str = ""
    key_file: str = ""
    retries: int = 7
    timeout: float = 120.0

    def unknown(self, record: Item) -> list[str]:
        """What the templates need and the record does not have."""
        try:
            self.messages(record)
        except LedgerError as error:
            return [error.what]
        return []

    def messages(self, record: Item) -> list[dict[str, str]]:
        """The messages of a chat.

        Raises:
            LedgerError: a template cannot be rendered with this record.
        """
        texts = {"system": self.system, "user": self.prompt}
        return [
            {"role": role, "content": render(text, record)} for role, text in texts.items() if text
        ]

    def body(self, record: Item) -> dict[str, Any]:
        """The request."""
        if self.endpoint == "embeddings":
            return {"model": self.model, "input": self.messages(record)[-1]["content"]}
        body: dict[str, Any] = {"model": self.model, "messages": self.messages(record)}
        body["max_tokens"] = self.max_tokens
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.schema is not None:
            told = {"name": "answer", "schema": self.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": told}
        return body

    def tokens(self, record: Item) -> tuple[int, int]:
        """No byte of the request is more than one token."""
        size = len(json.dumps(self.body(record), ensure_ascii=False).encode())
        return size + MESSAGE_TOKENS, 0 if self.endpoint == "embeddings" else self.max_tokens


@dataclass
class Function(_Stored):
    """A Python function: its module, or the file that has it, and its name there."""

    module: str = ""
    file: str = ""
    name: str = ""
    out: str = ""
    retries: int = 0

    def unknown(self, record: Item) -> list[str]:
        """None."""
        del record
        return []


RECIPES: dict[str, type[Command | Request | Prompt | Function]] = {
    "command": Command, "http": Request, "llm": Prompt, "call": Function,
}  # fmt: skip


def recipe_of(kind: str, values: dict[str, Any]) -> Command | Request | Prompt | Function:
    """The recipe of a queue of that kind."""
    return RECIPES[kind].from_dict(values)


def render(template: str, record: Item) -> str:
    """A Jinja template with the fields of a record; `item` is the record as a whole.

    Raises:
        LedgerError: it cannot be rendered, with the field that is missing or the line at fault.
    """
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701  no HTML
    try:
        return environment.from_string(template).render({**record, "item": record})
    except jinja2.TemplateError as error:
        line = f" (line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise LedgerError(
            f"the prompt cannot be rendered: {error.message}{line}",
            remedy=f"mend the template; there are: {', '.join(map(str, record)) or 'no fields'}",
        ) from None


def recipe_fingerprint(kind: str, recipe: Recipe) -> str:
    """Of all that a recipe says about the results of its jobs."""
    values = asdict(recipe)  # type: ignore[call-overload]  # all are dataclasses
    return fingerprint(kind, {name: values[name] for name in values if name not in NOT_TOLD_APART})


def job_fingerprint(mark: str, record: Item, folder: str) -> str:
    """Of all that a job's result depends on: its recipe, its record, and the files that names."""
    return fingerprint(mark, record, file_digests(record, folder))


def file_digests(record: Item, folder: str) -> dict[str, str]:
    """The digest of each file that a field of a record names, by field."""
    digests = {}
    for name, value in record.items():
        if not isinstance(value, str) or not value or len(value) > LONGEST_PATH:
            continue
        path = os.path.join(folder, value)  # noqa: PTH118  a Path for each costs more than the look
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
                continue
            with open(path, "rb") as file:  # noqa: PTH123
                digests[name] = digest_chunks(iter(lambda: file.read(1 << 20), b""))
        except (OSError, ValueError):  # no file, or not ours to read: then it is a value
            continue
    return digests


def output_of(recipe: Any, record: Item, key: str) -> str:
    """The path of a job's output as the recipe's template says it, "" if it has none."""
    if not recipe.out:
        return ""
    return fill(recipe.out, record, {"key": key})


def unknown_in_output(recipe: Any, record: Item) -> list[str]:
    """The placeholders of `--out` that nothing stands for."""
    return unknown_in(recipe.out, record, ("key",)) if recipe.out else []


def key_of(record: Item, template: str, axes: Iterable[str] = ()) -> str:
    """What a job is called in its queue: by `--key`, by an `id`, by its values, or by a digest.

    `axes` are the fields that come from arguments and matrices, beside those of a table.
    """
    if template:
        return _short(fill(template, record))
    identity = next((name for name in ("id", "key") if name in record), None)
    named = list(record) if identity is None else list(dict.fromkeys([identity, *axes]))
    texts = [str(value_of(name, record)) for name in named]
    if identity is None and (not texts or len(",".join(texts)) > LONGEST_KEY):
        return fingerprint(record)[:16] if record else "once"
    return _short(",".join(texts))


def _short(text: str) -> str:
    """Printable, and of a length that a line holds."""
    clean = "".join(letter if letter.isprintable() else "�" for letter in text)
    if clean == text and len(text) <= LONGEST_KEY:
        return text
    return f"{clean[:150]}…{fingerprint(text)[:12]}"
