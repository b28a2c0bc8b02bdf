"""Recipes: what all jobs of a queue share, and what follows from it for one job.

A recipe is made when work is added, kept in the ledger as a JSON-able dict, and read again when a
job runs. All of it but `NOT_TOLD_APART` is part of the fingerprint of its jobs.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ledger.errors import LedgerError
from ledger.fingerprint import digest_chunks, fingerprint
from ledger.queues.placeholders import fill, unknown_in, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import click

    from ledger.errors import Problem
    from ledger.queues.inputs import Item
    from ledger.queues.request import AddRequest

NOT_TOLD_APART = ("timeout", "grace", "retries", "ok_codes", "key_env", "key_file")
LONGEST_KEY = 200
LONGEST_PATH = 4096


@dataclass
class Recipe:
    """What all jobs of a queue share; each queue kind has a class of its own, a dataclass too.

    `out` is the template of the path of an output, `retries` how many attempts there are after
    the first. The docstring of a kind's class is the help text of `ledger add KIND`.
    """

    out: str = ""
    retries: int = 0

    is_added_by_hand: ClassVar[bool] = True
    usage: ClassVar[str] = "[::: VALUE…]"
    examples: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def options(cls) -> Sequence[click.Option]:
        """The options that `ledger add` has for this kind alone."""
        return ()

    @classmethod
    def make(cls, request: AddRequest) -> Self:
        """The recipe that `ledger add` asks for; each option goes into the field of its name.

        Raises:
            LedgerError: something is missing or makes no sense.
        """
        request.refuse_command()
        own = {each.name for each in fields(cls)}
        if homeless := sorted(set(request.given) - own):
            raise LedgerError(
                f"kind {request.options.kind} has options without a field: {', '.join(homeless)}",
                remedy=f"give the dataclass {cls.__name__} a field for each, or a `make` of its own",
            )
        given = {name: value for name, value in request.given.items() if value is not None}
        return cls(**given, **request.common())

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The recipe that `as_dict` gave; a field that an older version did not have has its default."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    def unknown(self, item: Item) -> list[str]:
        """The placeholders for which an item has no value, those of `out` apart."""
        del item
        return []

    def preflight(self, root: Path) -> list[Problem]:
        """What would keep every job from running."""
        del root
        return []

    def tokens(self, item: Item) -> tuple[int, int]:
        """The most tokens that an attempt may take, in and out; this number is reserved for it."""
        del item
        return 0, 0

    def priced_model(self) -> str:
        """The model whose tokens `[prices]` prices; "" if each attempt costs what --cost says."""
        return ""

    def key_source(self) -> tuple[str, str]:
        """The environment variable and the file of an API key; both "" if none is needed."""
        return "", ""

    def input_folder(self) -> str:
        """The folder that file names in items are relative to, itself relative to the project."""
        return "."

    def example(self, item: Item, key: str, output: str) -> str:
        """What a job would do, in one line, for --dry-run; `output` is "" if it has none."""
        del key
        about = json.dumps(item, ensure_ascii=False)
        return f"{about:.200}" + (f" > {output}" if output else "")


def recipe_fingerprint(kind: str, recipe: Recipe) -> str:
    """Fingerprint of all that a recipe says about the results of its jobs."""
    values = recipe.as_dict()
    return fingerprint(kind, {name: values[name] for name in values if name not in NOT_TOLD_APART})


def job_fingerprint(mark: str, item: Item, folder: str) -> str:
    """Fingerprint of what a job's result depends on: its recipe, its item, the files that it names."""
    return fingerprint(mark, item, file_digests(item, folder))


def file_digests(item: Item, folder: str) -> dict[str, str]:
    """The digest of each file that a field of an item names, by field."""
    digests = {}
    for name, value in item.items():
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


def output_of(recipe: Recipe, item: Item, key: str) -> str:
    """The path of a job's output, from the recipe's template; "" if it has none."""
    if not recipe.out:
        return ""
    return fill(recipe.out, item, {"key": key})


def unknown_in_output(recipe: Recipe, item: Item) -> list[str]:
    """The placeholders of `--out` for which the item has no value."""
    return unknown_in(recipe.out, item, ("key",)) if recipe.out else []


def key_of(item: Item, template: str, axes: Iterable[str] = ()) -> str:
    """The key of a job in its queue: from `--key`, an `id`, its values, or a digest.

    `axes` are the fields that come from arguments and matrices, beside those of a table.
    """
    if template:
        return _short(fill(template, item))
    identity = next((name for name in ("id", "key") if name in item), None)
    named = list(item) if identity is None else list(dict.fromkeys([identity, *axes]))
    texts = [str(value_of(name, item)) for name in named]
    if identity is None and (not texts or len(",".join(texts)) > LONGEST_KEY):
        return fingerprint(item)[:16] if item else "once"
    return _short(",".join(texts))


def _short(text: str) -> str:
    """Printable text that fits on a line."""
    clean = "".join(letter if letter.isprintable() else "�" for letter in text)
    if clean == text and len(text) <= LONGEST_KEY:
        return text
    return f"{clean[:150]}…{fingerprint(text)[:12]}"
