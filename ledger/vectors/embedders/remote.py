"""Vectors from a server with OpenAI's or Ollama's embedding API."""

from __future__ import annotations

import os
import time
import weakref
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from ledger.errors import JobError, Problem, TransientJobError
from ledger.process.http import BUSY, TOO_MANY_REQUESTS, requested_wait
from ledger.process.packages import REMOTE, library
from ledger.vectors.embedders.base import (
    EmbedderType,
    Text,
    checked,
    describe,
    leave_out,
    named,
    prompts,
    setting,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    import httpx2
    import numpy as np
    import numpy.typing as npt

    from ledger.vectors.embedders.base import Space
    from ledger.vectors.settings import EmbeddingSettings

    Answer = list[Any]
    """One row of numbers for each text, in the order of the texts; not yet checked."""

MAX_INPUTS = 64
MAX_ATTEMPTS = 5
MAX_SECONDS = 60
CONNECT_SECONDS = 5
CHECK_SECONDS = 30  # a local server may have to load its model first
MAX_QUOTED = 300
"""Characters of a server's response that an error message quotes."""

TEXT_REFUSED = (400, 413, 422)
TRIAL = Text("trial", "", "a trial")


class RateLimitedError(TransientJobError):
    """The server accepts the key but limits the rate of requests."""


class TextRefusedError(JobError):
    """The server rejects the contents of the request, such as a text that is too long."""


class Remote:
    """Base of both protocols: requests, retries, errors, and protection of the API key.

    The key is read from its environment variable for each request and stored nowhere; it is
    removed from everything that a server or library reports before that enters an error.
    """

    name: ClassVar[str]
    path: ClassVar[str]

    def __init__(
        self, settings: EmbeddingSettings, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        """`sleep` is called with the seconds to wait between two attempts."""
        self._settings = settings
        self._sleep = sleep
        # Spellings with a trailing slash or /v1 name the same server, and so the same space.
        self._url = settings.url.rstrip("/").removesuffix("/v1")
        self._width = settings.dimension

    @property
    def space(self) -> Space:
        """See `Embedder.space`; servers do not report a revision, so the url takes its role."""
        return {
            "embedder": self.name,
            "model": self._settings.model,
            "revision": "",
            "prefix": self._settings.prefix,
            "dimension": self._settings.dimension,
            "url": self._url,
        }

    def check(self) -> list[Problem]:
        """See `Embedder.check`; if the key is set, sends one request, without retries."""
        try:
            self._headers()
        except JobError as error:
            return [Problem(setting("api_key_env"), error.what, error.remedy)]
        try:
            answer = self._post([TRIAL], min(self._settings.timeout, CHECK_SECONDS))
            checked(answer, [TRIAL], self._settings.dimension, self.space)
        except RateLimitedError:
            return []
        except JobError as error:
            return [Problem(setting("url"), error.what, error.remedy)]
        return []

    def embed(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        """See `Embedder.embed`; requests of at most 64 texts, five attempts each."""
        prompts(texts, "")  # refuses texts that cannot be embedded before any request is paid for
        rows: Answer = []
        for start in range(0, len(texts), MAX_INPUTS):
            rows += self._embed_part(texts[start : start + MAX_INPUTS])
        vectors = checked(rows, texts, self._width, self.space)
        self._width = self._width or vectors.shape[1]
        return vectors

    def _embed_part(self, texts: Sequence[Text]) -> Answer:
        """Send one request; if it is rejected, one per text.

        That identifies the rejected text, or succeeds if only the total was too large.
        """
        try:
            return self._post_with_retries(texts)
        except TextRefusedError:
            if len(texts) == 1:
                raise
        return [row for text in texts for row in self._post_with_retries([text])]

    def _post_with_retries(self, texts: Sequence[Text]) -> Answer:
        """Call `_post`, repeatedly while failures are transient; the last one is raised."""
        tenacity = _tenacity()
        again = tenacity.Retrying(
            sleep=self._sleep,
            wait=_wait,
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS)
            | tenacity.stop_before_delay(MAX_SECONDS),
            retry=tenacity.retry_if_exception_type(TransientJobError),
            reraise=True,
        )
        rows: Answer = again(self._post, texts, self._settings.timeout)
        return rows

    def _post(self, texts: Sequence[Text], seconds: float) -> Answer:
        """Send one request with a timeout of `seconds` and return its vectors.

        Raises:
            TransientJobError: no response, or one that asks to retry later.
            JobError: any other response without vectors.
        """
        response = self._send(self._body(prompts(texts, self._settings.prefix)), seconds)
        if response.status_code in BUSY:
            kind = (
                RateLimitedError if response.status_code == TOO_MANY_REQUESTS else TransientJobError
            )
            raise kind(
                f"{self._url}{self.path} is busy: {self._quoted(response)}",
                context=self._context(texts),
                remedy="wait until the server has recovered, then `ledger retry --failed`",
                after=requested_wait(response.headers),
            )
        if not response.is_success:
            raise self._refusal(response, texts)
        try:
            return self._rows(response.json(), len(texts))
        except (ValueError, TypeError, LookupError) as error:
            what = f"{self._url}{self.path} did not answer with embeddings ({error!r:.80})"
            context = f"{self._context(texts)}; {self._quoted(response)}"
            remedy = f"is it a server for embedder {self.name}? Check [embedding] url"
            raise JobError(self._clear(what), context=context, remedy=remedy) from None

    def _send(self, body: dict[str, object], seconds: float) -> httpx2.Response:
        headers, httpx2 = self._headers(), library("httpx2", REMOTE)
        timeout = httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        where = self._url + self.path
        try:
            return self._client.post(where, json=body, headers=headers, timeout=timeout)
        except httpx2.RequestError as error:
            why = self._clear(f"{type(error).__name__} {error}".strip())
            # `from None`: a library's error may contain the request, and with it the key.
            raise TransientJobError(
                f"no answer from {self._url}{self.path}: {why}",
                context=describe(self.space),
                remedy=f"start the server, or fix [embedding] url (now {self._url})",
            ) from None

    def _refusal(self, response: httpx2.Response, texts: Sequence[Text]) -> JobError:
        status = response.status_code
        kind = TextRefusedError if status in TEXT_REFUSED else JobError
        what = f"{self._url}{self.path} refused {named(texts)}: {self._quoted(response)}"
        return kind(what, context=self._context(texts), remedy=self._remedy(status, texts))

    def _remedy(self, status: int, texts: Sequence[Text]) -> str:
        if status in (401, 403):
            variable = self._settings.api_key_env
            if variable:
                return f"put a key that may use {self._settings.model} into {variable}"
            return "name the environment variable of the key in [embedding] api_key_env"
        if status in TEXT_REFUSED:
            return f"shorten the text if it is too long, or {leave_out(texts[0].identity)}"
        return "check [embedding] url and model; a local model must be downloaded first"

    def _quoted(self, response: httpx2.Response) -> str:
        """Return status and beginning of a response, without line breaks and without the key."""
        text = self._clear(" ".join(response.text.split()))
        return f"HTTP {response.status_code} {text[:MAX_QUOTED]}".rstrip()

    def _context(self, texts: Sequence[Text]) -> str:
        return f"{named(texts)}; {describe(self.space)}"

    def _clear(self, text: str) -> str:
        key = self._key()
        return text.replace(key, "[key]") if key else text

    def _key(self) -> str:
        return os.environ.get(self._settings.api_key_env, "").strip()

    def _headers(self) -> dict[str, str]:
        """Return the key as a header, if the settings name a variable for it.

        Raises:
            JobError: the variable is not set, or its value is not valid in a header.
        """
        variable = self._settings.api_key_env
        if not variable:
            return {}
        key = self._key()
        if not key:
            what = f"the environment variable {variable} is not set"
            raise JobError(what, remedy=f"set {variable} to the key, or remove api_key_env")
        if not (key.isascii() and key.isprintable()):
            what = f"the environment variable {variable} holds more than a key"
            raise JobError(what, remedy=f"set {variable} to the key alone, on one line")
        return {"Authorization": f"Bearer {key}"}

    @cached_property
    def _client(self) -> httpx2.Client:
        """One client per process: it keeps connections open, and its TLS setup costs 60 ms."""
        client: httpx2.Client = library("httpx2", REMOTE).Client()
        weakref.finalize(self, client.close)
        return client

    def _body(self, inputs: list[str]) -> dict[str, object]:
        raise NotImplementedError

    def _rows(self, answer: Any, count: int) -> Answer:
        raise NotImplementedError


class OpenAI(Remote):
    """`POST /v1/embeddings`: OpenAI, vLLM, llama.cpp, LM Studio, text-embeddings-inference."""

    name = "openai"
    path = "/v1/embeddings"

    def _body(self, inputs: list[str]) -> dict[str, object]:
        return {"model": self._settings.model, "input": inputs}

    def _rows(self, answer: Any, count: int) -> Answer:
        data = sorted(answer["data"], key=itemgetter("index"))
        if [item["index"] for item in data] != list(range(count)):
            raise ValueError(f"the indexes are not 0 to {count - 1}")
        return [item["embedding"] for item in data]


class Ollama(Remote):
    """`POST /api/embed`, with the silent truncation of long texts, its default, turned off."""

    name = "ollama"
    path = "/api/embed"

    def _body(self, inputs: list[str]) -> dict[str, object]:
        return {"model": self._settings.model, "input": inputs, "truncate": False}

    def _rows(self, answer: Any, count: int) -> Answer:
        rows = list(answer["embeddings"])
        if len(rows) != count:
            raise ValueError(f"{len(rows)} vectors for {count} texts")
        return rows

    def _remedy(self, status: int, texts: Sequence[Text]) -> str:
        if status == 404:
            return f"ollama pull {self._settings.model}"
        return super()._remedy(status, texts)


_NEEDS = ("url", "model")
_TAKES = ("prefix", "dimension", "api_key_env")
OPENAI = EmbedderType(lambda _, settings: OpenAI(settings), needs=_NEEDS, takes=_TAKES)
OLLAMA = EmbedderType(lambda _, settings: Ollama(settings), needs=_NEEDS, takes=_TAKES)


def _tenacity() -> ModuleType:
    return library("tenacity", REMOTE)


def _wait(state: Any) -> float:
    """Return seconds until the next attempt: 1, 2, 4, 8, or more if the server asked for more.

    Up to 3 s of jitter are added, so that workers that failed together do not retry together.
    """
    own: float = _tenacity().wait_exponential_jitter(initial=1, max=20, jitter=3)(state)
    asked: float = state.outcome.exception().after
    return max(own, asked)
