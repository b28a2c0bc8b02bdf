"""Failures grouped by cause: what differs from job to job is left out of their messages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.store.rows import FailureRow, UncertainRow

EXAMPLES = 3
SHORTEST_KEY = 3
LONGEST_CAUSE = 300

# of all numbers only a status tells one cause from another
_STATUS = r"\b(?:status|HTTP|signal|errno|code) \d+\b"
_URL = r"https?://([^\s/?#'\"]+)[^\s'\",;]*"
_QUOTED = r"(?<!\w)'[^'\n]*'(?!\w)|\"[^\"\n]*\"|“[^”\n]*”"
# a path starts at a root, has two slashes, or an extension; `and/or` is not one
_PART = r"[\w.+@%~-]+"
_PATH = rf"(?<![\w.~-])(?:[~.]{{0,2}}/(?:{_PART}/?)+|(?:{_PART}/){{2,}}(?:{_PART})?|{_PART}/{_PART}\.\w+)"
_NUMBER = r"\b(?=[0-9a-f-]*\d)[0-9a-f]{8}[0-9a-f-]*\b|\d+(?:[.,:]\d+)*"
_VARYING = re.compile(f"({_STATUS})|{_URL}|({_QUOTED})|({_PATH})|(?:{_NUMBER})")


@dataclass
class Cause:
    """Failures of one cause in one queue or kind. `jobs` counts those that have failed for good."""

    queue: str
    what: str
    jobs: int = 0
    attempts: int = 0
    examples: list[FailureRow] = field(default_factory=list)
    messages: set[str] = field(default_factory=set)

    @property
    def title(self) -> str:
        """The message if all are the same, else what all messages have in common."""
        return next(iter(self.messages)) if len(self.messages) == 1 else self.what

    def add(self, failure: FailureRow) -> None:
        """Count one more; prefer jobs that failed for good as examples."""
        self.attempts += 1
        self.jobs += failure.final
        if len(self.messages) <= 1:  # two are enough to know that they differ
            self.messages.add(failure.what[:LONGEST_CAUSE])
        if len(self.examples) < EXAMPLES:
            self.examples.append(failure)
        elif failure.final:
            worst = next((e for e in self.examples if not e.final), None)
            if worst is not None:
                self.examples[self.examples.index(worst)] = failure


def causes_of(failures: Iterable[FailureRow]) -> list[Cause]:
    """Group failures by cause, those of the most failed jobs first, then of the most attempts."""
    found: dict[tuple[str, str], Cause] = {}
    for failure in failures:
        queue = failure.queue or failure.kind
        what = cause_of(failure.what, key_in_queue(failure))
        found.setdefault((queue, what), Cause(queue, what)).add(failure)
    return sorted(found.values(), key=lambda cause: (-cause.jobs, -cause.attempts))


def key_in_queue(row: FailureRow | UncertainRow) -> str:
    """Key of a job within its queue; of a page its key."""
    return row.key.partition("/")[2] if row.queue else row.key


def cause_of(what: str, key: str = "") -> str:
    """Return a message without the job's key, numbers, quotations, paths, and URLs beyond the host."""
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
