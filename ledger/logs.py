"""Structured logs: one JSON Lines file per run in the state folder, shared by all its processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from pathlib import Path


def log_path(state: Path, run: int) -> Path:
    """The log of a run."""
    return state / "logs" / f"run-{run:05}.jsonl"


def open_log(state: Path, run: int, **bound: Any) -> structlog.typing.FilteringBoundLogger:
    """A logger that appends to the log of `run`, with `bound` on every line.

    Each line is one write to a file opened for appending, so that lines of several
    processes never mix.
    """
    path = log_path(state, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab", buffering=0)
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=True,
        run=run,
        **bound,
    )
    return logger


def _to_json(event: Any, **_: Any) -> bytes:
    import json

    return json.dumps(event, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
