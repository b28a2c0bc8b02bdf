"""Errors that help: each says what happened, in which context, what to do, and the exit code."""

from __future__ import annotations

import errno
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Exit(IntEnum):
    """The exit codes of every `ledger` command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    LOCKED = 3
    BUDGET = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the input, found before any work is done.

    `where` is a place that a person can open: a file, with the record or line.
    """

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}\n    remedy: {self.remedy}"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something failed: what happened, in which circumstances, and what to do about it."""

    what: str
    context: str = ""
    remedy: str = ""


class LedgerError(Exception):
    """A refusal or failure with its context and remedy; the command line prints all three."""

    exit_code = Exit.USAGE

    def __init__(self, what: str, *, context: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.context = context
        self.remedy = remedy

    @property
    def reason(self) -> Reason:
        """The three parts as a record."""
        return Reason(self.what, self.context, self.remedy)

    def __str__(self) -> str:
        lines = [self.what]
        if self.context:
            lines.append(f"  context  {self.context}")
        if self.remedy:
            lines.append(f"  remedy   {self.remedy}")
        return "\n".join(lines)


class BadInputError(LedgerError):
    """Everything that is wrong with a project's input, all of it together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the input")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([f"{self.what}:", *(f"  {problem}" for problem in self.problems)])


class LockedError(LedgerError):
    """Another live process holds the lock on this work."""

    exit_code = Exit.LOCKED


class JobError(LedgerError):
    """A job cannot be done, and trying again changes nothing."""

    exit_code = Exit.FAILED


class TransientJobError(JobError):
    """A job could not be done now; it is retried, after a delay, until its attempts are used up.

    `after` is the least delay in seconds that the server asked for.
    """

    def __init__(
        self, what: str, *, context: str = "", remedy: str = "", after: float = 0.0
    ) -> None:
        super().__init__(what, context=context, remedy=remedy)
        self.after = after


class UncertainJobError(TransientJobError):
    """It is unknown whether a job had its effect: the connection broke before the answer came."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one attempt at a job ended without a result: the four-part report."""

    kind: str
    key: str
    attempt: int
    max_attempts: int
    worker: int
    what: str
    context: str
    remedy: str

    def as_dict(self) -> dict[str, object]:
        """The same facts for `--json`."""
        return asdict(self)

    def __str__(self) -> str:
        tried = f"attempt {self.attempt} of {self.max_attempts}, worker {self.worker}"
        return "\n".join(
            [
                f"{self.kind}/{self.key} FAILED ({tried})",
                f"  what     {_hang(self.what)}",
                f"  context  {_hang(self.context)}",
                f"  remedy   {_hang(self.remedy)}",
            ]
        )


def _hang(text: str) -> str:
    """Keep the lines after the first under the first."""
    return text.replace("\n", "\n           ")


# -- remedies of the operating system's errors ---------------------------------------------------

OS_REMEDIES = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk, or raise this user's quota",
    errno.EFBIG: "allow larger files (`ulimit -f`)",
    errno.EROFS: "mount the disk for writing, or move the project to another",
    errno.EACCES: "give this user permission to read and write there",
    errno.EPERM: "give this user permission to read and write there, and look at the file's attributes",
    errno.EIO: "the disk fails: see `dmesg`, and copy the project to a sound one",
    errno.ENAMETOOLONG: "give the project a shorter path, or the document a shorter id",
}
"""What to do about an error of the operating system, by errno; for commands, workers and checks."""
