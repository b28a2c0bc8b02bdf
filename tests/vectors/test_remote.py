"""OpenAI and Ollama, simulated by a real HTTP server on the loopback interface."""

from __future__ import annotations

import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from ledger.errors import JobError, TransientJobError
from ledger.fingerprint import fingerprint
from ledger.process.http import retry_after
from ledger.vectors.embedders import Text
from ledger.vectors.embedders.remote import Ollama, OpenAI, Remote
from ledger.vectors.settings import EmbeddingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("httpx2", reason="pip install 'ledger[remote]'")

KEY = "sk-sesame-4711"
DROP = 0
"""A status that stands for closing the connection without a response."""


class Playing(ThreadingHTTPServer):
    """Answers with `script`, one step a request, then with good vectors.

    A step is (status, body, headers); status 200 with body None means good vectors.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[tuple[int, Any, dict[str, str]]] = []
        self.rule: Callable[[dict[str, Any]], int] = lambda body: 200
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """Return the url for the settings."""
        return f"http://127.0.0.1:{self.server_port}"

    def step(self, status: int, body: Any = None, **headers: str) -> None:
        """Add one step to the script."""
        self.script.append((status, body, {k.replace("_", "-"): v for k, v in headers.items()}))


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Playing
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Record the request, and play the next step."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, **body})
        self.server.headers.append(dict(self.headers))
        status, answer, headers = (
            self.server.script.pop(0) if self.server.script else (self.server.rule(body), None, {})
        )
        if status == DROP:
            self.close_connection = True
            return
        self.reply(status, good(self.path, body) if answer is None else answer, headers)

    def reply(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        """Send one response; text unchanged, anything else as JSON."""
        content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""


def vector(text: str) -> list[float]:
    return [float(len(text)), float(ord(text[-1])), 1.0]


def good(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a correct response; OpenAI's is in reverse order, as the protocol allows."""
    vectors = [vector(text) for text in body["input"]]
    if path == "/api/embed":
        return {"embeddings": vectors}
    data = [{"index": number, "embedding": row} for number, row in enumerate(vectors)]
    return {"data": data[::-1]}


@pytest.fixture
def server() -> Iterator[Playing]:
    with Playing() as playing:
        thread = threading.Thread(target=playing.serve_forever, args=(0.01,))
        thread.start()
        yield playing
        playing.shutdown()
        thread.join()


def dead_url() -> str:
    """Return a URL on which no server listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


WAITS: list[float] = []
"""The delays that an embedder would have slept."""


@pytest.fixture(autouse=True)
def _forget() -> None:
    WAITS.clear()


def make(kind: type[Remote], url: str, **settings: Any) -> Remote:
    return kind(EmbeddingSettings(url=url, model="m1", **settings), sleep=WAITS.append)


def texts(*contents: str) -> list[Text]:
    return [
        Text(f"law/{number}", fingerprint(content), content)
        for number, content in enumerate(contents, 1)
    ]


both = pytest.mark.parametrize("kind", [OpenAI, Ollama])


class TestAnswers:
    """Servers without failures."""

    @both
    def test_vectors_come_back_in_order(self, server: Playing, kind: type[Remote]) -> None:
        """Each text gets its own vector, whatever the order of the response."""
        vectors = make(kind, server.url).embed(texts("a", "bc", "def"))

        assert [vector("a"), vector("bc"), vector("def")] == vectors.tolist()

    @both
    def test_requests_are_small(self, server: Playing, kind: type[Remote]) -> None:
        """130 texts are sent as 64, 64 and 2, and returned in order."""
        contents = [f"text {number}" for number in range(130)]
        vectors = make(kind, server.url).embed(texts(*contents))

        assert [64, 64, 2] == [len(body["input"]) for body in server.asked]
        assert [vector(content) for content in contents] == vectors.tolist()

    def test_the_openai_request(self, server: Playing) -> None:
        """Model and prefixed input are sent to /v1/embeddings, even if the url ends in /v1/."""
        make(OpenAI, f"{server.url}/v1/", prefix="transaction: ").embed(texts("a"))

        assert [
            {"path": "/v1/embeddings", "model": "m1", "input": ["transaction: a"]}
        ] == server.asked

    def test_the_ollama_request(self, server: Playing) -> None:
        """Ollama is asked not to truncate long texts."""
        make(Ollama, server.url).embed(texts("a"))

        assert [
            {"path": "/api/embed", "model": "m1", "input": ["a"], "truncate": False}
        ] == server.asked

    def test_url_model_and_prefix_make_the_space(self) -> None:
        """A different server, model or prefix is a different space; a final slash is not."""
        base = make(OpenAI, "http://a").space

        assert base == make(OpenAI, "http://a/v1/").space
        assert base != make(OpenAI, "http://b").space
        assert base != make(OpenAI, "http://a", prefix="x").space
        assert base != make(Ollama, "http://a").space

    def test_no_texts_no_request(self, server: Playing) -> None:
        """No request is sent for no texts."""
        assert (0, 3) == make(OpenAI, server.url, dimension=3).embed([]).shape
        assert [] == server.asked


class TestRetries:
    """Servers that recover, and servers that do not."""

    @both
    def test_failures_that_pass(self, server: Playing, kind: type[Remote]) -> None:
        """A 429, a 500, a dropped connection and a 503 are retried, with growing delays."""
        server.step(429, "slow down", Retry_After="0")
        server.step(500, "oops")
        server.step(DROP)
        server.step(503)

        assert [vector("a")] == make(kind, server.url).embed(texts("a")).tolist()
        assert 5 == len(server.asked)
        assert [True] * 4 == [
            low <= wait <= low + 3 for low, wait in zip((1, 2, 4, 8), WAITS, strict=True)
        ]

    def test_the_wait_the_server_asks_for(self, server: Playing) -> None:
        """Retry-After is a lower bound of the delay."""
        server.step(429, "slow down", Retry_After="17")
        make(OpenAI, server.url).embed(texts("a"))

        assert [17.0] == WAITS

    def test_five_tries(self, server: Playing) -> None:
        """After five attempts the job is requeued, with the server's last response."""
        for _ in range(9):
            server.step(502, "bad\n gateway")

        with pytest.raises(TransientJobError, match="HTTP 502 bad gateway"):
            make(OpenAI, server.url).embed(texts("a"))

        assert 5 == len(server.asked)

    def test_a_long_wait_is_the_ledgers(self, server: Playing) -> None:
        """A long Retry-After is not slept through: the job is requeued with that delay."""
        server.step(429, "quota", Retry_After="3600")

        with pytest.raises(TransientJobError) as caught:
            make(OpenAI, server.url).embed(texts("a"))

        assert (3600.0, 1, []) == (caught.value.after, len(server.asked), WAITS)

    @both
    def test_a_dead_server(self, kind: type[Remote]) -> None:
        """A refused connection is a transient failure that names the url."""
        url = dead_url()

        with pytest.raises(TransientJobError, match=url):
            make(kind, url).embed(texts("a"))

        assert 4 == len(WAITS)

    def test_retry_after_takes_three_forms(self) -> None:
        """Seconds and dates are understood, up to a day; anything else counts as 0."""
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

        assert 120.0 == retry_after("120")
        assert 80 < retry_after(soon) <= 90
        assert 0.0 == retry_after("Mon, 01 Jan 2001 00:00:00 GMT")
        assert [0.0] * 4 == [retry_after(nonsense) for nonsense in ("", "soon", "-5", "inf")]
        assert 86_400 == retry_after("9" * 400)


