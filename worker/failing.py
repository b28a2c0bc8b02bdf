"""From an exception that a job raised to the three parts of a report."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from ledger.errors import LedgerError, Reason

if TYPE_CHECKING:
    from ledger.jobs import Job


def reason_for(job: Job, error: Exception) -> Reason:
    """Why `job` failed; an unforeseen exception gets the line that raised it and its name."""
    if isinstance(error, LedgerError):
        return error.reason
    frames = traceback.extract_tb(error.__traceback__)
    templates = [frame for frame in frames if frame.filename.endswith(".html")]
    frame = (templates or frames)[-1]
    where = f"{frame.filename}, line {frame.lineno}" + (f": {frame.line}" if frame.line else "")
    if templates:
        remedy = f"mend the template or {job.key}, then `ledger retry --failed` and `ledger spawn`"
    else:
        remedy = "mend the cause, then `ledger retry --failed` and `ledger spawn`"
    return Reason(
        f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, where, remedy
    )
