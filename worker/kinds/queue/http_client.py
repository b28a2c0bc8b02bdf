"""HTTP for queue kinds: one request an attempt, what its failure means, and the key kept secret."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ledger.errors import JobError, TransientJobError, UncertainJobError
from ledger.process.http import BUSY, TOO_MANY_REQUESTS, requested_wait
from ledger.process.packages import REMOTE, library
from ledger.queues.checks import read_key

if TYPE_CHECKING:
    import httpx2

    from worker.context import Context
    from worker.kinds.queue.task import Task

CONNECT_SECONDS = 10.0
SUMMARY_CHARACTERS = 300
DEFAULT_REST = 1.0


def client(context: Context) -> httpx2.Client:
    """One client for the process: connections are kept, and its TLS set-up costs 60 ms."""
    made: httpx2.Client = context.kept("http client", lambda _: library("httpx2", REMOTE).Client())
    return made


def prepare_client(context: Context) -> None:
    """Import and set up what the first request needs, before its turn in a rate comes."""
    client(context)
    for name in ("jinja2", "jsonschema"):
        with suppress(ImportError):
            import_module(name)


def ask(context: Context, task: Task, method: str, url: str, **request: Any) -> Answer:
    """One request; its answer, with the key taken out wherever it comes up.

    Raises:
        TransientJobError: it was not accepted, and may be later.
        UncertainJobError: it was sent, and no answer came, so its effect is unknown.
        JobError: it was refused for good.
    """
    httpx2 = library("httpx2", REMOTE)
    key = secret(task)
    headers = {**request.pop("headers", {}), "Idempotency-Key": task.idempotency_key}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    timeout = httpx2.Timeout(task.recipe.timeout, connect=min(task.recipe.timeout, CONNECT_SECONDS))
    try:
        response = client(context).request(method, url, headers=headers, timeout=timeout, **request)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise _no_connection(url, _clear(f"{type(error).__name__} {error}", key)) from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        what = f"{_clear(str(error), key)}: {url}"
        raise JobError(what, remedy="fix --url") from None
    except httpx2.RequestError as error:
        task.record.uncertain, task.record.spent = True, None
        raise UncertainJobError(
            f"no answer from {url}: {_clear(f'{type(error).__name__} {error}'.strip(), key)}; "
            "whether it had its effect is unknown",
            remedy="look whether it did; `ledger retry --uncertain` does it again, "
            "`ledger cancel --uncertain` leaves it",
        ) from None
    task.record.facts["http"] = response.status_code
    answer = Answer(response, key)
    if not response.is_success:
        raise _refusal(answer, url, task)
    return answer


class Answer:
    """A response, as far as a job may see it."""

    def __init__(self, response: httpx2.Response, key: str) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self._response, self._key = response, key

    @property
    def body(self) -> bytes:
        """The bytes, without the key."""
        body: bytes = self._response.content
        return body.replace(self._key.encode(), b"[key]") if self._key else body

    @property
    def text(self) -> str:
        """The text, without the key."""
        return _clear(self._response.text, self._key)

    @property
    def summary(self) -> str:
        """Status and beginning of the text, on one line."""
        return f"HTTP {self.status} {' '.join(self.text.split())[:SUMMARY_CHARACTERS]}".rstrip()


def secret(task: Task) -> str:
    """The key of a queue, "" if it has none.

    Raises:
        JobError: it needs one, and it is not there.
    """
    variable, file = task.recipe.key_source()
    return read_key(variable, file) if variable or file else ""


def _clear(text: str, key: str) -> str:
    return text.replace(key, "[key]") if key else text


def _no_connection(url: str, why: str) -> TransientJobError:
    return TransientJobError(
        f"no connection to {url}: {why}", remedy="start the server, or fix the address"
    )


def _refusal(answer: Answer, url: str, task: Task) -> JobError:
    if answer.status in BUSY:
        after = requested_wait(answer.headers)
        if answer.status == TOO_MANY_REQUESTS:
            task.record.rest = after or DEFAULT_REST
        return TransientJobError(
            f"{url} is busy: {answer.summary}",
            remedy="wait until the server is well again, then `ledger retry --failed`",
            after=after,
        )
    remedies = {
        401: "put a key that is valid into the environment variable, or the key file",
        403: "use a key that may do this",
        404: "check the address, and the model",
    }
    remedy = remedies.get(answer.status, "fix what the answer names, then `ledger retry --failed`")
    return JobError(f"{url} refused: {answer.summary}", remedy=remedy)
