"""Kind `call`: a Python function, as `ledger.job` marks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import TransientJobError
from ledger.jobs import Spent
from ledger.queues.functions import find_function, refuse_unstorable
from worker.failing import reason_for
from worker.kinds.queue.task import task_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.jobs import Job, MadeFile
    from ledger.queues.kinds.call import Function
    from worker.context import Context


def run(job: Job, context: Context) -> Iterator[MadeFile]:
    """Call it with the item; what it returns is the result.

    Raises:
        TransientJobError: it raised.
        LedgerError: what it returns is not JSON-able.
    """
    task = task_of(job, context)
    recipe: Function = task.recipe
    function = context.kept(
        f"function {recipe.file or recipe.module}:{recipe.name}", lambda _: find_function(recipe)
    )
    task.record.spent = Spent(calls=1)
    try:
        value = function(job.payload["item"])
    except Exception as error:
        reason = reason_for(job, error)
        raise TransientJobError(
            reason.what, context=reason.context, remedy=reason.remedy
        ) from error
    refuse_unstorable(
        value, f"what {recipe.name} returned",
        "return numbers, texts, lists, dicts, True, False or None",
    )  # fmt: skip
    task.record.result = value
    return iter(())
