"""trial: jobs that do what a test tells them to, and write down that they did.

`jobs.json` names what is planned; `options.json` is read when a job runs: Python that is executed
within the worker, every time or once. `ran` gets a line when a job begins and one when it is over.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from ledger.jobs import Output, Planned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.jobs import Job

needs: tuple[str, ...] = ()
sites = ("trial",)
effects = False


def plan(plan: Any) -> Iterator[Planned]:
    """A job for each key, in that order; each is about one document."""
    jobs = json.loads((plan.project.root / "jobs.json").read_text("utf-8"))
    for position, (key, payload) in enumerate(jobs.items()):
        yield Planned(key, json.dumps(payload), (f"site/{key}.txt",), payload, position=position)


def run(job: Job, context: Any) -> list[Output]:
    """Obey; nobody else may be at the same job meanwhile."""
    root = context.project.root
    code = _ordered(root, job)
    ran = os.open(root / "ran", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    alone = os.open(root / f"alone-{job.key}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.write(ran, f"{job.key} two at once\n".encode())
        os.write(ran, f"{job.key} began\n".encode())
        _obey(code, root, job, context)
        os.write(ran, f"{job.key} over\n".encode())
    finally:
        os.close(ran)
        os.close(alone)
    return [Output(f"site/{job.key}.txt", job.fingerprint, lambda: [job.key.encode()])]


def _ordered(root: Path, job: Job) -> str:
    """What the job is to do this time; when it has begun the order counts as obeyed."""
    options = root / "options.json"
    order = json.loads(options.read_text("utf-8")).get(job.key) if options.exists() else None
    if order is None or (order["once"] and (root / f"obeyed-{job.key}").exists()):
        return ""
    (root / f"obeyed-{job.key}").touch()
    return str(order["code"])


def _obey(code: str, root: Path, job: Job, context: Any) -> None:
    def wait(name: str) -> None:
        while not (root / name).exists():
            time.sleep(0.005)

    names = {"job": job, "context": context, "root": root, "wait": wait}
    exec(code, {**names, "os": os, "signal": signal, "time": time})
