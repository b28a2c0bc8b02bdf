"""Control from another shell: pause, cancel, stop, detach."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ledger.errors import Exit, LedgerError
from ledger.project.lock import coordinator_lives
from ledger.store import plan, queues
from ledger.store.connection import OperationalError
from ledger.store.store import Store

if TYPE_CHECKING:
    from ledger.project.load import Project

LOOK_SECONDS = 0.05
STOPPING = "stopping: the jobs in flight are finished first (Ctrl+C only ends the waiting)\n"


def pause(project: Project, only: tuple[str, ...], *, paused: bool) -> str:
    """Begin no new jobs in these queues (none named: in all, and no pages), or resume them."""
    with Store(project.ledger_path) as store:
        chosen = queues.chosen_queues(store, only)
        with store.immediate():
            for queue in chosen:
                queues.set_paused(store, queue.phase, paused=paused)
            if not only and paused:
                plan.set_fact(store, "paused", "1")
            elif not only:
                plan.forget_fact(store, "paused")
    what = ", ".join(only) or "everything"
    return f"{what} is paused: ledger resume" if paused else f"{what} resumes with `ledger spawn`"


def refuse_paused(store: Store, phases: set[int], *, pages: bool) -> None:
    """Refuse a run that could begin nothing, since it would wait for ever.

    Raises:
        PausedError: everything that is pending is paused.
    """
    waiting = {count.phase for count in store.counts() if count.pending}
    rows = [row for row in queues.all_queues(store) if row.phase in waiting & phases]
    other = pages and any(phase not in {row.phase for row in rows} for phase in waiting)
    everything = plan.read_fact(store, "paused") is not None
    if (everything and waiting) or (rows and all(row.paused for row in rows) and not other):
        names = ", ".join(row.name for row in rows if row.paused) or "everything"
        raise PausedError(f"paused: {names}", remedy="ledger resume, then `ledger spawn` again")


class PausedError(LedgerError):
    """Everything that is pending is paused."""

    exit_code = Exit.LOCKED


def cancel(project: Project, only: tuple[str, ...], *, key: str | None, uncertain: bool) -> int:
    """Remove the waiting jobs of these queues from the ledger; returns how many.

    With `uncertain` only those that are parked since they may have had their effect.
    """
    with Store(project.ledger_path) as store:
        chosen = {row.phase: row.name for row in queues.chosen_queues(store, only)}
        with store.immediate():
            if uncertain:
                rows = store.reports.uncertain_jobs()
                jobs = [row.id for row in rows if row.open and row.queue in chosen.values()]
            else:
                jobs = [
                    job
                    for phase, name in chosen.items()
                    for job in queues.waiting_jobs(store, phase, f"{name}/{key}" if key else None)
                ]
            queues.drop_jobs(store, jobs)
    return len(jobs)


def stop(project: Project, *, now: bool) -> str:
    """Ask the run in progress to end, and wait until it has.

    Raises:
        LedgerError: no run is in progress.
    """
    pid = _coordinator(project)
    if pid is None:
        raise LedgerError(f"no run is in progress in {project.root}", remedy="nothing to stop")
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        if now:
            os.kill(pid, signal.SIGINT)
    sys.stderr.write(STOPPING if not now else "stopping at once\n")
    sys.stderr.flush()
    while _coordinator(project) == pid:
        time.sleep(LOOK_SECONDS)
    return "stopped; `ledger spawn` continues from here"


def _coordinator(project: Project) -> int | None:
    """The process that plans or builds here, if there is one."""
    if not coordinator_lives(project):
        return None
    text = (project.state / "coordinator").read_text("ascii", "replace").strip()
    return int(text) if text.isdecimal() else None


def detach(project: Project, arguments: list[str]) -> Exit:
    """Start `ledger` with these arguments in a session of its own; return once its run has begun."""
    words = [word for word in arguments if word != "--detach"]
    log, before = project.state / "logs" / "spawn.log", _latest_run(project)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ledger", *words],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    while process.poll() is None and _latest_run(project) == before:
        time.sleep(LOOK_SECONDS)
    if process.poll() not in (None, Exit.DONE):
        sys.stderr.write(log.read_text("utf-8", "replace"))
        return Exit(process.returncode)
    sys.stdout.write(
        f"running in the background (pid {process.pid})\n"
        "  ledger attach    watch it          ledger stop    end it\n"
        f"  its output goes to {log.relative_to(project.root)}\n"
    )
    return Exit.DONE


def _latest_run(project: Project) -> int:
    """The number of the latest run, or 0; a refused run gets no number."""
    try:
        with Store(project.ledger_path, read_only=True) as store:
            run = store.runs.latest()
    except (LedgerError, OperationalError):  # none yet, or it is being migrated
        return 0
    return run.id if run is not None else 0
