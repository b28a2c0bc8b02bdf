"""Engines: where workers run. An engine is a module with a function `start`, found by its name.

The coordinator asks an engine to start a worker, and then only asks whether it has ended, and
how; claims, leases and results go through the ledger itself, so an engine knows no SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from ledger.errors import BadInputError
from ledger.process.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = "local"
ENGINES = Registry("ledger.engines", "engine", {LOCAL: "ledger.engines.local"})


class WorkerCommand(NamedTuple):
    """A worker to start: everything that an engine needs to know.

    `arguments` is the command line, to be run in `folder` with `environment`. Its standard input
    has to be a pipe that the coordinator holds open: when the pipe closes, the worker drains.
    Standard output and error are appended to the file `errors`. `niceness` is added to its
    scheduling priority, as by `nice`.
    """

    arguments: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    errors: Path
    niceness: int = 0


class RunningWorker(Protocol):
    """A worker that an engine has started."""

    @property
    def host(self) -> str:
        """The name of the machine that it runs on."""

    @property
    def pid(self) -> int:
        """The process id on that machine, for the log."""

    def exit_code(self) -> int | None:
        """Return its exit code, -N if signal N ended it, or None while it is alive. Does not wait."""

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""

    def drain(self) -> None:
        """Send SIGTERM: finish the job in flight, then exit. May be called from a signal handler."""

    def kill(self) -> None:
        """Send SIGKILL. May be called from a signal handler."""

    def release(self) -> None:
        """Close what is held open for a worker that has ended."""


class Engine(Protocol):
    """Starts workers somewhere."""

    def start(self, command: WorkerCommand) -> RunningWorker:
        """Start a worker, and return without waiting for it."""


def find_engine(name: str) -> Engine:
    """Return the engine of that name.

    Raises:
        LedgerError: it is not installed, or is not an engine.
    """
    engine = ENGINES.load(name)
    if not callable(getattr(engine, "start", None)):
        remedy = "fix or uninstall that package; docs/engines.md shows an engine that works"
        raise BadInputError([ENGINES.problem(name, "has no function `start`", remedy)])
    return cast("Engine", engine)
