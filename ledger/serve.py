"""`ledger serve`: serve the site on this machine; rebuild and reload it after every edit."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ledger.coordinator.spawn import SpawnOptions, run
from ledger.errors import BadInputError, Exit, LedgerError
from ledger.planning.init import plan_project
from ledger.project.load import STATE_FOLDER, load_project
from ledger.text import counted
from ledger.views.outcome import show_outcome
from ledger.views.view import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.project.load import Project

CHANGES = "/.ledger/changes"
# an edit is often several writes
SETTLE_MS = 80
HEARTBEAT_SECONDS = 15.0

# Added to responses, never to files. A page shows the error of its build until that is fixed.
_SCRIPT = b"""<script>(() => {
const source = new EventSource("%s");
source.onmessage = event => {
  if (!event.data) return location.reload();
  const box = document.getElementById("ledger-error") || document.body.appendChild(document.createElement("pre"));
  box.id = "ledger-error"; box.textContent = JSON.parse(event.data);
  box.style.cssText = "position:fixed;inset:auto 0 0 0;max-height:60vh;overflow:auto;margin:0;padding:1rem;background:#7a1010;color:#fff;z-index:9;white-space:pre-wrap";
};
})();</script>""" % CHANGES.encode("ascii")


class Changes:
    """The number and error of the latest build, for which open pages wait."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._number = 0
        self._error = ""

    def publish(self, error: str = "") -> None:
        """Record the end of a build; `error` is empty if it succeeded."""
        with self._condition:
            self._number += 1
            self._error = error
            self._condition.notify_all()

    def now(self) -> int:
        """The number of the last build."""
        return self._number

    def after(self, number: int, seconds: float) -> tuple[int, str] | None:
        """Return (number, error) of a build after that one; None if there is none within `seconds`."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._number > number, seconds):
                return None
            return self._number, self._error


class Handler(SimpleHTTPRequestHandler):
    """Serves the output folder: folders by their index.html, 404.html for missing files."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, changes: Changes, base: str, **more: Any) -> None:
        self._changes = changes
        self._base = base
        super().__init__(*args, **more)

    def do_GET(self) -> None:
        """Answer one request."""
        path = urlsplit(self.path).path
        if path == CHANGES:
            return self._stream()
        if self._base and path == "/":
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", f"{self._base}/")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        return self._send(*self._found(path))

    do_HEAD = do_GET  # noqa: N815  the base class looks for this name

    def _found(self, path: str) -> tuple[Path, HTTPStatus]:
        root = Path(self.directory)
        inside = path.removeprefix(self._base) if path.startswith(f"{self._base}/") else path
        file = Path(self.translate_path(inside))
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
        if file.is_dir():
            file /= "index.html"
        if hidden or not file.is_file():
            return root / "404.html", HTTPStatus.NOT_FOUND
        return file, HTTPStatus.OK

    def _send(self, file: Path, status: HTTPStatus) -> None:
        try:
            data = file.read_bytes()
        except OSError:
            data = b"<!doctype html><title>Nothing here</title><p>There is no such page."
            status, file = HTTPStatus.NOT_FOUND, Path("404.html")
        sort = self.guess_type(file)
        if sort == "text/html":
            data += _SCRIPT
        if sort.startswith("text/") or sort.endswith(("xml", "json")):
            sort += "; charset=utf-8"
        self.send_response(status)
        self.send_header("Content-Type", sort)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _stream(self) -> None:
        """Send a server-sent event for every build."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        number = self._changes.now()
        try:
            while True:
                change = self._changes.after(number, HEARTBEAT_SECONDS)
                if change is None:
                    self.wfile.write(b": still here\n\n")
                    continue
                number, error = change
                self.wfile.write(b"data: %s\n\n" % _quoted(error))
        except OSError:  # the page was closed
            return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing: builds are printed, not requests."""


def _quoted(error: str) -> bytes:
    import json

    return json.dumps(error).encode("utf-8") if error else b""


def serve(folder: Path, *, port: int, workers: int | None, open_browser: bool) -> None:
    """Build, serve on the loopback address, and build again after every edit, until Ctrl+C.

    Raises:
        LedgerError: the port is taken, or watchfiles is not installed.
    """
    watch = _watch()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl+C does
    changes = Changes()
    _build(folder, workers, changes, first=True)
    project = load_project(folder)
    base = urlsplit(project.settings.site.url).path.rstrip("/")
    handler = partial(Handler, directory=str(project.output), changes=changes, base=base)
    server = _server(port, handler)
    threading.Thread(target=server.serve_forever, daemon=True, name="server").start()
    address = f"http://127.0.0.1:{server.server_port}{base}/"
    click.echo(f"serving {address}  (Ctrl+C ends it)", err=True)
    if open_browser:
        click.launch(address)
    try:
        for _ in watch(*_watched(project), watch_filter=_Ours(project), step=SETTLE_MS):
            _build(folder, workers, changes)
    finally:
        server.shutdown()
        server.server_close()


def _watch() -> Callable[..., Any]:
    try:
        from watchfiles import watch
    except ImportError as error:
        raise LedgerError(
            "`ledger serve` needs the package watchfiles", remedy="pip install 'ledger[blog]'"
        ) from error
    return watch


def _server(port: int, handler: Callable[..., Any]) -> ThreadingHTTPServer:
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise LedgerError(
            f"cannot serve on port {port}: {error.strerror}",
            remedy="choose another with --port, or 0 for any that is free",
        ) from error
    server.daemon_threads = True
    return server


def _watched(project: Project) -> list[Path]:
    """Folders to watch: the project, and the corpus if it lies elsewhere."""
    corpus = project.corpus_path.resolve()
    root = project.root.resolve()
    return [root] if corpus.is_relative_to(root) else [root, corpus]


class _Ours:
    """Filter of edits: excludes files that Ledger writes, and temporary files of editors."""

    def __init__(self, project: Project) -> None:
        root = project.root.resolve()
        self._own = tuple(
            f"{root / name}{os.sep}"
            for name in (STATE_FOLDER, project.settings.site.output, ".git")
        )

    def __call__(self, _change: object, path: str) -> bool:
        name = os.path.basename(path)  # noqa: PTH119
        temporary = name.startswith((".", "#")) or name.endswith(("~", ".swp", ".tmp"))
        return not temporary and not f"{path}{os.sep}".startswith(self._own)


def _build(folder: Path, workers: int | None, changes: Changes, *, first: bool = False) -> None:
    """Plan and build what changed; errors are printed, and shown on the open pages.

    Raises:
        LedgerError: the first build fails for a reason that no edit can fix.
    """
    started = time.perf_counter()
    try:
        report = plan_project(folder, None, dry_run=False)
        orders = SpawnOptions(workers=workers, keep_going=True, quiet=True)
        code = run(load_project(folder), orders, View(), show_outcome)
    except LedgerError as error:
        if first and not isinstance(error, BadInputError):
            raise
        click.echo(f"{click.style('error', fg='red', bold=True)}: {error}", err=True)
        return changes.publish(str(error))
    took = time.perf_counter() - started
    if code == Exit.DONE:
        touched = report.changes.added + report.changes.changed + report.changes.removed
        click.echo(f"built in {took:.2f} s, {counted(touched, 'job')}", err=True)
        return changes.publish()
    return changes.publish("some pages failed: see the terminal")
