"""Failures grouped by cause: what is of one job only is left out of what is said about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.store.connection import Row

EXAMPLES = 3
SHORTEST_KEY = 3
LONGEST_CAUSE = 300

# of a number only what is a status tells one cause from another
_STATUS = r"\b(?:status|HTTP|signal|errno|code) \d+\b"
_URL = r"https?://([^\s/?#'\"]+)[^\s'\",;]*"
_QUOTED = r"(?<!\w)'[^'\n]*'(?!\w)|\"[^\"\n]*\"|“[^”\n]*”"
# `and/or` is none: it starts at a root, has two slashes, or an extension
_PART = r"[\w.+@%~-]+"
_PATH = rf"(?<![\w.~-])(?:[~.]{{0,2}}/(?:{_PART}/?)+|(?:{_PART}/){{2,}}(?:{_PART})?|{_PART}/{_PART}\.\w+)"
_NUMBER = r"\b(?=[0-9a-f-]*\d)[0-9a-f]{8}[0-9a-f-]*\b|\d+(?:[.,:]\d+)*"
_VARYING = re.compile(f"({_STATUS})|{_URL}|({_QUOTED})|({_PATH})|(?:{_NUMBER})")


@dataclass
class Cause:
    """Failures of one sort in one queue or kind. `jobs` counts those that have failed for good."""

    queue: str
    what: str
    jobs: int = 0
    tries: int = 0
    examples: list[Row] = field(default_factory=list)
    sayings: set[str] = field(default_factory=set)

    @property
    def title(self) -> str:
        """What was said if it was always the same, else what was the same in all that was said."""
        return next(iter(self.sayings)) if len(self.sayings) == 1 else self.what

    def add(self, failure: Row) -> None:
        """Count one more; jobs that failed for good are the better examples."""
        self.tries += 1
        self.jobs += failure["final"]
        if len(self.sayings) <= 1:  # that there are two is all that counts
            self.sayings.add(failure["what"][:LONGEST_CAUSE])
        if len(self.examples) < EXAMPLES:
            self.examples.append(failure)
        elif failure["final"]:
            worst = next((e for e in self.examples if not e["final"]), None)
            if worst is not None:
                self.examples[self.examples.index(worst)] = failure


def causes_of(failures: Iterable[Row]) -> list[Cause]:
    """The causes, those of the most failed jobs first, then those of the most tries."""
    found: dict[tuple[str, str], Cause] = {}
    for failure in failures:
        queue = failure["queue"] or failure["kind"]
        what = cause_of(failure["what"], key_in_queue(failure))
        found.setdefault((queue, what), Cause(queue, what)).add(failure)
    return sorted(found.values(), key=lambda cause: (-cause.jobs, -cause.tries))


def key_in_queue(row: Row) -> str:
    """What a job is called in its queue; of pages their key."""
    key: str = row["key"]
    return key.partition("/")[2] if row["queue"] else key


def cause_of(what: str, key: str = "") -> str:
    """What was said, without the job's key, numbers, quotations, and the rest of paths and URLs."""
    text = what[: 2 * LONGEST_CAUSE]
    if len(key) >= SHORTEST_KEY:
        text = text.replace(key, "…")
    return _VARYING.sub(_common, text)[:LONGEST_CAUSE]


def _common(match: re.Match[str]) -> str:
    status, host, quoted, path = match.groups()
    if status:
        return status
    if host:
        return f"{host}/…"
    return "‘…’" if quoted else "PATH" if path else "N"
