"""Structured logs: one JSON Lines file per run in the state folder, shared by all its processes.

Every line is one write to a file opened for appending, so that lines of several processes
never mix. The coordinator logs through structlog. A worker writes the same lines by itself:
importing structlog costs it as much time as all its other imports together.
"""

from __future__ import annotations

import json
import os
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger


def log_path(state: Path, run: int) -> Path:
    """The log of a run."""
    return state / "logs" / f"run-{run:05}.jsonl"


class WorkerLog:
    """A worker's writer to the log of its run; every line carries the fields `bound`."""

    def __init__(self, state: Path, run: int, **bound: Any) -> None:
        self._file = _open(state, run)
        self._bound = {"run": run, **bound}

    def info(self, event: str, **facts: Any) -> None:
        """Log a normal event."""
        self._write("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Log an event that is unusual and handled."""
        self._write("warning", event, facts)

    def error(self, event: str, *, error: BaseException, **facts: Any) -> None:
        """Log a failure of a job, with its traceback."""
        self._write("error", event, {**facts, "exception": _traceback(error)})

    def _write(self, level: str, event: str, facts: dict[str, Any]) -> None:
        line = {**self._bound, **facts, "event": event, "level": level, "timestamp": _now()}
        os.write(self._file, _to_json(line) + b"\n")


def run_log(state: Path, run: int) -> FilteringBoundLogger:
    """The coordinator's logger for a run."""
    import structlog

    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(os.fdopen(_open(state, run), "ab", buffering=0)),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        run=run,
    )
    return logger


def _open(state: Path, run: int) -> int:
    path = log_path(state, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _to_json(event: Any, **_: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
