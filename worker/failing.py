"""Turn an exception that a job raised into the three parts of a report."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from ledger.errors import LedgerError, Reason

if TYPE_CHECKING:
    from ledger.jobs import Job


def reason_for(job: Job, error: Exception) -> Reason:
    """Return why `job` failed; for an unforeseen exception, its name and the line that raised it."""
    if isinstance(error, LedgerError):
        return error.reason
    frames = traceback.extract_tb(error.__traceback__)
    templates = [frame for frame in frames if frame.filename.endswith(".html")]
    frame = (templates or frames)[-1]
    where = f"{frame.filename}, line {frame.lineno}" + (f": {frame.line}" if frame.line else "")
    if templates:
        remedy = f"fix the template or {job.key}, then `ledger retry --failed` and `ledger spawn`"
    else:
        remedy = "fix the cause, then `ledger retry --failed` and `ledger spawn`"
    return Reason(
        f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, where, remedy
    )
