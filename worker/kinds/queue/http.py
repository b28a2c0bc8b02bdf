"""Kind `http`: a plain request; what comes back is the output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.jobs import Spent
from worker.kinds.queue.http_client import ask, prepare_client
from worker.kinds.queue.task import task_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.jobs import Job, MadeFile
    from ledger.queues.kinds.http import Request
    from worker.context import Context
    from worker.kinds.queue.http_client import Answer


prepare = prepare_client

KEPT_BYTES = 1_000_000
"""The longest body that is kept as a result when it goes into no file."""


def run(job: Job, context: Context) -> Iterator[MadeFile]:
    """Make the request, and keep the answer."""
    task = task_of(job, context)
    recipe: Request = task.recipe
    request: dict[str, Any] = {
        "headers": {name: task.fill(text) for name, text in recipe.headers.items()}
    }
    if recipe.body:
        request["content"] = task.fill(recipe.body).encode("utf-8", "surrogateescape")
    answer = ask(context, task, recipe.method, task.fill(recipe.url), **request)
    task.record.spent = Spent(calls=1)
    task.record.result = _result(answer, in_file=bool(task.output))
    return task.outputs(data=answer.body)


def _result(answer: Answer, *, in_file: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"status": answer.status, "bytes": len(answer.body)}
    sort = answer.headers.get("content-type", "").partition(";")[0].strip()
    result["type"] = sort
    if in_file or len(answer.body) > KEPT_BYTES:
        return result
    if sort.endswith("json"):
        import json

        try:
            return {**result, "body": json.loads(answer.text)}
        except ValueError:
            pass  # not the JSON that its type promises: keep it as text
    return {**result, "body": answer.text}