class TestRefusals:
    """Permanent failures are reported at once."""

    @both
    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404])
    def test_no_second_try(self, server: Playing, kind: type[Remote], status: int) -> None:
        """A refusal is final, quotes the server, and has a remedy."""
        server.step(status, {"error": "because " + "of this " * 500})

        with pytest.raises(JobError, match=r"refused law/1.*because of this") as caught:
            make(kind, server.url).embed(texts("a"))

        assert not isinstance(caught.value, TransientJobError)
        assert len(caught.value.what) < 500
        assert "m1" in caught.value.context
        assert caught.value.remedy
        assert 1 == len(server.asked)

    def test_a_missing_ollama_model(self, server: Playing) -> None:
        """The remedy for a missing model is the command that downloads it."""
        server.step(404, {"error": "model not found"})

        with pytest.raises(JobError) as caught:
            make(Ollama, server.url).embed(texts("a"))

        assert "ollama pull m1" == caught.value.remedy

    @both
    def test_the_text_at_fault_is_named(self, server: Playing, kind: type[Remote]) -> None:
        """If a request is refused for one text that is too long, that text is named."""
        server.rule = lambda body: 400 if "long" in body["input"] else 200

        with pytest.raises(JobError, match="refused law/2"):
            make(kind, server.url).embed(texts("a", "long", "b"))

    def test_too_much_together(self, server: Playing) -> None:
        """Texts that are too large only together are sent one by one."""
        server.rule = lambda body: 413 if len(body["input"]) > 1 else 200

        assert [vector("a"), vector("b")] == make(OpenAI, server.url).embed(
            texts("a", "b")
        ).tolist()

    @both
    @pytest.mark.parametrize(
        "body", ["<html>hello", "[]", "{}", "null", '{"data": 3, "embeddings": 3}']
    )
    def test_an_answer_of_another_kind(
        self, server: Playing, kind: type[Remote], body: str
    ) -> None:
        """A response outside of the protocol is refused."""
        server.step(200, body)

        with pytest.raises(JobError, match="did not answer with embeddings"):
            make(kind, server.url).embed(texts("a"))

    @pytest.mark.parametrize("indexes", [(0, 0), (1, 2), (0,), (0, 1, 2)])
    def test_indexes_must_fit(self, server: Playing, indexes: tuple[int, ...]) -> None:
        """Missing, duplicate and surplus vectors are refused, never guessed."""
        data = [{"index": index, "embedding": [1, 2]} for index in indexes]
        server.step(200, {"data": data})

        with pytest.raises(JobError, match="indexes are not 0 to 1"):
            make(OpenAI, server.url).embed(texts("a", "b"))

    @pytest.mark.parametrize(
        ("row", "fault"),
        [
            ("[1, 2]", "law/1 has 2 numbers, where the space has 3"),
            ("[1, NaN, 2]", "law/1 holds NaN"),
            ("[1, null, 2]", "law/1 holds NaN"),
            ("[0, 0, 0]", "law/1 is all zero"),
            ('"AACAPw=="', "law/1 is not a list of numbers"),
        ],
    )
    def test_unusable_vectors(self, server: Playing, row: str, fault: str) -> None:
        """Vectors of the wrong width, or with NaN, are refused with the document named."""
        server.step(200, f'{{"embeddings": [{row}]}}')

        with pytest.raises(JobError, match=fault):
            make(Ollama, server.url, dimension=3).embed(texts("a"))

    def test_the_width_may_not_change(self, server: Playing) -> None:
        """Without a dimension in the settings, the first response sets it."""
        embedder = make(Ollama, server.url)
        embedder.embed(texts("a"))
        server.step(200, {"embeddings": [[1, 2]]})

        with pytest.raises(JobError, match="has 2 numbers, where the space has 3"):
            embedder.embed(texts("b"))

    def test_blank_texts_cost_nothing(self, server: Playing) -> None:
        """A blank text is refused before any request is paid for."""
        with pytest.raises(JobError, match="law/2 has no text"):
            make(OpenAI, server.url).embed(texts("a", " "))

        assert [] == server.asked


