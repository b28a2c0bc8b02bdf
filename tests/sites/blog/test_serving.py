"""`ledger serve`: responses to a browser, and the effect of an edit."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import pytest


class Server:
    """A running server, whose standard error is read line by line."""

    def __init__(self, blog) -> None:
        command = [
            sys.executable,
            "-m",
            "ledger",
            "serve",
            "1",
            "--port",
            "0",
            "-C",
            str(blog.root),
        ]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.streams: list[Any] = []
        self.address = self.heard(r"serving (http://\S+)")[1].rstrip("/")

    def heard(self, pattern: str) -> re.Match[str]:
        """Return the next line that matches."""
        while line := self.process.stderr.readline():
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"it ended, and never said {pattern}")

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=10) as answer:
                return answer.status, answer.read().decode("utf-8")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8")

    def listen(self):
        """Open the stream of build events."""
        stream = urllib.request.urlopen(self.address + "/.ledger/changes", timeout=20)
        self.streams.append(stream)
        return stream

    def end(self) -> None:
        """Send Ctrl+C."""
        for stream in self.streams:
            stream.close()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=20)
        finally:
            self.process.kill()


@pytest.fixture
def server(blog):
    """Serve a blog of one post; return server and blog."""
    blog.post("2024-01-01-a", "First.")
    server = Server(blog)
    server.blog = blog
    yield server
    server.end()


def told(stream) -> str:
    """Return the event of the next build: "" or the reason of its failure."""
    while not (line := stream.readline()).startswith(b"data:"):
        assert line, "the stream has ended"
    said = line.removeprefix(b"data:").strip()
    return json.loads(said) if said else ""


def test_pages_as_a_web_server_shows_them(server):
    """Folders serve their index, missing paths 404.html, and hidden files nothing."""
    (server.blog.root / "site" / ".secret").write_text("x")

    assert "First." in server.get("/2024/01/01/a/")[1]
    assert server.get("/nothing/")[0] == 404
    assert "no such page" in server.get("/nothing/")[1]
    assert server.get("/.secret")[0] == 404
    assert server.get("/../ledger.toml")[0] == 404
    assert server.get("/style.css")[0] == 200


def test_an_edit_is_built_and_told(server):
    """Open pages reload; only the page that changed is written."""
    stream = server.listen()
    time_of = (server.blog.root / "site" / "style.css").stat().st_mtime_ns
    server.blog.post("2024-01-01-a", "Second.")
    server.blog.write("content/2024-01-01-a.md", "---\n---\nSecond.\n", at=int(time.time()))

    assert told(stream) == ""
    assert "Second." in server.get("/2024/01/01/a/")[1]
    assert (server.blog.root / "site" / "style.css").stat().st_mtime_ns == time_of


def test_what_is_wrong_is_told_until_it_is_mended(server):
    """A failed build is reported in the terminal and on the page; the site is unchanged."""
    stream = server.listen()
    server.blog.write("content/b.md", "---\ntitle: [\n---\n")
    while not (error := told(stream)):
        pass
    assert "b.md line" in error
    assert "First." in server.get("/2024/01/01/a/")[1]

    server.blog.write("content/b.md", "---\ntitle: B\n---\n", at=1_700_000_009)
    while told(stream):
        pass
    assert server.get("/b/")[0] == 200


def test_a_port_that_is_taken(server):
    """A port in use is reported, with the remedy."""
    port = server.address.rpartition(":")[2]
    command = [sys.executable, "-m", "ledger", "serve", "--port", port, "-C", str(server.blog.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == 2
    assert "--port" in done.stderr
