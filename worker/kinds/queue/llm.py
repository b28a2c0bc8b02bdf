"""Kind `llm`: a prompt to an OpenAI-compatible server; the answer fits the schema or is refused."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ledger.errors import JobError, TransientJobError
from ledger.jobs import Spent
from ledger.queues.schemas import problem_of
from worker.kinds.queue.http_client import ask, prepare_client
from worker.kinds.queue.task import task_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.jobs import Job, MadeFile
    from ledger.queues.kinds.llm import Prompt
    from worker.context import Context
    from worker.kinds.queue.http_client import Answer
    from worker.kinds.queue.task import Task


prepare = prepare_client

_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)


def run(job: Job, context: Context) -> Iterator[MadeFile]:
    """Send the prompt, check the answer, and keep it.

    Raises:
        JobError: the server does not speak this protocol.
        TransientJobError: the answer does not fit the schema; the next one may.
    """
    task = task_of(job, context)
    value = task.kept_result
    if value is None:  # else only its file was lost: the answer is not paid for again
        value = _ask(task, context)
    task.record.result = value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return task.outputs(data=(text.rstrip("\n") + "\n").encode("utf-8", "replace"))


def _ask(task: Task, context: Context) -> Any:
    recipe: Prompt = task.recipe
    url = f"{recipe.url}/{recipe.endpoint}"
    answer = ask(context, task, "POST", url, json=recipe.body(task.job.payload))
    task.record.spent = None  # paid for in any case; how much is not known yet
    reply = _parsed(answer, url)
    task.record.spent = _usage(reply)
    return _value(reply, answer, task)


def _parsed(answer: Answer, url: str) -> dict[str, Any]:
    try:
        reply = json.loads(answer.text)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise JobError(
            f"{url} did not answer with a JSON object", context=answer.summary,
            remedy="is it an OpenAI-compatible server? Check [llm] url",
        )  # fmt: skip
    return reply


def _usage(reply: dict[str, Any]) -> Spent | None:
    """The tokens that the server counted; None if it does not say: then all that was reserved counts."""
    usage = reply.get("usage")
    try:
        return Spent(int(usage["prompt_tokens"]), int(usage.get("completion_tokens") or 0), 1)  # type: ignore[index,union-attr]
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _value(reply: dict[str, Any], answer: Answer, task: Task) -> Any:
    """The answer: a vector, or a text, or with a schema what the text says in JSON."""
    recipe: Prompt = task.recipe
    try:
        if recipe.endpoint == "embeddings":
            return [float(number) for number in reply["data"][0]["embedding"]]
        choice = reply["choices"][0]
        text = str(choice["message"]["content"])
    except (LookupError, TypeError, ValueError):
        raise JobError(
            "the server's answer holds no message", context=answer.summary,
            remedy="is it an OpenAI-compatible server? Check [llm] url and the model",
        ) from None  # fmt: skip
    if choice.get("finish_reason") == "length":
        raise JobError(
            f"the answer was cut off after {recipe.max_tokens:,} tokens", context=text[-300:],
            remedy="give it more: ledger add … --max-tokens N",
        )  # fmt: skip
    if recipe.schema is None:
        return text
    fenced = _FENCED.fullmatch(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except ValueError as error:
        raise _unfit(f"is not JSON: {error}", text) from None
    if flaw := problem_of(value, recipe.schema):
        raise _unfit(f"does not fit the schema: {flaw}", text)
    return value


def _unfit(why: str, text: str) -> TransientJobError:
    return TransientJobError(
        f"the answer {why}", context=text[:300],
        remedy="make the prompt clearer, or the schema wider; then `ledger retry --failed`",
    )  # fmt: skip