class TestKey:
    """The API key is sent, and appears nowhere else."""

    @pytest.fixture(autouse=True)
    def _key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEDGER_TEST_KEY", KEY + "\n")

    def test_it_is_sent(self, server: Playing) -> None:
        """The key is sent as a bearer token, without the line break around it."""
        make(OpenAI, server.url, api_key_env="LEDGER_TEST_KEY").embed(texts("a"))

        assert f"Bearer {KEY}" == server.headers[0]["Authorization"]

    def test_without_a_variable_nothing_is_sent(self, server: Playing) -> None:
        """Without api_key_env no Authorization header is sent."""
        make(OpenAI, server.url).embed(texts("a"))

        assert "Authorization" not in server.headers[0]

    @pytest.mark.parametrize("status", [200, 401, 429])
    def test_it_is_in_no_error(self, server: Playing, status: int) -> None:
        """A key that the server repeats is removed from the report."""
        for _ in range(5):
            server.step(status, {"error": f"bad key {KEY} " + "x" * 240 + KEY})
        embedder = make(OpenAI, server.url, api_key_env="LEDGER_TEST_KEY")

        with pytest.raises(JobError) as caught:
            embedder.embed(texts("a"))

        assert KEY not in str(caught.value)
        assert KEY not in f"{vars(embedder)} {embedder.space}"
        assert "bad key [key]" in str(caught.value)

    @pytest.mark.parametrize(
        ("value", "fault"),
        [("", "is not set"), (f"{KEY}\n{KEY}", "holds more than a key"), ("schlüssel", "more")],
    )
    def test_a_bad_key_is_a_problem(
        self, server: Playing, monkeypatch: pytest.MonkeyPatch, value: str, fault: str
    ) -> None:
        """A missing or invalid key is found before any request, and is not shown."""
        monkeypatch.setenv("LEDGER_TEST_KEY", value)
        (problem,) = make(OpenAI, server.url, api_key_env="LEDGER_TEST_KEY").check()

        assert "LEDGER_TEST_KEY" in problem.what
        assert fault in problem.what
        assert KEY not in str(problem)
        assert [] == server.asked


class TestCheck:
    """The preflight sends one request, and reports every failure as one problem."""

    @both
    def test_a_good_server(self, server: Playing, kind: type[Remote]) -> None:
        """A healthy server has no problem after one request."""
        assert [] == make(kind, server.url, dimension=3).check()
        assert 1 == len(server.asked)

    @both
    def test_a_dead_server(self, kind: type[Remote]) -> None:
        """An unreachable server is one problem that names the url, after one attempt."""
        url = dead_url()
        (problem,) = make(kind, url).check()

        assert url in problem.what
        assert [] == WAITS

    @pytest.mark.parametrize(
        ("status", "body", "fault"),
        [
            (401, "who are you", "HTTP 401 who are you"),
            (404, "model not found", "HTTP 404 model not found"),
            (500, "oops", "HTTP 500 oops"),
            (200, "<html>", "did not answer with embeddings"),
            (200, {"embeddings": [[1, 2]]}, "has 2 numbers, where the space has 3"),
        ],
    )
    def test_each_failure_is_a_problem(
        self, server: Playing, status: int, body: Any, fault: str
    ) -> None:
        """A refused key, a missing model and a wrong width are found before the first job."""
        server.step(status, body)
        (problem,) = make(Ollama, server.url, dimension=3).check()

        assert fault in problem.what
        assert problem.remedy
        assert 1 == len(server.asked)

    def test_a_rate_limit_is_no_problem(self, server: Playing) -> None:
        """A server that limits the rate does not keep the run from starting."""
        server.step(429, "slow down")

        assert [] == make(OpenAI, server.url).check()
