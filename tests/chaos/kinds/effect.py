"""chaos-effect: a job that does something to the world, as one that calls a paid server does.

It holds a lock for as long as it runs, so that two at once are seen, and writes down when it
began, when it took effect and when it was over.
"""

from __future__ import annotations

import fcntl
import os
import sys
from typing import TYPE_CHECKING, Any

from chaos.kinds.bodies import asked, body, linger
from ledger.jobs import Output, Planned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.jobs import Job

needs = ("chaos-early",)
sites = ("chaos",)
effects = True


def path(number: int) -> str:
    """Return the path of the output."""
    return f"site/effect/{number:05}.txt"


def plan(plan: Any) -> Iterator[Planned]:
    """Plan as many jobs as chaos.json asks for."""
    facts = asked(plan.project.root)
    for number in range(facts["effects"]):
        payload = {"number": number, "pause": facts["pause"]}
        yield Planned(f"{number:05}", "1", (path(number),), payload)


def run(job: Job, context: Any) -> list[Output]:
    """Take effect, and write one file about it."""
    _take_effect(context.state_path("effects"), job)
    data = body(f"effect {job.key}", job.fingerprint, job.payload["number"])
    return [Output(path(job.payload["number"]), job.fingerprint, lambda: [data])]


def _take_effect(folder: Path, job: Job) -> None:
    folder.mkdir(exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    file = os.open(folder / job.key, flags, 0o644)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.write(file, b"two at once\n")
        os.write(file, f"began {os.getpid()}\n".encode())
        _perhaps_die()
        linger(job.payload)
        os.write(file, b"took effect\n")
        _perhaps_die()
        os.write(file, b"over\n")
    finally:
        os.close(file)


def _perhaps_die() -> None:
    inside = sys.modules.get("chaos.inside")
    if inside:
        inside.strike("MID_EFFECT")
